/**
 * The client's side of a channel, the same over a WebSocket and in an exchange.
 *
 *     start ──seal (message 1)──> waiting ──open (message 2)──> open ──seal, open──> …
 *                                    └────open (refused)──> start again with the newer key
 *
 * Nothing changes when a call throws. One object for one connection or exchange.
 */

import { EMPTY, type Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  brokenIfSealed,
  channelBody,
  MESSAGE_KINDS,
  prologueOf,
  TransportChannel,
} from "./channel.ts";
import type { Announcement } from "./channel-key.ts";
import { encodeCbor } from "./codec.ts";
import { decodeRelayContent, encodeFrame } from "./frame-codec.ts";
import type { ClientFrame, RelayFrame } from "./frames.ts";
import {
  HANDSHAKE_OVERHEAD_BYTES,
  type InitiatorStart,
  type InitiatorWaiting,
  readMessage2,
  startInitiator,
  writeMessage1,
} from "./noise.ts";
import {
  frameRoom,
  type MessagePhase,
  type MessageRoom,
  messageRoom,
  packFrames,
  padContent,
  withKind,
} from "./padding.ts";

type State =
  | { readonly phase: "start"; readonly noise: InitiatorStart }
  | { readonly phase: "waiting"; readonly noise: InitiatorWaiting }
  | { readonly phase: "open"; readonly transport: TransportChannel };

/** `announcement` bytes go to `verifyAnnouncement`, after a refusal to `keyAfterRefusal`. */
export type FromRelay =
  | { readonly kind: "frames"; readonly frames: readonly RelayFrame[] }
  | { readonly kind: "announcement"; readonly announcement: Uint8Array }
  | { readonly kind: "refused"; readonly announcement: Uint8Array };

/** What one exchange brings back. */
export type ExchangeAnswer = Exclude<FromRelay, { readonly kind: "announcement" }>;

export class ClientChannel {
  readonly #epoch: Uint8Array;
  #state: State;

  private constructor(epoch: Uint8Array, state: State) {
    this.#epoch = epoch;
    this.#state = state;
  }

  /**
   * `announcement` comes from `verifyAnnouncement`; `epoch` is the newest the client knows, or empty,
   * when message 1 may hold only frames that need none.
   */
  static start(
    announcement: Announcement,
    random: Random,
    epoch: Uint8Array = announcement.epoch,
  ): ClientChannel {
    const { channelKey, identity } = announcement;
    const noise = startInitiator(channelKey, prologueOf(identity), random);
    return new ClientChannel(epoch, { phase: "start", noise });
  }

  get isOpen(): boolean {
    return this.#state.phase === "open";
  }

  /** h* for the proofs in the next message. RangeError while message 2 is awaited. */
  get proofHash(): Uint8Array {
    const state = this.#state;
    if (state.phase === "open") return state.transport.handshakeHash;
    if (state.phase === "start") return state.noise.proofHash;
    throw new RangeError("message 2 has not come yet");
  }

  /** Bytes of encoded frames the next message can carry in `bucket`. */
  frameRoom(bucket?: number): number {
    return frameRoom(this.#phase, bucket);
  }

  /** The same of an ordinary message and of the largest. */
  get messageRoom(): MessageRoom {
    return messageRoom(this.#phase);
  }

  /** Message 1 at first, later transport messages. RangeError while message 2 is awaited. */
  seal(frames: readonly ClientFrame[], bucket?: number): Uint8Array {
    return this.#seal(frames.map(encodeFrame), bucket);
  }

  /** As many messages as the frames need; before message 2 that must be one. */
  sealAll(frames: readonly ClientFrame[]): Uint8Array[] {
    const groups = packFrames(frames.map(encodeFrame), this.messageRoom);
    if (!this.isOpen && groups.length > 1) throw new RangeError("frames do not fit message 1");
    return groups.map((group) => this.#seal(group));
  }

  /** @throws TumarError CHANNEL_BROKEN, CHANNEL_EXHAUSTED, MALFORMED, UNKNOWN_FRAME, BAD_FRAME */
  open(message: Uint8Array): FromRelay {
    const state = this.#state;
    if (state.phase === "open") {
      return { kind: "frames", frames: decodeRelayContent(state.transport.open(message)) };
    }
    const [kind] = message;
    if (kind === MESSAGE_KINDS.announcement) {
      return { kind: "announcement", announcement: message.subarray(1) };
    }
    if (state.phase === "start") throw new TumarError("CHANNEL_BROKEN", "no message 1 was sent");
    if (kind === MESSAGE_KINDS.refused) {
      return { kind: "refused", announcement: message.subarray(1) };
    }
    return { kind: "frames", frames: this.#openMessage2(state.noise, message) };
  }

  /**
   * The answer to an exchange: message 2 of at most `maxBytes`, after which the channel is of no more
   * use, or a refusal. @throws TumarError as `open`; CHANNEL_BROKEN for anything else
   */
  openAnswer(answer: Uint8Array, maxBytes: number): ExchangeAnswer {
    if (this.#state.phase !== "waiting") throw new RangeError("message 1 was not sent");
    if (answer.length > maxBytes) throw new TumarError("CHANNEL_BROKEN", "the answer is too long");
    const opened = this.open(answer);
    if (opened.kind !== "announcement") return opened;
    throw new TumarError("CHANNEL_BROKEN", "not the answer to an exchange");
  }

  /** Of the next message. */
  get #phase(): MessagePhase {
    if (this.#state.phase !== "start") return "transport";
    return this.#epoch.length > 0 ? "message1" : "message1WithoutEpoch";
  }

  #seal(frames: readonly Uint8Array[], bucket?: number): Uint8Array {
    const state = this.#state;
    if (state.phase === "open") return state.transport.seal(frames, bucket);
    if (state.phase === "waiting") throw new RangeError("message 2 has not come yet");
    const payload = padContent(
      [encodeCbor(this.#epoch), ...frames],
      HANDSHAKE_OVERHEAD_BYTES,
      bucket,
    );
    const written = writeMessage1(state.noise, payload);
    this.#state = { phase: "waiting", noise: written.state };
    return withKind(MESSAGE_KINDS.channel, written.message);
  }

  #openMessage2(noise: InitiatorWaiting, message: Uint8Array): RelayFrame[] {
    const body = channelBody(message);
    try {
      const { transport, payload } = readMessage2(noise, body);
      const frames = decodeRelayContent(payload);
      this.#state = { phase: "open", transport: new TransportChannel(transport) };
      return frames;
    } catch (error) {
      throw brokenIfSealed(error);
    }
  }
}

/** For a message 1 that needs no epoch. */
export const NO_EPOCH: Uint8Array = EMPTY;
