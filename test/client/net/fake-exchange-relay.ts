/**
 * A relay in memory that answers exchanges with the relay's side of shared/wire. One mailbox: what
 * `arrive` puts in is handed out until it is acknowledged. Tests change its answers on the way.
 */

import type { PostOptions, Transport } from "../../../client/net/transport.ts";
import { unreachable } from "../../../client/net/transport-faults.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import {
  type SigningKeyPair,
  signingKeyPair,
  systemRandom,
} from "../../../shared/crypto/sodium.ts";
import { parseRelayHash, type RelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { answerRoom, exchangeRoom } from "../../../shared/wire/answer-room.ts";
import { announcementMessage, refusalMessage } from "../../../shared/wire/channel.ts";
import { type Announcement, signChannelKey } from "../../../shared/wire/channel-key.ts";
import { encodeFrame, errorFrame } from "../../../shared/wire/frame-codec.ts";
import type { ChannelKind } from "../../../shared/wire/frame-table.ts";
import type { ClientFrame, RelayFrame, Subscribe } from "../../../shared/wire/frames.ts";
import { envelopeId, relayHash } from "../../../shared/wire/ids.ts";
import { DELIVER_HEAD_BYTES } from "../../../shared/wire/padding.ts";
import { admit } from "../../../shared/wire/preconditions.ts";
import { verifyProof } from "../../../shared/wire/proof.ts";
import { acceptChannel, type Message1 } from "../../../shared/wire/relay-channel.ts";
import type { FakeClock } from "./fake-clock.ts";
import { type ChannelKey, HOUR, newChannelKey } from "./fake-relay.ts";

/** One exchange as the relay has it. */
export interface FakePost {
  readonly path: string;
  readonly isFresh: boolean;
  readonly signal: AbortSignal;
  readonly message1: Uint8Array;
  /** Empty when no key opened message 1. */
  frames: readonly ClientFrame[];
  answer: Uint8Array | undefined;
}

export const typesOf = ({ frames }: FakePost): string[] => frames.map(({ type }) => type);

export class FakeExchangeRelay {
  readonly identity: SigningKeyPair = signingKeyPair(systemRandom(32));
  readonly posts: FakePost[] = [];
  readonly #clock: FakeClock;
  readonly #seen = new Set<string>();
  readonly #arrivals = new Set<() => void>();
  keys: ChannelKey[] = [newChannelKey(HOUR)];
  epoch: Uint8Array = systemRandom(16);
  framesPerSecond = 200;
  /** Envelopes that wait, oldest first. */
  waiting: Uint8Array[] = [];
  keyRequests = 0;
  /** What `GET /v1/channel-key` gives. */
  channelKey: () => Promise<Uint8Array> = async () => announcementMessage(this.announcement());
  /** Answers to one frame; undefined for what the relay does by itself. */
  behaviour: (frame: ClientFrame) => readonly RelayFrame[] | undefined = () => undefined;
  /** What becomes of an answer on its way. */
  network: (answer: Uint8Array, post: FakePost) => Promise<Uint8Array> = async (answer) => answer;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get address(): RelayAddress {
    const hash = parseRelayHash(relayHash(this.identity.publicKey));
    return { scheme: "https", host: "relay.example", hash };
  }

  /** Exchanges the client still waits for. */
  get open(): readonly FakePost[] {
    return this.posts.filter(({ answer, signal }) => answer === undefined && !signal.aborted);
  }

  announcement(): Announcement {
    const [newest] = this.keys;
    if (newest === undefined) throw new Error("the relay has no channel key");
    const signed = signChannelKey(this.identity, newest.pair.publicKey, newest.notBefore);
    return { ...signed, epoch: this.epoch };
  }

  arrive(...envelopes: readonly Uint8Array[]): void {
    this.waiting.push(...envelopes);
    for (const tell of this.#arrivals) tell();
  }

  readonly transport: Transport = {
    connect: () => Promise.reject(unreachable("no WebSocket here")),
    get: async (url, { signal }) => {
      if (url !== "https://relay.example/v1/channel-key") throw new Error(`asked for ${url}`);
      this.keyRequests++;
      return await orAborted(this.channelKey(), signal);
    },
    post: (url, body, options) => orAborted(this.#post(url, body, options), options.signal),
  };

  async #post(url: string, body: Uint8Array, options: PostOptions): Promise<Uint8Array> {
    const { pathname } = new URL(url);
    const { isFresh, signal } = options;
    const post: FakePost = {
      path: pathname,
      isFresh,
      signal,
      message1: Uint8Array.from(body),
      frames: [],
      answer: undefined,
    };
    this.posts.push(post);
    const answer = await this.#answer(post);
    if (answer.length > options.maxBytes) throw new Error("longer than the client takes");
    const arrived = await this.network(answer, post);
    post.answer = arrived;
    return arrived;
  }

  async #answer(post: FakePost): Promise<Uint8Array> {
    const message1 = this.#opened(post);
    if (message1 === undefined) return refusalMessage(this.announcement());
    const bucket = post.frames.find((frame) => frame.type === "subscribe")?.answerBucket;
    const reserved = post.frames.reduce((sum, { type }) => sum + answerRoom(type).bytes, 0);
    const most = post.path === "/v1/thrifty" ? 4608 : 16_896;
    if (reserved > exchangeRoom(bucket ?? most)) throw new Error("no room for the answers");
    const key = toHex(message1.ephemeralKey);
    const isFresh = !this.#seen.has(key) && toHex(message1.epoch) === toHex(this.epoch);
    this.#seen.add(key);
    const admitted = this.#admission(isFresh, message1.proofHash);
    const answers: RelayFrame[] = [];
    for (const frame of post.frames) {
      const own = admitted(frame) ?? this.behaviour(frame);
      if (own !== undefined) answers.push(...own);
      else if (frame.type === "subscribe") answers.push(...(await this.#deliveries(frame, post)));
      else answers.push(...this.#usual(frame));
    }
    return message1.channel.seal(answers, bucket);
  }

  /** What a frame is refused with; undefined for one that may go on. */
  #admission(
    isFresh: boolean,
    proofHash: Uint8Array,
  ): (frame: ClientFrame) => readonly RelayFrame[] | undefined {
    const proven = new Set<string>();
    let kind: ChannelKind | undefined;
    return (frame) => {
      try {
        kind = admit(frame, { kind, isFresh, isProven: (one) => proven.has(toHex(one)) });
        if (frame.type !== "prove") return undefined;
        proven.add(toHex(verifyProof(frame, this.identity.publicKey, proofHash)));
        return undefined;
      } catch (error) {
        if (!(error instanceof TumarError)) throw error;
        const data = error.code === "RETRY" ? this.epoch : undefined;
        return [errorFrame(frame.requestId, error.code, data)];
      }
    };
  }

  #opened(post: FakePost): Message1 | undefined {
    try {
      const pairs = this.keys.map(({ pair }) => pair);
      const message1 = acceptChannel(post.message1, this.identity.publicKey, pairs, systemRandom);
      post.frames = message1.frames.filter((frame) => frame.type !== "fault");
      return message1;
    } catch (error) {
      if (error instanceof TumarError && error.code === "CHANNEL_KEY_UNKNOWN") return undefined;
      throw error;
    }
  }

  async #deliveries(frame: Subscribe, post: FakePost): Promise<RelayFrame[]> {
    if (this.waiting.length === 0 && frame.waitSeconds > 0) {
      await this.#arrival(frame.waitSeconds * 1000, post.signal);
    }
    const others = post.frames.filter((one) => one !== frame);
    const kept = others.reduce((sum, { type }) => sum + answerRoom(type).bytes, 0);
    let room = exchangeRoom(frame.answerBucket) - kept - encodeFrame(empty(frame)).length;
    const answers: RelayFrame[] = [];
    for (const [i, envelope] of this.waiting.entries()) {
      const id = envelopeId(envelope);
      const isResumed = i === 0 && toHex(frame.resumeEnvelopeId) === toHex(id);
      const offset = isResumed ? frame.resumeOffset : 0;
      const bytes = envelope.subarray(offset, offset + Math.max(0, room - DELIVER_HEAD_BYTES));
      if (bytes.length < Math.min(256, envelope.length - offset)) return answers;
      room -= bytes.length + DELIVER_HEAD_BYTES;
      const total = envelope.length;
      const { requestId } = frame;
      const tag = new Uint8Array(16);
      answers.push({
        type: "deliver",
        requestId,
        tag,
        hour: HOUR,
        envelopeId: id,
        offset,
        total,
        bytes,
      });
      if (offset + bytes.length < total) return answers;
    }
    return [...answers, empty(frame)];
  }

  #arrival(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#arrivals.delete(end);
        resolve();
      };
      const cancel = this.#clock.after(waitMs, end);
      this.#arrivals.add(end);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  #usual(frame: ClientFrame): readonly RelayFrame[] {
    const { requestId } = frame;
    switch (frame.type) {
      case "hello":
        return [
          {
            type: "hello.answer",
            requestId,
            version: 1,
            epoch: this.epoch,
            hour: HOUR,
            lives: { mailboxDays: 30, letterboxDays: 45, recordDays: 730 },
            window: 64,
            framesPerSecond: this.framesPerSecond,
            envelopeBuckets: [1024, 4096, 16384],
            puzzleSeed: new Uint8Array(0),
            puzzleBits: 0,
            blobs: { maxBlobBytes: 2 ** 31, blobDays: 30 },
          },
        ];
      case "deposit": {
        const signature = new Uint8Array(64);
        return [{ type: "receipt", requestId, hour: HOUR, index: 0, path: [], signature }];
      }
      case "record.get":
        return [errorFrame(requestId, "REFUSED")];
      case "prekeys.take":
        return [{ type: "pairs", requestId, total: 0, pairs: [] }];
      case "acknowledge": {
        const done = new Set(frame.envelopeIds.map(toHex));
        this.waiting = this.waiting.filter((one) => !done.has(toHex(envelopeId(one))));
        return [{ type: "ok", requestId }];
      }
      default:
        return [{ type: "ok", requestId }];
    }
  }
}

function empty({ requestId }: Subscribe): RelayFrame {
  return { type: "empty", requestId };
}

/** A request that is given up rejects, whatever becomes of its answer. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  answer.catch(() => {});
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    answer.then(resolve, reject);
  });
}
