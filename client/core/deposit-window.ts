/**
 * How many bytes of envelopes may be under way to one relay. More than a slow line carries in the 30 s
 * of a request would time out and be sent twice, and make an alert wait; less than a fast line carries
 * in a round trip would leave it idle. So it grows while answers are quick.
 */

/** 100 texts each way over 20 kbit/s up: 350 s and 0.9 MB; with 64 KiB, 600 s and 1.6 MB. */
export const LEAST_BYTES = 24_576;
/** 100 KiB/s over 600 ms there and back. */
export const MOST_BYTES = 65_536;
const QUICK_MS = 4_000;

export class DepositWindow {
  #bytes = LEAST_BYTES;

  get bytes(): number {
    return this.#bytes;
  }

  /** The relay has answered for so many bytes, so long after they were handed over. */
  answered(bytes: number, tookMs: number): void {
    if (tookMs <= QUICK_MS) this.#bytes = Math.min(MOST_BYTES, this.#bytes + bytes);
  }

  /** It did not answer. */
  lost(): void {
    this.#bytes = LEAST_BYTES;
  }
}
