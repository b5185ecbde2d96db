/**
 * What the library's callers see: contacts, messages, outbox items and events, in plain values.
 * Identities and ids are bytes here; `toBase32` of shared/crypto prints them.
 */

import type { WordListName } from "../../shared/crypto/phrase.ts";
import type { MetadataState, PartRole } from "../../shared/e2ee/media.ts";
import type { MediaSource } from "../media/source.ts";
import type { TransportKind } from "../net/connection.ts";
import type { Hindrance, Situation } from "../net/words.ts";

/**
 * *written*: safe in the vault. *stored*: the relay has it on disk and signed for it; of media all of
 * it. *read*: a person on the other side said so. *expired*: no relay took it before its last day, or media was lost before it
 * could be sent. Others may follow.
 */
export type OutgoingState = "written" | "stored" | "expired" | "read";

/** What leaves first: every urgent message goes before every text, every text before every chunk. */
export type Lane = "urgent" | "text" | "chunk";

export interface Contact {
  /** The local name; null for somebody who wrote first and was not added. */
  readonly name: string | null;
  /** The root key, 32 bytes. */
  readonly identity: Uint8Array;
  readonly isVerified: boolean;
  /** True once a certificate came that does not chain to the pinned root: nothing is sent any more. */
  readonly isIdentityChanged: boolean;
  /** True when a first message may be sent to them: their card or a session is known. */
  readonly isReachable: boolean;
}

export interface ReceivedMessage {
  /** 16 bytes, chosen by the sender. */
  readonly id: Uint8Array;
  readonly from: string | null;
  readonly identity: Uint8Array;
  readonly kind: "text" | "alert" | "reset" | "unsupported" | MediaKind;
  /** Empty when there is none. */
  readonly text: string;
  /** Null for what is no media. */
  readonly media: ReceivedMedia | null;
  /** Milliseconds since 1970 UTC, whole hours: the sender's hour. */
  readonly at: number;
  readonly isShown: boolean;
  /** The sender was told that a person has read it (`markRead`). */
  readonly isRead: boolean;
}

/** A relay's signed statement that it has an envelope on disk (docs/PROTOCOL.md, `receipt`). */
export interface StoredReceipt {
  /** Where: `https://host#k=…`. */
  readonly relay: string;
  /** Milliseconds since 1970 UTC, whole hours, by the relay's clock. */
  readonly hour: number;
  /** BLAKE2b-192 of the envelope. */
  readonly envelopeId: Uint8Array;
  /** The receipt frame's bytes, for whoever verifies it later. */
  readonly proof: Uint8Array;
}

export interface SentMessage {
  readonly id: Uint8Array;
  readonly to: string | null;
  readonly identity: Uint8Array;
  readonly kind: "text" | "alert" | MediaKind;
  readonly lane: Lane;
  /** Empty for media. */
  readonly text: string;
  /** Null for what is no media. */
  readonly media: SentMedia | null;
  readonly state: OutgoingState;
  readonly at: number;
  /** Milliseconds since 1970 by this device's clock, which may be wrong; nobody else is told. */
  readonly writtenAt: number;
  readonly receipt: StoredReceipt | null;
}

/** A *file* is shown by its name alone, never by what is in it. */
export type MediaKind = "clip" | "photo" | "voice" | "file";

/** *cut-off*: its sender was interrupted; what came can be read, and it may still go on. */
export type MediaState = "arriving" | "complete" | "cut-off";

export interface SendMediaOptions {
  readonly kind: MediaKind;
  readonly source: MediaSource;
  /** Cleaned before it is sent. */
  readonly name?: string;
  /** Leaves in where and with what it was taken. */
  readonly keepMetadata?: boolean;
  /** It grows while it is sent. */
  readonly isLive?: boolean;
  /** Before it is written: nothing is kept. Live: the recording ends there, as if by itself. */
  readonly signal?: AbortSignal;
  /** Bytes of the file that are sealed so far. */
  readonly onSealed?: (bytes: number) => void;
}

export interface SentMedia {
  readonly name: string;
  readonly type: string;
  readonly metadata: MetadataState;
  /** 0 = not known. */
  readonly durationMs: number;
  readonly isLive: boolean;
  /** All of it lies sealed beside the vault, or has left; of a live one that it has ended. */
  readonly isSealed: boolean;
  /** The recording broke off. */
  readonly isCutOff: boolean;
  /** It expired because its sealed bytes are gone, or its file was never sealed to the end. */
  readonly isLost: boolean;
  /** Of all parts, as they lie at the relay. `totalBytes` is null while it grows. */
  readonly sealedBytes: number;
  readonly storedBytes: number;
  readonly totalBytes: number | null;
}

/** A small copy to look at, or the thing itself. */
export interface ReceivedMediaPart {
  readonly role: PartRole;
  /** Of the file; null while it grows. */
  readonly dataBytes: number | null;
  /** As they lie at the relay: in the end (null while it grows), there now, and here. */
  readonly totalBytes: number | null;
  readonly storedBytes: number;
  readonly fetchedBytes: number;
  readonly state: MediaState;
}

