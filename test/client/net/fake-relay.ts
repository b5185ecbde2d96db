/**
 * A relay in memory with the relay's side of shared/wire, and a transport that leads to it. Tests
 * change what it answers, cut its sockets, and count what went over each of them.
 */

import {
  type Socket,
  SocketEvents,
  type SocketListener,
  type Transport,
} from "../../../client/net/transport.ts";
import { unreachable } from "../../../client/net/transport-faults.ts";
import { concat, EMPTY } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import {
  type DhKeyPair,
  dhKeyPair,
  type SigningKeyPair,
  signingKeyPair,
  systemRandom,
} from "../../../shared/crypto/sodium.ts";
import { parseRelayHash, type RelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { announcementMessage, refusalMessage } from "../../../shared/wire/channel.ts";
import { type Announcement, signChannelKey } from "../../../shared/wire/channel-key.ts";
import { errorFrame } from "../../../shared/wire/frame-codec.ts";
import type { ChannelKind } from "../../../shared/wire/frame-table.ts";
import type { ClientFrame, RelayFrame } from "../../../shared/wire/frames.ts";
import { relayHash } from "../../../shared/wire/ids.ts";
import { admit } from "../../../shared/wire/preconditions.ts";
import { verifyProof } from "../../../shared/wire/proof.ts";
import {
  acceptChannel,
  type FromClient,
  type RelayChannel,
} from "../../../shared/wire/relay-channel.ts";

export const HOUR = 495_000;

export interface ChannelKey {
  readonly pair: DhKeyPair;
  readonly notBefore: number;
}

/** Answers to one frame; undefined for what the relay does by itself. */
export type Behaviour = (
  frame: ClientFrame,
  connection: FakeConnection,
) => readonly RelayFrame[] | undefined;

export class FakeRelay {
  readonly identity: SigningKeyPair = signingKeyPair(systemRandom(32));
  readonly connections: FakeConnection[] = [];
  readonly seenEphemerals: Set<string> = new Set();
  keys: ChannelKey[] = [newChannelKey(HOUR)];
  epoch: Uint8Array = systemRandom(16);
  hour: number = HOUR;
  framesPerSecond = 200;
  behaviour: Behaviour = () => undefined;
  /** What is said to a client that comes; undefined = nothing at all. */
  greeting: () => Uint8Array | undefined = () => announcementMessage(this.announcement());
  /** Thrown at whoever connects. */
  refusal: Error | undefined;
  /** Connects hang until this is resolved. */
  hold: Promise<void> | undefined;
  attempts = 0;
  /** How many messages 1 are still refused, each with a newer key. */
  refusals = 0;

  get address(): RelayAddress {
    const hash = parseRelayHash(relayHash(this.identity.publicKey));
    return { scheme: "https", host: "relay.example", hash };
  }

  get last(): FakeConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("nobody has connected");
    return connection;
  }

  announcement(): Announcement {
    const [newest] = this.keys;
    if (newest === undefined) throw new Error("the relay has no channel key");
    const signed = signChannelKey(this.identity, newest.pair.publicKey, newest.notBefore);
    return { ...signed, epoch: this.epoch };
  }

  /** Sockets that nobody has closed. */
  get openSockets(): number {
    return this.connections.filter(({ isOpen }) => isOpen).length;
  }

  readonly transport: Transport = {
    connect: async (url, { signal }) => {
      this.attempts++;
      if (url !== "wss://relay.example/v1/ws") throw new Error(`asked for ${url}`);
      await Promise.race([this.hold, aborted(signal, this.hold)]);
      signal.throwIfAborted();
      if (this.refusal !== undefined) throw this.refusal;
      const connection = new FakeConnection(this);
      this.connections.push(connection);
      connection.greet();
      return connection.socket;
    },
    get: async () => EMPTY,
    post: async () => EMPTY,
  };
}

