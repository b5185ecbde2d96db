/** A channel whose contents a test writes byte by byte: what no honest client would send. */

import { once } from "node:events";
import WebSocket from "ws";
import { concat, EMPTY } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { MESSAGE_KINDS, prologueOf } from "../../shared/wire/channel.ts";
import { verifyAnnouncement } from "../../shared/wire/channel-key.ts";
import { encodeCbor } from "../../shared/wire/codec.ts";
import { decodeRelayContent } from "../../shared/wire/frame-codec.ts";
import type { RelayFrame } from "../../shared/wire/frames.ts";
import {
  HANDSHAKE_OVERHEAD_BYTES,
  openTransport,
  readMessage2,
  sealTransport,
  startInitiator,
  TRANSPORT_OVERHEAD_BYTES,
  type Transport,
  writeMessage1,
} from "../../shared/wire/noise.ts";
import { padContent, withKind } from "../../shared/wire/padding.ts";

export class RawChannel {
  readonly socket: WebSocket;
  #transport: Transport;

  private constructor(socket: WebSocket, transport: Transport) {
    this.socket = socket;
    this.#transport = transport;
  }

  static async open(address: string): Promise<RawChannel> {
    const { hash } = parseRelayAddress(address);
    const socket = new WebSocket(`${address.replace(/^http/, "ws").replace(/#.*/, "")}/v1/ws`);
    const announcement = verifyAnnouncement((await next(socket)).subarray(1), hash);
    const { channelKey, identity } = announcement;
    const start = startInitiator(channelKey, prologueOf(identity), systemRandom);
    const payload = padContent([encodeCbor(EMPTY)], HANDSHAKE_OVERHEAD_BYTES);
    const written = writeMessage1(start, payload);
    socket.send(withKind(MESSAGE_KINDS.channel, written.message));
    const { transport } = readMessage2(written.state, (await next(socket)).subarray(1));
    return new RawChannel(socket, transport);
  }

  /** Content, padded as it should be. */
  send(...content: readonly Uint8Array[]): void {
    this.sendPadded(padContent(content, TRANSPORT_OVERHEAD_BYTES));
  }

  /** Content with whatever padding it has. */
  sendPadded(plaintext: Uint8Array): void {
    const { cipher, message } = sealTransport(this.#transport.send, plaintext);
    this.#transport = { ...this.#transport, send: cipher };
    this.socket.send(concat(Uint8Array.of(MESSAGE_KINDS.channel), message));
  }

  async frames(): Promise<readonly RelayFrame[]> {
    const opened = openTransport(this.#transport.receive, (await next(this.socket)).subarray(1));
    this.#transport = { ...this.#transport, receive: opened.cipher };
    return decodeRelayContent(opened.plaintext);
  }
}

async function next(socket: WebSocket): Promise<Uint8Array> {
  const [data] = (await once(socket, "message")) as [Buffer];
  return Uint8Array.from(data);
}
