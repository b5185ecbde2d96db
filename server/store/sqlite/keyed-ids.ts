/**
 * How identifiers are stored: as BLAKE2b keyed with store.key, so that the file alone matches
 * nobody's mailbox, grant or record, and a known identifier can be looked up but not read back.
 *
 * A writer's public key must be given to readers, so it is stored masked: only a request that
 * names the record id lifts the mask.
 */

import { concat } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";

const LOOKUP_BYTES = 24;
const ENVELOPE_KEY_BYTES = 16;
const WRITER_BYTES = 32;

export class KeyedIds {
  readonly #key: Uint8Array;

  /** `key` is the 32 bytes of store.key; copied. */
  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new RangeError("store.key has 32 bytes");
    this.#key = key.slice();
  }

  /** Stored once, to notice a foreign store.key. */
  check(): Uint8Array {
    return H(this.#key, "store.check", new Uint8Array(0), LOOKUP_BYTES);
  }

  mailbox(mailbox: Uint8Array): Uint8Array {
    return H(this.#key, "store.mailbox", mailbox, LOOKUP_BYTES);
  }

  grant(depositHash: Uint8Array): Uint8Array {
    return H(this.#key, "store.grant", depositHash, LOOKUP_BYTES);
  }

  /** `mailboxKey` is the keyed hash of the mailbox: its raw key is not known at a deposit. */
  envelope(mailboxKey: Uint8Array, envelopeId: Uint8Array): Uint8Array {
    return H(this.#key, "store.envelope", concat(mailboxKey, envelopeId), ENVELOPE_KEY_BYTES);
  }

  blob(blobId: Uint8Array): Uint8Array {
    return H(this.#key, "store.blob", blobId, LOOKUP_BYTES);
  }

  pin(blobId: Uint8Array, pin: Uint8Array): Uint8Array {
    return H(this.#key, "store.pin", concat(blobId, pin), LOOKUP_BYTES);
  }

  record(recordId: Uint8Array): Uint8Array {
    return H(this.#key, "store.record", recordId, LOOKUP_BYTES);
  }

  owner(owner: Uint8Array): Uint8Array {
    return H(this.#key, "store.owner", owner, LOOKUP_BYTES);
  }

  writer(recordId: Uint8Array, writer: Uint8Array): Uint8Array {
    return H(this.#key, "store.writer", concat(recordId, writer), LOOKUP_BYTES);
  }

  token(recordId: Uint8Array, token: Uint8Array): Uint8Array {
    return H(this.#key, "store.token", concat(recordId, token), LOOKUP_BYTES);
  }

  /** Masks a writer's public key, or lifts the mask. `writerKey` makes each mask unique. */
  maskWriter(recordId: Uint8Array, writerKey: Uint8Array, writer: Uint8Array): Uint8Array {
    const mask = H(this.#key, "store.mask", concat(recordId, writerKey), WRITER_BYTES);
    return mask.map((byte, i) => byte ^ (writer[i] ?? 0));
  }
}
