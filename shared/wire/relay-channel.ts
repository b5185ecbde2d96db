/**
 * The relay's side of a channel, the same over a WebSocket and in an exchange.
 *
 *     acceptChannel (message 1) ──> answering ──seal (message 2)──> open ──seal, open──> …
 *
 * Nothing changes when a call throws. Frames come with the h* their proofs must be over.
 */

import type { Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import type { DhKeyPair, SigningPublicKey } from "../crypto/sodium.ts";
import { channelBody, MESSAGE_KINDS, prologueOf, TransportChannel } from "./channel.ts";
import { type CborValue, decodePaddedSequence } from "./codec.ts";
import {
  decodeClientContent,
  encodeFrame,
  type FrameFault,
  parseClientFrame,
} from "./frame-codec.ts";
import type { ClientFrame, RelayFrame } from "./frames.ts";
import { EPOCH_BYTES } from "./limits.ts";
import {
  HANDSHAKE_OVERHEAD_BYTES,
  type ResponderReady,
  readMessage1,
  writeMessage2,
} from "./noise.ts";
import { frameRoom, messageRoom, packFrames, padContent, withKind } from "./padding.ts";

export interface FromClient {
  readonly frames: readonly (ClientFrame | FrameFault)[];
  /** h* of `prove` frames among them. */
  readonly proofHash: Uint8Array;
}

export interface Message1 extends FromClient {
  readonly channel: RelayChannel;
  /** As the client sent it: empty, or 16 bytes for the relay to compare. */
  readonly epoch: Uint8Array;
  /** The client's ephemeral key: seen twice within the epochs accepted, it is a replay. */
  readonly ephemeralKey: Uint8Array;
}

/**
 * Opens message 1 with the first of `keys` (newest first) that fits.
 * @throws TumarError CHANNEL_BROKEN (close), CHANNEL_KEY_UNKNOWN (answer `refusalMessage`),
 *   MALFORMED (close)
 */
export function acceptChannel(
  message: Uint8Array,
  identity: SigningPublicKey,
  keys: readonly DhKeyPair[],
  random: Random,
): Message1 {
  const { state, payload, proofHash } = openMessage1(channelBody(message), identity, keys);
  const [epoch, ...items] = decodePaddedSequence(payload);
  return {
    channel: new RelayChannel(state, random),
    epoch: parseEpoch(epoch),
    ephemeralKey: state.remoteEphemeral,
    frames: items.map(parseClientFrame),
    proofHash,
  };
}

type State =
  | { readonly phase: "answering"; readonly noise: ResponderReady }
  | { readonly phase: "open"; readonly transport: TransportChannel };

/** Minted by `acceptChannel`. */
export class RelayChannel {
  readonly #random: Random;
  #state: State;

  constructor(noise: ResponderReady, random: Random) {
    this.#random = random;
    this.#state = { phase: "answering", noise };
  }

  get isOpen(): boolean {
    return this.#state.phase === "open";
  }

  /** Bytes of encoded frames the next message can carry in `bucket`. */
  frameRoom(bucket?: number): number {
    return frameRoom(this.isOpen ? "transport" : "message2", bucket);
  }

  /** Message 2 at first, later transport messages. RangeError when the frames do not fit. */
  seal(frames: readonly RelayFrame[], bucket?: number): Uint8Array {
    return this.sealEncoded(frames.map(encodeFrame), bucket);
  }

  /** As many messages as the frames need. In an exchange only the first can be sent. */
  sealAll(frames: readonly RelayFrame[]): Uint8Array[] {
    const first = messageRoom(this.isOpen ? "transport" : "message2");
    const groups = packFrames(frames.map(encodeFrame), first, messageRoom("transport"));
    return groups.map((group) => this.sealEncoded(group));
  }

  /** As `seal`, of frames that `encodeFrame` has turned into bytes. */
  sealEncoded(frames: readonly Uint8Array[], bucket?: number): Uint8Array {
    const state = this.#state;
    if (state.phase === "open") return state.transport.seal(frames, bucket);
    const payload = padContent(frames, HANDSHAKE_OVERHEAD_BYTES, bucket);
    const { transport, message } = writeMessage2(state.noise, payload, this.#random);
    this.#state = { phase: "open", transport: new TransportChannel(transport) };
    return withKind(MESSAGE_KINDS.channel, message);
  }

  /** @throws TumarError CHANNEL_BROKEN, CHANNEL_EXHAUSTED, MALFORMED: all end the connection */
  open(message: Uint8Array): FromClient {
    const state = this.#state;
    if (state.phase !== "open") {
      throw new TumarError("CHANNEL_BROKEN", "a client waits for message 2");
    }
    const frames = decodeClientContent(state.transport.open(message));
    return { frames, proofHash: state.transport.handshakeHash };
  }
}

function openMessage1(
  body: Uint8Array,
  identity: SigningPublicKey,
  keys: readonly DhKeyPair[],
): ReturnType<typeof readMessage1> {
  const prologue = prologueOf(identity);
  for (const key of keys) {
    try {
      return readMessage1(body, key, prologue);
    } catch (error) {
      if (!(error instanceof TumarError)) throw error;
    }
  }
  throw new TumarError("CHANNEL_KEY_UNKNOWN", "no channel key opens message 1");
}

function parseEpoch(item: CborValue | undefined): Uint8Array {
  if (item instanceof Uint8Array && (item.length === 0 || item.length === EPOCH_BYTES)) return item;
  throw new TumarError("MALFORMED", "message 1 does not begin with an epoch");
}
