/**
 * Asks one relay after the other and takes the first good answer: the next is asked when the last has
 * failed, or has been silent for two seconds. Those that are not needed any more are given up.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "../net/clock.ts";
import { asFault } from "./faults.ts";

export const STAGGER_MS = 2_000;

export type Ask<Answer> = (signal: AbortSignal) => Promise<Answer>;

export interface AnswerOptions {
  readonly signal?: AbortSignal | undefined;
  /** An answer that no other relay can make good. */
  isFinal?(fault: TumarError): boolean;
}

/**
 * @throws TumarError what a relay failed with, a fault that may pass before one that will not;
 *   NOT_REGISTERED when there is nobody to ask
 */
export function firstAnswer<Answer>(
  clock: Clock,
  asks: readonly Ask<Answer>[],
  { signal, isFinal = () => false }: AnswerOptions = {},
): Promise<Answer> {
  const giveUp = new AbortController();
  const stop = (): void => giveUp.abort(signal?.reason);
  return new Promise<Answer>((resolve, reject) => {
    let asked = 0;
    let pending = 0;
    let last: TumarError | undefined;
    let cancel: () => void = () => undefined;
    const end = (settle: () => void): void => {
      cancel();
      signal?.removeEventListener("abort", stop);
      settle();
      giveUp.abort(new TumarError("LINK_CLOSED", "another relay has answered"));
    };
    const failed = (fault: TumarError): void => {
      pending -= 1;
      if (last === undefined || !last.retryable) last = fault;
      if (isFinal(fault)) end(() => reject(fault));
      else askNext();
    };
    const askNext = (): void => {
      cancel();
      const ask = giveUp.signal.aborted ? undefined : asks[asked++];
      if (ask !== undefined) {
        pending += 1;
        cancel = clock.after(STAGGER_MS, askNext);
        ask(giveUp.signal).then(
          (answer) => end(() => resolve(answer)),
          (error) => failed(asFault(error)),
        );
      } else if (pending === 0) {
        end(() => reject(last ?? new TumarError("NOT_REGISTERED", "there is no relay to ask")));
      }
    };
    signal?.addEventListener("abort", stop);
    askNext();
  });
}
