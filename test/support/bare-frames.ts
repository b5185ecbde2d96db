/** One request of each client frame, with fields that are in bounds and mean nothing. */

import { EMPTY } from "../../shared/crypto/bytes.ts";
import type { ClientFrame } from "../../shared/wire/frames.ts";
import type { Request } from "./bare-client.ts";
import { EXPIRY_DAY } from "./bare-mailbox.ts";

const key = new Uint8Array(32).fill(1);
const id = new Uint8Array(24).fill(2);
const tag = new Uint8Array(16).fill(3);

export const SOME_FRAMES: { readonly [Type in ClientFrame["type"]]: Request } = {
  hello: { type: "hello", version: 1 },
  prove: { type: "prove", publicKey: key, signature: new Uint8Array(64) },
  "mailbox.create": { type: "mailbox.create", mailbox: key, kind: 0 },
  "mailbox.grant": {
    type: "mailbox.grant",
    mailbox: key,
    depositHash: key,
    tag,
    perDay: 0,
    card: false,
    mayBeUrgent: false,
  },
  "mailbox.revoke": { type: "mailbox.revoke", mailbox: key, depositHash: key },
  "mailbox.delete": { type: "mailbox.delete", mailbox: key },
  subscribe: {
    type: "subscribe",
    mailbox: key,
    credit: 1,
    answerBucket: 0,
    waitSeconds: 0,
    resumeEnvelopeId: EMPTY,
    resumeOffset: 0,
  },
  acknowledge: { type: "acknowledge", mailbox: key, envelopeIds: [], credit: 0 },
  deposit: {
    type: "deposit",
    depositId: id,
    urgent: false,
    expiryDay: EXPIRY_DAY,
    puzzleNonce: EMPTY,
    envelope: new Uint8Array(1024),
  },
  "record.get": { type: "record.get", recordId: id, offset: 0 },
  "record.put": {
    type: "record.put",
    recordId: id,
    owner: key,
    writer: key,
    version: 1,
    part: EMPTY,
  },
  "record.writers": { type: "record.writers", recordId: id, owner: key, version: 1, writers: [] },
  "prekeys.publish": { type: "prekeys.publish", recordId: id, writer: key, pairs: [] },
  "prekeys.take": { type: "prekeys.take", recordId: id, token: tag, first: 0 },
  "blob.create": {
    type: "blob.create",
    depositId: id,
    uploadId: id,
    expiryDay: EXPIRY_DAY,
    claimedBytes: 0,
    puzzleNonce: EMPTY,
  },
  "blob.append": {
    type: "blob.append",
    depositId: id,
    uploadId: id,
    offset: 0,
    isLast: false,
    bytes: key,
  },
  "blob.head": { type: "blob.head", blobId: id },
  "blob.get": { type: "blob.get", blobId: id, offset: 0, length: 1 },
};