function aborted(signal: AbortSignal, hold: Promise<void> | undefined): Promise<void> | undefined {
  if (hold === undefined) return undefined;
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export function newChannelKey(notBefore: number): ChannelKey {
  return { pair: dhKeyPair(systemRandom(32)), notBefore };
}

/** One socket as the relay has it. */
export class FakeConnection {
  readonly socket: FakeSocket;
  /** Frames of each message from the client, in order. */
  readonly flights: ClientFrame[][] = [];
  /** Messages as they came over the socket. */
  readonly raw: Uint8Array[] = [];
  kind: ChannelKind | undefined;
  channel: RelayChannel | undefined;
  isOpen = true;
  readonly #relay: FakeRelay;
  readonly #proven = new Set<string>();
  #isFresh = false;
  #proofHash: Uint8Array = EMPTY;

  constructor(relay: FakeRelay) {
    this.#relay = relay;
    this.socket = new FakeSocket(this);
  }

  get frames(): readonly ClientFrame[] {
    return this.flights.flat();
  }

  greet(): void {
    const greeting = this.#relay.greeting();
    if (greeting !== undefined) this.sendRaw(greeting);
  }

  sendRaw(message: Uint8Array): void {
    queueMicrotask(() => {
      if (this.isOpen) this.socket.events.message(message);
    });
  }

  /** All in one channel message. */
  send(frames: readonly RelayFrame[]): void {
    if (this.channel === undefined) throw new Error("no channel");
    for (const message of this.channel.sealAll(frames)) this.sendRaw(message);
  }

  /** The network breaks: both sides learn of it. */
  cut(error: TumarError = unreachable("the connection broke off")): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.socket.events.closed(error);
  }

  onMessage(message: Uint8Array): void {
    this.raw.push(message);
    if (!this.isOpen) return;
    const content = this.#open(message);
    if (content === undefined) return;
    this.#proofHash = content.proofHash;
    const frames = content.frames.filter((frame) => frame.type !== "fault");
    this.flights.push(frames);
    const answers = frames.flatMap((frame) => this.#answer(frame));
    if (answers.length > 0 || this.channel?.isOpen === false) this.send(answers);
  }

  #open(message: Uint8Array): FromClient | undefined {
    if (this.channel !== undefined) {
      this.#isFresh = true;
      return this.channel.open(message);
    }
    if (this.#relay.refusals > 0) {
      this.#relay.refusals--;
      this.#relay.keys = [newChannelKey(this.#relay.announcement().notBefore + 1)];
    }
    const { identity, keys, epoch, seenEphemerals } = this.#relay;
    try {
      const pairs = keys.map(({ pair }) => pair);
      const first = acceptChannel(message, identity.publicKey, pairs, systemRandom);
      this.channel = first.channel;
      const isNew = !seenEphemerals.has(first.ephemeralKey.join());
      seenEphemerals.add(first.ephemeralKey.join());
      this.#isFresh = isNew && first.epoch.join() === epoch.join();
      return first;
    } catch (error) {
      if (!(error instanceof TumarError) || error.code !== "CHANNEL_KEY_UNKNOWN") throw error;
      this.sendRaw(refusalMessage(this.#relay.announcement()));
      return undefined;
    }
  }

  #answer(frame: ClientFrame): readonly RelayFrame[] {
    try {
      this.kind = admit(frame, {
        kind: this.kind,
        isFresh: this.#isFresh,
        isProven: (key) => this.#proven.has(key.join()),
      });
    } catch (error) {
      if (!(error instanceof TumarError)) throw error;
      const data = error.code === "RETRY" ? this.#relay.epoch : undefined;
      return [errorFrame(frame.requestId, error.code, data)];
    }
    return this.#relay.behaviour(frame, this) ?? this.#usual(frame);
  }

  #usual(frame: ClientFrame): readonly RelayFrame[] {
    const { requestId } = frame;
    switch (frame.type) {
      case "hello":
        return [helloAnswer(this.#relay, requestId)];
      case "prove":
        this.#proven.add(
          verifyProof(frame, this.#relay.identity.publicKey, this.#proofHash).join(),
        );
        return [{ type: "ok", requestId }];
      case "deposit":
        return [
          {
            type: "receipt",
            requestId,
            hour: this.#relay.hour,
            index: 0,
            path: [],
            signature: new Uint8Array(64),
          },
        ];
      case "subscribe":
        return [
          { type: "ok", requestId },
          { type: "empty", requestId },
        ];
      case "record.get":
        return [errorFrame(requestId, "REFUSED")];
      default:
        return [{ type: "ok", requestId }];
    }
  }
}

export function helloAnswer(relay: FakeRelay, requestId: number): RelayFrame {
  return {
    type: "hello.answer",
    requestId,
    version: 1,
    epoch: relay.epoch,
    hour: relay.hour,
    lives: { mailboxDays: 30, letterboxDays: 45, recordDays: 730 },
    window: 64,
    framesPerSecond: relay.framesPerSecond,
    envelopeBuckets: [1024, 4096, 16384],
    puzzleSeed: EMPTY,
    puzzleBits: 0,
    blobs: { maxBlobBytes: 2 ** 31, blobDays: 30 },
  };
}

/** The client's end. */
class FakeSocket implements Socket {
  readonly events: SocketEvents = new SocketEvents();
  readonly #connection: FakeConnection;
  /** Settable: how much is stuck in the socket. */
  bufferedAmount = 0;

  constructor(connection: FakeConnection) {
    this.#connection = connection;
  }

  send(message: Uint8Array): void {
    const copy = concat(message);
    queueMicrotask(() => this.#connection.onMessage(copy));
  }

  listen(listener: SocketListener): void {
    this.events.listen(listener);
  }

  close(): void {
    this.events.end();
    this.#connection.isOpen = false;
  }
}
