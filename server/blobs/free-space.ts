/**
 * Whether the disk has room for blobs: so much stays free that texts, and all else on that disk, go
 * on when blobs do not.
 */

import { statfs } from "node:fs/promises";
import type { Clock } from "../clock.ts";

const LOOK_MS = 1000;

export class FreeSpace {
  readonly #directory: string;
  readonly #floor: number;
  readonly #timer: Clock;
  #free = 0;
  /** Everybody waits for the look that is under way. */
  #looking: Promise<void> | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(directory: string, floor: number, timer: Clock) {
    this.#directory = directory;
    this.#floor = floor;
    this.#timer = timer;
  }

  /** Whether the floor is left when so many bytes are written. */
  async has(bytes: number): Promise<boolean> {
    if (this.#floor === 0) return true;
    if (this.#timer() - this.#lookedMs >= LOOK_MS) {
      this.#lookedMs = this.#timer();
      this.#looking = this.#look();
    }
    await this.#looking;
    return this.#free - bytes >= this.#floor;
  }

  /** Counted until the next look. */
  wrote(bytes: number): void {
    this.#free -= bytes;
  }

  async #look(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory);
    this.#free = bavail * bsize;
  }
}