export interface ReceivedMedia {
  /** The sender's words: to be made safe before they touch a disk or a screen. */
  readonly name: string;
  readonly type: string;
  readonly metadata: MetadataState;
  /** 0 = not known. */
  readonly durationMs: number;
  /** Of the file; null while it grows. */
  readonly dataBytes: number | null;
  /** The preview first, if there is one. */
  readonly parts: readonly ReceivedMediaPart[];
  /** Of the whole, as are `percent` and what follows. */
  readonly state: MediaState;
  /** 0 to 100, at the relay or here; null while it grows. */
  readonly percent: number | null;
  /** Where in the recording; null when it was not cut off, or nobody knows. */
  readonly cutOffAtMs: number | null;
  /** All there will be is here, and every byte was checked. */
  readonly isFetched: boolean;
}

export interface FetchProgress {
  readonly role: PartRole;
  /** As they lie at the relay; `totalBytes` is null while it grows. */
  readonly fetchedBytes: number;
  readonly totalBytes: number | null;
}

export interface FetchOptions {
  /** Without it the preview, then the whole. */
  readonly part?: PartRole | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
}

export interface SendOptions {
  /** An alert: it leaves before everything that is not urgent, and is shown at once. */
  readonly urgent?: boolean;
}

/** What became of the messages named to `markRead`, by their ids. */
export interface ReadSummary {
  /** Their senders are told now. */
  readonly told: readonly Uint8Array[];
  /** Their senders were told before: nothing is said twice. */
  readonly toldBefore: readonly Uint8Array[];
  /** Nobody is told: the sender was not added or changed identity, or nobody can have read it. */
  readonly untold: readonly Uint8Array[];
}

export interface OutboxItem extends SentMessage {
  /** What the client waits for, in plain words, for example "the relay does not answer". */
  readonly waitingFor: string;
  /** What is being tried now; null while the client is not started or nothing has to be tried. */
  readonly trying: Trying | null;
  /** No relay takes it from then on, milliseconds since 1970 UTC; null until it is sealed. */
  readonly expiresAt: number | null;
}

export interface Trying {
  /** Plain words, for example "WebSocket blocked here, using HTTP; next try in 12 s". */
  readonly words: string;
  /** What stands in the way, for other languages. */
  readonly hindrance: Hindrance;
  /** Until the next try to connect; null while connected or connecting. */
  readonly nextTryMs: number | null;
}

export interface NewIdentity {
  readonly identity: Uint8Array;
  /** 8 words; shown once, never stored. */
  readonly phrase: string;
  /** The same as 8 groups of 4 digits. */
  readonly digits: string;
}

/** *joining*: being set up. *leaving*: nobody is told of it any more; it is emptied when it answers. */
export type RelayStage = "joining" | "live" | "leaving";

/** One of our relays. */
export interface OwnRelay {
  /** `https://host#k=…`. */
  readonly address: string;
  readonly stage: RelayStage;
  /** A connection is up now. */
  readonly isUp: boolean;
  /** When it last answered, milliseconds since 1970 by the device's clock; null = never. */
  readonly reachedAt: number | null;
  /** Of the connection in use, or of the next try. */
  readonly transport: TransportKind;
  /** Host of the door the connection goes through; empty without one. */
  readonly door: string;
  /** In plain words. */
  readonly trying: string;
  /** Addresses of the doors that lead to it. */
  readonly doors: readonly string[];
  /** Besides the mailbox and three records. */
  readonly holds: {
    readonly contacts: number;
    readonly spareGrants: number;
    readonly pairs: number;
  };
}

/** Messages of people; what clients tell each other by themselves is not counted. */
export interface SyncSummary {
  readonly sent: number;
  readonly received: number;
  /** Still written and not stored. */
  readonly queued: number;
  /** Addresses of our relays that did not answer, while another did. */
  readonly unreachable: readonly string[];
}

export type ClientEvent =
  /** A connection to a relay came up or went down; `nextTryMs` is set while it waits. */
  | {
      readonly type: "connection";
      readonly relay: string;
      readonly isUp: boolean;
      readonly nextTryMs: number | null;
      /** Of the connection, or of the next try. */
      readonly transport: TransportKind;
      /** In plain words, for example "WebSocket blocked here, using HTTP; next try in 12 s". */
      readonly trying: string;
      /** What `trying` says, for other languages. */
      readonly situation: Situation;
    }
  /** Somebody else's process took the mailbox over while no other process of this vault is at work. */
  | { readonly type: "taken-over"; readonly relay: string }
  | { readonly type: "message"; readonly id: Uint8Array }
  /** A message of ours came into this state. After a reset of a session a stored one is written again. */
  | { readonly type: OutgoingState; readonly id: Uint8Array }
  /** More of a message's media is at the relay or here, or its state changed; either way. */
  | { readonly type: "media"; readonly id: Uint8Array }
  | { readonly type: "identity-changed"; readonly identity: Uint8Array }
  /**
   * Something came that this program cannot take in, by a fault of its own, named by `reason`. It is kept
   * in the vault for a later version, or, without room there, stays at the relay.
   */
  | { readonly type: "quarantined"; readonly reason: string; readonly isKept: boolean }
  /** A relay of ours was added, is set up, is being left, or is gone. */
  | { readonly type: "relays" }
  | { readonly type: "rollback" };

export interface CreateOptions {
  /** `https://host#k=…`; http only for loopback. */
  readonly relay: string;
  /** Others, up to two. */
  readonly moreRelays?: readonly string[];
  readonly wordList: WordListName;
}
