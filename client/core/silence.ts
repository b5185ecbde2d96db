/** How long a relay may say nothing before what is for it goes another way, where there is one. */

import type { Clock } from "../net/clock.ts";
import type { Relay } from "../net/requests.ts";

/** Since the last answer or since it was asked, whichever was later. */
export const SILENCE_MS = 10_000;
/** On top for each byte, so that the slowest link (1 KiB/s) is slow and not silent. */
const MS_PER_BYTE = 1;
/** When the last try to connect failed: it is gone, not slow. */
const GONE_MS = 3_000;
const LOOK_MS = 250;

export interface SilenceWatch {
  /** Resolves once the relay counts as silent; never when stopped before. */
  readonly silent: Promise<void>;
  stop(): void;
}

/** `lastAnswerMs` tells when it answered anybody of this process last. */
export function watchSilence(
  clock: Clock,
  relay: Pick<Relay, "state">,
  bytes: number,
  lastAnswerMs: () => number | undefined,
): SilenceWatch {
  const startMs = clock.now();
  let cancel: () => void = () => undefined;
  const silent = new Promise<void>((resolve) => {
    const look = (): void => {
      const quietMs = clock.now() - Math.max(startMs, lastAnswerMs() ?? startMs);
      const { isUp, nextTryMs } = relay.state();
      const isGone = !isUp && nextTryMs !== null && quietMs >= GONE_MS;
      if (isGone || quietMs >= SILENCE_MS + bytes * MS_PER_BYTE) resolve();
      else cancel = clock.after(LOOK_MS, look);
    };
    look();
  });
  return { silent, stop: () => cancel() };
}
