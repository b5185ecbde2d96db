/** Parts of a blob as byte ranges, sorted and apart from each other: what is still to be transferred. */

export interface ByteRange {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

export class ByteRanges {
  #ranges: ByteRange[] = [];

  get first(): ByteRange | undefined {
    return this.#ranges[0];
  }

  add(added: ByteRange): void {
    if (added.from >= added.to) return;
    let { from, to } = added;
    const apart: ByteRange[] = [];
    for (const range of this.#ranges) {
      if (range.to < from || range.from > to) apart.push(range);
      else [from, to] = [Math.min(from, range.from), Math.max(to, range.to)];
    }
    this.#ranges = [...apart, { from, to }].sort((a, b) => a.from - b.from);
  }

  /** What lies below is not wanted any more. */
  dropBelow(offset: number): void {
    this.#ranges = this.#ranges.flatMap(({ from, to }) =>
      to <= offset ? [] : [{ from: Math.max(from, offset), to }],
    );
  }

  clear(): void {
    this.#ranges = [];
  }
}
