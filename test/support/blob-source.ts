/** Sources of blobs for tests: bytes that are there, or that grow. */

import type { BlobSource } from "../../client/net/blob-upload.ts";

/** All there from the beginning, or grown by `add` until `end`. */
export class GrowingSource implements BlobSource {
  readonly #bytes: Uint8Array;
  #available: number;
  #isEnded: boolean;
  #tell: () => void = () => {};

  constructor(bytes: Uint8Array, available: number = bytes.length) {
    this.#bytes = bytes;
    this.#available = available;
    this.#isEnded = available === bytes.length;
  }

  availableBytes(): number {
    return this.#available;
  }

  isEnded(): boolean {
    return this.#isEnded;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#bytes.subarray(offset, Math.min(offset + length, this.#available));
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#tell = resolve;
    });
  }

  add(count: number): void {
    this.#available = Math.min(this.#bytes.length, this.#available + count);
    this.#tell();
  }

  end(): void {
    this.#isEnded = true;
    this.#tell();
  }
}
