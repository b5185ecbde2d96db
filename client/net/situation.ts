/** What stands in the way to a relay, from what its connections met. */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { TransportKind } from "./connection.ts";
import { isOffline } from "./connection-failure.ts";
import type { TransportChoice } from "./transport-choice.ts";
import type { Hindrance } from "./words.ts";

/**
 * `error` is that of a channel that is needed and not up; undefined when there is none. `transport` is
 * the kind in use: a lower one chosen meanwhile, for the next connection, hinders nothing yet.
 */
export function hindranceOf(
  error: TumarError | undefined,
  choice: TransportChoice,
  transport: TransportKind,
): Hindrance {
  const lowered = transport === "websocket" ? "none" : loweredBy(choice);
  if (error === undefined) return lowered;
  switch (error.code) {
    case "CAPTIVE_PORTAL":
      return "login-page";
    case "RELAY_TLS":
      return "tls";
    case "RELAY_MISMATCH":
    case "CHANNEL_KEY_FORGED":
    case "CHANNEL_KEY_STALE":
      return "other-key";
    case "CLOSING":
      return "restarting";
    default:
      if (isOffline(error) || choice.hasTriedAll) return "offline";
      return lowered === "none" ? "unanswered" : lowered;
  }
}

function loweredBy({ loweredBy }: TransportChoice): Hindrance {
  if (loweredBy === undefined) return "none";
  return loweredBy === "frozen" ? "freezes" : "websocket-blocked";
}
