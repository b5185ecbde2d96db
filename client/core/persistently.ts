/**
 * For work that somebody waits for at the screen, and whose steps may be repeated: on a bad network a
 * broken connection or a late answer is no reason to give up before the time is over.
 */

import type { Random } from "../../shared/crypto/bytes.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import { asFault } from "./faults.ts";
import { RETRY, retryDelayMs } from "./retry.ts";

/** What the network did, and not the relay. */
const PASSING: ReadonlySet<string> = new Set(["RELAY_UNREACHABLE", "RELAY_TIMEOUT"]);

/**
 * `leftMs` is what is left of the time, for the limits of the task's own requests.
 * @throws what the task threw last
 */
export async function persistently<Result>(
  { clock = systemClock, random }: { readonly clock?: Clock | undefined; readonly random: Random },
  limitMs: number,
  task: (leftMs: number) => Promise<Result>,
): Promise<Result> {
  const end = clock.now() + limitMs;
  for (let failures = 0; ; failures++) {
    try {
      return await task(end - clock.now());
    } catch (error) {
      const delayMs = retryDelayMs(RETRY, failures, random);
      if (!PASSING.has(asFault(error).code) || clock.now() + delayMs >= end) throw error;
      await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    }
  }
}
