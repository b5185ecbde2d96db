/** A promise that is settled from outside, and may be asked for again. */
export class Milestone {
  isReached = false;
  readonly #waiting: (() => void)[] = [];

  reach(): void {
    this.isReached = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  reached(): Promise<void> {
    return this.isReached
      ? Promise.resolve()
      : new Promise((resolve) => this.#waiting.push(resolve));
  }
}
