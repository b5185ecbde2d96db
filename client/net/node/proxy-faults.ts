/**
 * What goes wrong at a proxy: it is not there, it refuses, or it cannot reach the relay. The errors of
 * the libraries are not kept as causes, because they hold the proxy's login.
 */

import { TumarError } from "../../../shared/crypto/errors.ts";
import { captivePortal, unreachable } from "../transport-faults.ts";

/** Words of `socks` for the replies of RFC 1928 section 6 that mean a rule, not a network. */
const REFUSED = /NotAllowed|CommandNotSupported|AddressTypeNotSupported/;
const LOGIN = /Authentication failed|authentication type/;
const REJECTED = /rejected connection/;

export function socksFault(error: unknown): TumarError {
  const words = error instanceof Error ? error.message : "";
  if (LOGIN.test(words)) return refused("the proxy wants a login, or another one");
  if (!REJECTED.test(words)) return proxyFault(error);
  if (REFUSED.test(words)) return refused("the proxy's rules forbid this connection");
  return unreachable("the proxy cannot reach the relay");
}

/** Nothing came back from it that a proxy of its kind says. */
export function proxyFault(error: unknown): TumarError {
  const words = error instanceof Error ? error.message : "";
  const code =
    /\b(?:E[A-Z]{4,}|ERR_[A-Z_]+|CERT_[A-Z_]+|UNABLE_TO_[A-Z_]+|[A-Z_]*SELF_SIGNED[A-Z_]*)\b/.exec(
      `${(error as NodeJS.ErrnoException).code ?? ""} ${words}`,
    );
  const why = code === null ? "it does not speak as a proxy" : code[0];
  return new TumarError("PROXY_UNREACHABLE", `no connection through the proxy (${why})`);
}

/** What an HTTP proxy answered to CONNECT (RFC 9110 section 9.3.6). */
export function connectRefusal(status: number): TumarError {
  const details = { status };
  if (status === 407) {
    return new TumarError("PROXY_REFUSED", "the proxy wants a login, or another one (407)", {
      details,
    });
  }
  if (status === 511 || (status >= 300 && status < 400)) return captivePortal(status);
  if (status >= 500) return unreachable(`the proxy cannot reach the relay (${status})`);
  return new TumarError("PROXY_REFUSED", `the proxy refuses (${status})`, { details });
}

function refused(what: string): TumarError {
  return new TumarError("PROXY_REFUSED", what);
}
