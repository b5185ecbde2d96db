/** A mailbox with one grant and its frames, as tests of the relay use them. */

import { EMPTY } from "../../shared/crypto/bytes.ts";
import { type SigningKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import type { MailboxGrant } from "../../shared/wire/frames.ts";
import { depositHash } from "../../shared/wire/ids.ts";
import { type BareClient, newKey, type Request } from "./bare-client.ts";

export interface BareMailbox {
  readonly key: SigningKeyPair;
  /** Its public key, as frames name it. */
  readonly mailbox: Uint8Array;
  readonly depositId: Uint8Array;
  readonly tag: Uint8Array;
}

/** Days since 1970 ten days from now: any test's envelope lives that long. */
export const EXPIRY_DAY: number = Math.floor(Date.now() / 86_400_000) + 10;

export function newMailbox(): BareMailbox {
  const key = newKey();
  return { key, mailbox: key.publicKey, depositId: systemRandom(24), tag: systemRandom(16) };
}

/** Proves, creates and grants on an owner's connection. */
export async function register(
  owner: BareClient,
  mailbox: BareMailbox,
  terms: Partial<Pick<MailboxGrant, "perDay" | "card" | "mayBeUrgent">> = {},
): Promise<BareMailbox> {
  await owner.prove(mailbox.key);
  await Promise.all(owner.requestAll([createFrame(mailbox), grantFrame(mailbox, terms)]));
  return mailbox;
}

export function createFrame({ mailbox }: BareMailbox, kind = 0): Request {
  return { type: "mailbox.create", mailbox, kind };
}

export function grantFrame(
  { mailbox, depositId, tag }: BareMailbox,
  terms: Partial<Pick<MailboxGrant, "perDay" | "card" | "mayBeUrgent">> = {},
): Request {
  return {
    type: "mailbox.grant",
    mailbox,
    depositHash: depositHash(depositId),
    tag,
    perDay: 0,
    card: false,
    mayBeUrgent: false,
    ...terms,
  };
}

export function depositFrame(
  { depositId }: BareMailbox,
  envelope: Uint8Array,
  options: {
    readonly urgent?: boolean;
    readonly expiryDay?: number;
    readonly nonce?: Uint8Array;
  } = {},
): Request {
  return {
    type: "deposit",
    depositId,
    urgent: options.urgent ?? false,
    expiryDay: options.expiryDay ?? EXPIRY_DAY,
    puzzleNonce: options.nonce ?? EMPTY,
    envelope,
  };
}

export function subscribeFrame(
  { mailbox }: BareMailbox,
  options: {
    readonly credit?: number;
    readonly answerBucket?: number;
    readonly waitSeconds?: number;
    readonly resume?: { readonly envelopeId: Uint8Array; readonly offset: number };
  } = {},
): Request {
  return {
    type: "subscribe",
    mailbox,
    credit: options.credit ?? 64,
    answerBucket: options.answerBucket ?? 0,
    waitSeconds: options.waitSeconds ?? 0,
    resumeEnvelopeId: options.resume?.envelopeId ?? EMPTY,
    resumeOffset: options.resume?.offset ?? 0,
  };
}

export function acknowledgeFrame(
  { mailbox }: BareMailbox,
  envelopeIds: readonly Uint8Array[],
  credit: number = envelopeIds.length,
): Request {
  return { type: "acknowledge", mailbox, envelopeIds, credit };
}
