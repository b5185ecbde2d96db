/** One blob at a relay in memory: answers blob frames as a relay does, unless a test changes the answers. */

import { EMPTY, u64 } from "../../shared/crypto/bytes.ts";
import { errorFrame } from "../../shared/wire/frame-codec.ts";
import type { BlobAppend, ClientFrame, RelayFrame } from "../../shared/wire/frames.ts";

export class FakeBlob {
  bytes: Uint8Array = EMPTY;
  isComplete = false;
  /** Bytes of all slices that came, whatever became of them. */
  takenBytes = 0;
  readonly asked: ClientFrame["type"][] = [];

  /** A complete one, to be read. */
  static of(bytes: Uint8Array): FakeBlob {
    const blob = new FakeBlob();
    blob.bytes = bytes;
    blob.isComplete = true;
    return blob;
  }

  /** Undefined for frames that are not about blobs. */
  answer(frame: ClientFrame): RelayFrame | undefined {
    if (frame.type.startsWith("blob.")) this.asked.push(frame.type);
    switch (frame.type) {
      case "blob.create":
      case "blob.head":
        return this.state(frame.requestId);
      case "blob.append":
        return this.#append(frame);
      case "blob.get": {
        const { requestId, offset, length } = frame;
        const bytes = this.bytes.slice(offset, offset + length);
        return { ...this.state(requestId), type: "blob.slice", offset, bytes };
      }
      default:
        return undefined;
    }
  }

  state(requestId: number): RelayFrame & { readonly type: "blob.state" } {
    const storedBytes = this.bytes.length;
    return {
      type: "blob.state",
      requestId,
      storedBytes,
      isComplete: this.isComplete,
      quietSeconds: 0,
    };
  }

  #append({ requestId, offset, bytes, isLast }: BlobAppend): RelayFrame {
    this.takenBytes += bytes.length;
    if (offset !== this.bytes.length || this.isComplete) {
      return errorFrame(requestId, "WRONG_OFFSET", u64(this.bytes.length));
    }
    const grown = new Uint8Array(offset + bytes.length);
    grown.set(this.bytes);
    grown.set(bytes, offset);
    this.bytes = grown;
    this.isComplete = isLast;
    return this.state(requestId);
  }
}
