/** When something that failed is tried again: full jitter, uniform below an exponentially growing bound. */

import type { Random } from "../../shared/crypto/bytes.ts";

export interface RetryPolicy {
  readonly baseMs: number;
  readonly capMs: number;
}

export const RETRY: RetryPolicy = { baseMs: 500, capMs: 30_000 };

export function retryDelayMs(
  { baseMs, capMs }: RetryPolicy,
  failures: number,
  random: Random,
): number {
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(failures, 10));
  const [a = 0, b = 0] = random(2);
  return (bound * (a * 256 + b)) / 65536;
}
