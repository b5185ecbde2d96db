/**
 * What may be asked of a relay, what it answers, and which requests belong to which kind of channel,
 * as types: `request({ type: "deposit", ... })` is known to give a `receipt`.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair, SigningPublicKey } from "../../shared/crypto/sodium.ts";
import type {
  BlobSliceFrame,
  BlobStateFrame,
  ClientFrame,
  HelloAnswer,
  Left,
  Ok,
  Pairs,
  ReceiptFrame,
  RecordFrame,
} from "../../shared/wire/frames.ts";
import type { TransportKind } from "./connection.ts";
import type { Situation } from "./words.ts";

interface Answers {
  readonly hello: HelloAnswer;
  readonly prove: Ok;
  readonly "mailbox.create": Ok;
  readonly "mailbox.grant": Ok;
  readonly "mailbox.revoke": Ok;
  readonly "mailbox.delete": Ok;
  readonly subscribe: Ok;
  readonly acknowledge: Ok;
  readonly deposit: ReceiptFrame;
  readonly "record.get": RecordFrame;
  readonly "record.put": Ok;
  readonly "record.writers": Ok;
  readonly "prekeys.publish": Left;
  readonly "prekeys.take": Pairs;
  readonly "blob.create": BlobStateFrame;
  readonly "blob.append": BlobStateFrame;
  readonly "blob.head": BlobStateFrame;
  readonly "blob.get": BlobSliceFrame;
}

export type RequestType = ClientFrame["type"];
export type AnswerTo<Type extends RequestType> = Answers[Type];

type Bodies = { readonly [Frame in ClientFrame as Frame["type"]]: Omit<Frame, "requestId"> };

/** A client frame without its request id, which the connection chooses. */
export type RequestBody<Type extends RequestType = RequestType> = Bodies[Type];

/** Sent for the caller over an owner channel; `prove`, `subscribe` and `acknowledge` go by themselves. */
export type OwnerRequestType =
  | "mailbox.create"
  | "mailbox.grant"
  | "mailbox.revoke"
  | "mailbox.delete"
  | "record.put"
  | "record.writers"
  | "prekeys.publish";

export type SenderRequestType =
  | "deposit"
  | "record.get"
  | "prekeys.take"
  | "blob.create"
  | "blob.append"
  | "blob.head"
  | "blob.get";

export interface RequestOptions {
  /** From now to the answer, waiting for a connection included. */
  readonly timeoutMs?: number;
  /** Gives the request up; what was sent may still be done by the relay. */
  readonly signal?: AbortSignal;
  /**
   * Requests with the same object keep their order and go over one connection: they go down with it, sent
   * or not, and so does what is asked for it afterwards.
   */
  readonly journey?: object;
  /** What is under way already waits for it at the relay: it goes before its like, at once. */
  readonly isAwaited?: boolean;
}

export interface OwnerRequestOptions extends RequestOptions {
  /** The mailbox, writer or owner key the frame names; proven once for each channel. */
  readonly proveWith: SigningKeyPair;
}

/** One envelope, whole and checked against its id. */
export interface Delivery {
  /** Of the grant it came through. */
  readonly tag: Uint8Array;
  /** When it was deposited, by the relay's clock: hours since 1970 UTC. */
  readonly hour: number;
  readonly envelopeId: Uint8Array;
  readonly envelope: Uint8Array;
}

export interface SubscribeOptions {
  /** Envelopes that may be under way before the first is acknowledged; at most the relay's window. */
  readonly credit?: number;
  onDeliver(delivery: Delivery): void;
  /** The relay took the subscription, now or again after a broken connection. */
  onSubscribed?(): void;
  /** All that waited when the relay took the subscription has been delivered. */
  onDrained?(): void;
  /**
   * It is over and is not renewed: TAKEN_OVER, or what the relay refused it with. A broken
   * connection does not end it; what was not acknowledged comes again.
   */
  onEnded(error: TumarError): void;
  /**
   * An envelope whose bytes are not those of its id: damaged at the relay. It is not delivered; it
   * comes again with the next subscription, and holds its credit until then unless acknowledged.
   * Damaged a second time, it is acknowledged by itself.
   */
  onCorrupt?(envelopeId: Uint8Array): void;
}

export interface Subscription {
  /**
   * Says that these envelopes are safely kept, so that the relay deletes them. Ids given in one turn
   * travel together.
   */
  acknowledge(envelopeIds: readonly Uint8Array[]): Promise<void>;
  /** Stops listening; idempotent. The relay keeps what was not acknowledged. */
  close(): void;
}

/** Requests over owner channels. */
export interface OwnerRequests {
  request<Type extends OwnerRequestType>(
    body: RequestBody<Type> & { readonly type: Type },
    options: OwnerRequestOptions,
  ): Promise<AnswerTo<Type>>;
  /** `mailbox` is the mailbox's own key pair. */
  subscribe(mailbox: SigningKeyPair, options: SubscribeOptions): Subscription;
  /** Opens the channel ahead of the first request, which then takes one round trip. */
  warm(): void;
}

/** Requests over sender channels, which prove nothing. */
export interface SenderRequests {
  request<Type extends SenderRequestType>(
    body: RequestBody<Type> & { readonly type: Type },
    options?: RequestOptions,
  ): Promise<AnswerTo<Type>>;
}

/** What a person is told about a relay. */
export interface LinkState {
  readonly isUp: boolean;
  /** Until the next try to connect; null while connected, connecting or not needed. */
  readonly nextTryMs: number | null;
  /** Plain words; empty while all is well. */
  readonly reason: string;
  readonly error: TumarError | null;
  /** Of the connection in use, or of the next try. */
  readonly transport: TransportKind;
  /** What is done now and what stands in the way, in plain words (words.ts). */
  readonly trying: string;
  /** What `trying` says, for other languages. */
  readonly situation: Situation;
}

/** What the relay told in `hello` that its users need. */
export interface RelayFacts {
  /** Verifies receipts. */
  readonly identity: SigningPublicKey;
  readonly hello: HelloAnswer;
}

/** A relay as the client core uses it; made by relay-link.ts. */
export interface Relay {
  /** `https://host#k=…`. */
  readonly address: string;
  readonly owner: OwnerRequests;
  readonly sender: SenderRequests;
  /** Undefined until the first connection of this process answered. */
  facts(): RelayFacts | undefined;
  state(): LinkState;
  /** The result stops the listening. */
  onState(listener: (state: LinkState) => void): () => void;
  /** Try again now, and check a connection that seems to be up. */
  kick(): void;
  /** The same after a change of network, when what is open may be dead and other kinds may work. */
  networkChanged(): void;
  close(): void;
}
