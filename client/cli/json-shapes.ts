/**
 * The objects that `--json` prints, one per line. Their fields are a contract (docs/CLI.md): one may be
 * added, none changes its meaning. Identities and ids are lower-case base32, times ISO 8601 UTC.
 */

import { toBase32, toBase64Url } from "../../shared/crypto/bytes.ts";
import type {
  Contact,
  Lane,
  NewIdentity,
  OutboxItem,
  OutgoingState,
  OwnRelay,
  ReadSummary,
  ReceivedMessage,
  SentMessage,
  StoredReceipt,
} from "../core/types.ts";

export interface IdentityJson {
  readonly identity: string;
  /** 8 words, a space between. */
  readonly phrase: string;
  /** The same as 8 groups of 4 digits. */
  readonly digits: string;
}

export interface ContactJson {
  /** null for somebody who wrote first and was not added. */
  readonly name: string | null;
  readonly identity: string;
  readonly verified: boolean;
  readonly identityChanged: boolean;
  /** False while neither their card nor a session is known. */
  readonly reachable: boolean;
}

export interface SafetyNumberJson {
  /** 60 digits without spaces: a script compares, it does not read aloud. */
  readonly safetyNumber: string;
}

export interface RelayJson {
  readonly address: string;
  readonly stage: OwnRelay["stage"];
  readonly up: boolean;
  /** When it last answered; null = never. */
  readonly reachedAt: string | null;
  readonly transport: OwnRelay["transport"];
  /** Host of the door in use; null without one. */
  readonly door: string | null;
  readonly trying: string;
  readonly doors: readonly string[];
  readonly holds: OwnRelay["holds"];
}

export interface ReceivedJson {
  readonly id: string;
  readonly from: string | null;
  readonly identity: string;
  readonly kind: ReceivedMessage["kind"];
  readonly text: string;
  /** The sender's hour. */
  readonly at: string;
  /** The sender was told that a person has read it. */
  readonly read: boolean;
}

/** One for each id given to `read`. */
export interface ReadJson {
  readonly id: string;
  readonly sender: "told" | "told-before" | "not-told";
}

export interface ReceiptJson {
  readonly relay: string;
  /** The relay's hour. */
  readonly hour: string;
  readonly envelope: string;
  /** base64url of the signed receipt, for whoever verifies it later. */
  readonly proof: string;
}

export interface SentJson {
  readonly id: string;
  readonly state: OutgoingState;
  /** As soon as there is one. */
  readonly receipt?: ReceiptJson;
}

export interface OutgoingJson {
  readonly id: string;
  readonly to: string | null;
  readonly identity: string;
  readonly kind: SentMessage["kind"];
  readonly lane: Lane;
  readonly state: OutgoingState;
  readonly text: string;
  readonly at: string;
  /** By this device's clock. */
  readonly writtenAt: string;
}

export interface OutboxJson extends OutgoingJson {
  readonly waitingFor: string;
  /** What is being tried now; null while nothing is. */
  readonly trying: string | null;
  /** What stands in the way of that: one of client/net/words.ts, for other languages. */
  readonly hindrance: string | null;
  readonly nextTryMs: number | null;
  /** null while no relay was chosen for it. */
  readonly expiresAt: string | null;
}

export function relayJson(relay: OwnRelay): RelayJson {
  const { address, stage, isUp, reachedAt, transport, door, trying, doors, holds } = relay;
  return {
    address,
    stage,
    up: isUp,
    reachedAt: reachedAt === null ? null : isoTime(reachedAt),
    transport,
    door: door === "" ? null : door,
    trying,
    doors,
    holds,
  };
}

export function identityJson(created: NewIdentity): IdentityJson {
  const { identity, phrase, digits } = created;
  return { identity: toBase32(identity), phrase, digits };
}

export function contactJson(contact: Contact): ContactJson {
  return {
    name: contact.name,
    identity: toBase32(contact.identity),
    verified: contact.isVerified,
    identityChanged: contact.isIdentityChanged,
    reachable: contact.isReachable,
  };
}

export function safetyNumberJson(safetyNumber: string): SafetyNumberJson {
  return { safetyNumber: safetyNumber.replaceAll(" ", "") };
}

export function receivedJson(message: ReceivedMessage): ReceivedJson {
  const { id, from, identity, kind, text, at, isRead } = message;
  const head = { id: toBase32(id), from, identity: toBase32(identity) };
  return { ...head, kind, text, at: isoTime(at), read: isRead };
}

export function sentJson(message: SentMessage): SentJson {
  const { id, state, receipt } = message;
  const head = { id: toBase32(id), state };
  return receipt === null ? head : { ...head, receipt: receiptJson(receipt) };
}

export function outgoingJson(message: SentMessage): OutgoingJson {
  const { to, kind, lane, state, text } = message;
  const [id, identity] = [toBase32(message.id), toBase32(message.identity)];
  const [at, writtenAt] = [isoTime(message.at), isoTime(message.writtenAt)];
  return { id, to, identity, kind, lane, state, text, at, writtenAt };
}

export function outboxJson(item: OutboxItem): OutboxJson {
  const { waitingFor, trying, expiresAt } = item;
  return {
    ...outgoingJson(item),
    waitingFor,
    trying: trying?.words ?? null,
    hindrance: trying?.hindrance ?? null,
    nextTryMs: trying?.nextTryMs ?? null,
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
  };
}

/** In the order told now, told before, not told. */
export function readJson({ told, toldBefore, untold }: ReadSummary): readonly ReadJson[] {
  const lines = (ids: readonly Uint8Array[], sender: ReadJson["sender"]) =>
    ids.map((id): ReadJson => ({ id: toBase32(id), sender }));
  return [
    ...lines(told, "told"),
    ...lines(toldBefore, "told-before"),
    ...lines(untold, "not-told"),
  ];
}

function receiptJson(receipt: StoredReceipt): ReceiptJson {
  return {
    relay: receipt.relay,
    hour: isoTime(receipt.hour),
    envelope: toBase32(receipt.envelopeId),
    proof: toBase64Url(receipt.proof),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
