/** The frozen transcripts of test/vectors, typed; and the bit flips every opened thing must refuse. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../support/repository.ts";
import { Refused } from "./refused.ts";

export interface IdentityVectors {
  readonly hour: number;
  readonly phrase: { readonly digits: string; readonly seed: string };
  readonly root: {
    readonly publicKey: string;
    readonly capsulePublicKey: string;
    readonly letterbox0: { readonly mailboxPublicKey: string; readonly kemPublicKey: string };
    readonly cardSecret0: string;
    readonly deskRoot: string;
    readonly casePublicKey: string;
    readonly ownerPublicKeys: readonly string[];
  };
  readonly device: {
    readonly secret: string;
    readonly IKs: string;
    readonly IKd: string;
    readonly id: string;
  };
  readonly guardians: readonly string[];
  readonly relays: readonly string[];
  readonly grantList: string;
  readonly statements: {
    readonly certificate: string;
    readonly revocation: string;
    readonly delegation: string;
    readonly locator: string;
    readonly statusLocator: string;
    readonly resignation: string;
    readonly notice: string;
  };
  readonly setHash: string;
  readonly prekeys: { readonly state: string; readonly pair: string };
  readonly card: { readonly link: string; readonly bare: string; readonly oneRelay: string };
  readonly writer: string;
  readonly version: number;
  readonly front: {
    readonly id: string;
    readonly readKey: string;
    readonly content: string;
    readonly part: string;
    readonly pair: string;
  };
  readonly front2: {
    readonly id: string;
    readonly readKey: string;
    readonly hold: string;
    readonly part: string;
  };
  readonly status: {
    readonly id: string;
    readonly readKey: string;
    readonly handover: string;
    readonly part: string;
  };
  readonly safetyNumber: { readonly otherRoot: string; readonly digits: string };
  readonly seededRandom: { readonly seed: string; readonly next: string };
}

export interface PartyVector {
  readonly root: string;
  readonly deviceId: string;
  readonly IKs: string;
  readonly IKd: string;
  readonly IKdSecret: string;
  readonly spk: { readonly id: number; readonly secret: string };
  readonly kpk: { readonly id: number; readonly seed: string };
  readonly pair: { readonly id: number; readonly opkSecret: string; readonly kemSeed: string };
}

export interface MessageVector {
  readonly from: "initiator" | "responder";
  readonly kind: string;
  readonly minute: number;
  readonly draws: readonly string[];
  readonly content: string;
  readonly commitment: string;
  readonly bucket: number;
  readonly envelopeNonce: string;
  readonly envelopeId: string;
  readonly envelope?: string;
  readonly frame?: string;
}

export interface ConversationVector {
  readonly withPair: boolean;
  readonly initiator: PartyVector;
  readonly responder: PartyVector;
  readonly wrapKey: string;
  readonly handshake: {
    readonly draws: readonly [string, string];
    readonly identityBlock: string;
    readonly prefix: string;
    readonly headHash: string;
    readonly transcriptHash: string;
    readonly sessionId: string;
    readonly sk: string;
    readonly hka: string;
    readonly nhkb: string;
  };
  readonly messages: readonly MessageVector[];
  readonly rootKeyAtTheEnd: string;
}

export interface PieceVector {
  readonly kind: "data" | "last";
  readonly elapsedMs: number;
  readonly used: number;
  readonly nonce: string;
  readonly hash: string;
}

export interface BlobVectors {
  readonly key: string;
  readonly header: string;
  readonly chunks: readonly PieceVector[];
  readonly lastChunk: { readonly data: string; readonly sealed: string };
  readonly dataHash: string;
  readonly dataBytes: number;
  readonly sealedBytes: number;
  readonly hash: string;
  readonly padded: readonly (readonly [chunks: number, bytes: number])[];
  /** Kind, number and bytes of a body, and beside them what a reader finds in it. */
  readonly contents: readonly {
    readonly kind: string;
    readonly number: number;
    readonly bytes: string;
  }[];
  readonly seededRandom: { readonly seed: string; readonly next: string };
}

export function identityVectors(): IdentityVectors {
  return read("identity.json") as IdentityVectors;
}

export function blobVectors(): BlobVectors {
  return read("blob.json") as BlobVectors;
}

export function conversations(): readonly ConversationVector[] {
  const all = read("session.json") as { conversations: readonly ConversationVector[] };
  return all.conversations;
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(repositoryRoot, "test", "vectors", file), "utf8"));
}

/** The same bytes with one bit of one byte turned over. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  out[at] = (out[at] ?? 0) ^ (1 << (at % 8));
  return out;
}

/** Opens `bytes` as they are, then refuses them with one bit flipped in every `stride`-th byte. */
export function refusesFlips<T>(
  bytes: Uint8Array,
  stride: number,
  open: (bytes: Uint8Array) => T,
): T {
  const opened = open(bytes);
  for (let at = 0; at < bytes.length; at += stride) {
    assert.throws(() => open(flipped(bytes, at)), Refused, `a bit flipped in byte ${at}`);
  }
  assert.throws(() => open(flipped(bytes, bytes.length - 1)), Refused, "the last byte flipped");
  return opened;
}
