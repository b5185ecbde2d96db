/**
 * Puts an envelope together from the slices it is delivered in, and lets it out only when it is
 * whole and its id is the hash of its bytes. What is held of one outlives a broken connection, so
 * that the next subscription asks for the rest only.
 */

import { EMPTY, equalBytes, toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { Deliver } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import type { Delivery } from "./requests.ts";

interface Part {
  readonly tag: Uint8Array;
  readonly envelopeId: Uint8Array;
  readonly bytes: Uint8Array;
  held: number;
}

/** The one under way, and one begun on an earlier connection that older envelopes come before. */
const MAX_PARTS = 2;

export class EnvelopeSlices {
  readonly #parts = new Map<string, Part>();

  /** Where the next subscription goes on. */
  get resume(): { readonly resumeEnvelopeId: Uint8Array; readonly resumeOffset: number } {
    const part = [...this.#parts.values()].at(-1);
    return { resumeEnvelopeId: part?.envelopeId ?? EMPTY, resumeOffset: part?.held ?? 0 };
  }

  /**
   * The envelope once it is whole, "corrupt" when its bytes are not those of its id.
   * @throws TumarError RELAY_FAULT for a slice that does not continue what is held
   */
  add(slice: Deliver): Delivery | "corrupt" | undefined {
    const part = slice.offset === 0 ? this.#begun(slice) : this.#continued(slice);
    if (slice.bytes.length > part.bytes.length - part.held) {
      throw new TumarError("RELAY_FAULT", "a slice beyond the end of its envelope");
    }
    part.bytes.set(slice.bytes, part.held);
    part.held += slice.bytes.length;
    if (part.held < part.bytes.length) return undefined;
    this.#parts.delete(toHex(part.envelopeId));
    if (!equalBytes(envelopeId(part.bytes), part.envelopeId)) return "corrupt";
    const { tag, envelopeId: id, bytes: envelope } = part;
    return { tag, hour: slice.hour, envelopeId: id, envelope };
  }

  #begun({ tag, envelopeId: id, total }: Deliver): Part {
    const part: Part = { tag, envelopeId: id, bytes: new Uint8Array(total), held: 0 };
    const key = toHex(id);
    this.#parts.delete(key);
    this.#parts.set(key, part);
    const [oldest] = this.#parts.keys();
    if (this.#parts.size > MAX_PARTS && oldest !== undefined) this.#parts.delete(oldest);
    return part;
  }

  #continued(slice: Deliver): Part {
    const part = this.#parts.get(toHex(slice.envelopeId));
    const isNext =
      part !== undefined &&
      equalBytes(part.tag, slice.tag) &&
      part.held === slice.offset &&
      part.bytes.length === slice.total;
    if (!isNext) throw new TumarError("RELAY_FAULT", "a slice out of order");
    return part;
  }
}
