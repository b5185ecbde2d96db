/**
 * What the library's callers see: contacts, messages, outbox items and events, in plain values.
 * Identities and ids are bytes here; `toBase32` of shared/crypto prints them.
 */

import type { WordListName } from "../../shared/crypto/phrase.ts";

/** *written*: safe in the vault. *stored*: the relay has it on disk and signed for it. */
export type OutgoingState = "written" | "stored" | "expired";

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
  readonly kind: "text" | "reset" | "unsupported";
  readonly text: string;
  /** Milliseconds since 1970 UTC, whole hours: the sender's hour. */
  readonly at: number;
  readonly isShown: boolean;
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
  readonly text: string;
  readonly state: OutgoingState;
  readonly at: number;
  readonly receipt: StoredReceipt | null;
}

export interface OutboxItem extends SentMessage {
  /** What the client waits for, in plain words, for example "the relay does not answer". */
  readonly waitingFor: string;
}

export interface NewIdentity {
  readonly identity: Uint8Array;
  /** 8 words; shown once, never stored. */
  readonly phrase: string;
  /** The same as 8 groups of 4 digits. */
  readonly digits: string;
}

/** Messages of people; what clients tell each other by themselves is not counted. */
export interface SyncSummary {
  readonly sent: number;
  readonly received: number;
  /** Still written and not stored. */
  readonly queued: number;
}

export type ClientEvent =
  /** A connection to a relay came up or went down; `nextTryMs` is set while it waits. */
  | {
      readonly type: "connection";
      readonly relay: string;
      readonly isUp: boolean;
      readonly nextTryMs: number | null;
    }
  /** Somebody else's process took the mailbox over while no other process of this vault is at work. */
  | { readonly type: "taken-over"; readonly relay: string }
  | { readonly type: "message"; readonly id: Uint8Array }
  | { readonly type: "stored"; readonly id: Uint8Array }
  | { readonly type: "identity-changed"; readonly identity: Uint8Array }
  | { readonly type: "rollback" };

export interface CreateOptions {
  /** `https://host#k=…`; http only for loopback. */
  readonly relay: string;
  readonly wordList: WordListName;
}
