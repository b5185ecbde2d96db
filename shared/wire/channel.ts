/**
 * What the client's and the relay's side of a channel share: kinds of message, prologue, and the
 * transport that both have once the handshake is done.
 *
 *     0x00 ‖ announcement      relay, in the clear: its first message on a WebSocket
 *     0x01 ‖ Noise message     either side, exactly one of CHANNEL_BUCKETS in all
 *     0x02 ‖ announcement      relay, in the clear: no key opens message 1; use this one
 *
 * prologue = lp(u8 protocol version, relay identity key). Normative text: docs/PROTOCOL.md 3.
 */

import { lp, u8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import type { SigningPublicKey } from "../crypto/sodium.ts";
import { type Announcement, encodeAnnouncement } from "./channel-key.ts";
import { PROTOCOL_VERSION } from "./limits.ts";
import { openTransport, sealTransport, TRANSPORT_OVERHEAD_BYTES, type Transport } from "./noise.ts";
import { isBucket, padContent, withKind } from "./padding.ts";

export const MESSAGE_KINDS = { announcement: 0, channel: 1, refused: 2 } as const;

export function prologueOf(identity: SigningPublicKey): Uint8Array {
  return lp(u8(PROTOCOL_VERSION), identity);
}

/** The relay's first message on a WebSocket, and the body of `GET /v1/channel-key`. */
export function announcementMessage(announcement: Announcement): Uint8Array {
  return withKind(MESSAGE_KINDS.announcement, encodeAnnouncement(announcement));
}

/** The answer to a message 1 that no key opens. */
export function refusalMessage(announcement: Announcement): Uint8Array {
  return withKind(MESSAGE_KINDS.refused, encodeAnnouncement(announcement));
}

/** The Noise message inside. @throws TumarError CHANNEL_BROKEN */
export function channelBody(message: Uint8Array): Uint8Array {
  if (message[0] !== MESSAGE_KINDS.channel || !isBucket(message.length)) {
    throw new TumarError("CHANNEL_BROKEN", "not a channel message");
  }
  return message.subarray(1);
}

/** A failure of the channel's cryptography is CHANNEL_BROKEN; other faults keep their code. */
export function brokenIfSealed(error: unknown): unknown {
  const isSealed = error instanceof TumarError && SEAL_FAULTS.has(error.code);
  if (!isSealed) return error;
  return new TumarError("CHANNEL_BROKEN", "channel message does not open", { cause: error });
}

const SEAL_FAULTS: ReadonlySet<string> = new Set(["CANNOT_OPEN", "BAD_KEY"]);

/** Both directions after the handshake. Moves on only when a message was sealed or opened. */
export class TransportChannel {
  #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get handshakeHash(): Uint8Array {
    return this.#transport.handshakeHash;
  }

  /** @throws TumarError CHANNEL_EXHAUSTED; RangeError when the frames do not fit */
  seal(frames: readonly Uint8Array[], bucket?: number): Uint8Array {
    const plaintext = padContent(frames, TRANSPORT_OVERHEAD_BYTES, bucket);
    const { cipher, message } = sealTransport(this.#transport.send, plaintext);
    this.#transport = { ...this.#transport, send: cipher };
    return withKind(MESSAGE_KINDS.channel, message);
  }

  /** The padded content. @throws TumarError CHANNEL_BROKEN, CHANNEL_EXHAUSTED */
  open(message: Uint8Array): Uint8Array {
    const body = channelBody(message);
    try {
      const { cipher, plaintext } = openTransport(this.#transport.receive, body);
      this.#transport = { ...this.#transport, receive: cipher };
      return plaintext;
    } catch (error) {
      throw brokenIfSealed(error);
    }
  }
}
