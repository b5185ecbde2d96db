/**
 * Bytes in memory that wait for a disk: counted in all, so that whoever brings them is not read while
 * there are too many.
 */

export class ByteBudget {
  readonly #most: number;
  #held = 0;
  #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  get isFull(): boolean {
    return this.#held > this.#most;
  }

  /** Counts them, also beyond the bound; call the result when they are let go of. */
  hold(bytes: number): () => void {
    this.#held += bytes;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#held -= bytes;
      if (!this.isFull) this.#wake();
    };
  }

  /** Resolves when it is not full. */
  async room(): Promise<void> {
    while (this.isFull) await this.#change();
  }

  /** As `hold`, once it is not full; who comes after it waits if these fill it. */
  async take(bytes: number): Promise<() => void> {
    while (this.isFull) await this.#change();
    return this.hold(bytes);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
