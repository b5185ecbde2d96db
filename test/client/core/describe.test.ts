/** What a caller is told of a message that waits, and when waiting is given up. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeIncoming, faultOf, waitingFor } from "../../../client/core/describe.ts";
import { Progress } from "../../../client/core/progress.ts";
import { Recordings } from "../../../client/core/recording.ts";
import { newContact, putContact } from "../../../client/core/state/contacts.ts";
import type { OutgoingRow } from "../../../client/core/state/messages.ts";
import {
  deleteEnvelope,
  envelopesOf,
  placesAt,
  putEnvelope,
  relaysWithEnvelopes,
} from "../../../client/core/state/outbox.ts";
import { Draft } from "../../../client/vault/draft.ts";
import { emptyState } from "../../../client/vault/state.ts";
import { ERRORS, TumarError } from "../../../shared/crypto/errors.ts";
import { signingKeyPair } from "../../../shared/crypto/sodium.ts";

const { publicKey: root } = signingKeyPair(new Uint8Array(32).fill(3));
const id = new Uint8Array(16).fill(4);
const ROW: OutgoingRow = {
  direction: "out",
  root,
  id,
  kind: "text",
  text: "hello",
  hour: 1,
  seq: 1,
  state: "written",
  writtenMs: 0,
  receipt: null,
};
const SEALING = new TumarError("NOT_REGISTERED", "no card");

function scene(): Draft {
  const tx = new Draft(emptyState());
  putContact(tx, newContact(root));
  return tx;
}

function envelope(tx: Draft, place: number, lastFault: string, messageId = id): void {
  const bytes = (length: number) => new Uint8Array(length);
  putEnvelope(tx, place, {
    root,
    device: bytes(16),
    messageId,
    relay: "https://example.org#k=AAAAAAAAAAAAAAAAAAAAAA",
    depositId: bytes(24),
    wrapKey: bytes(32),
    lane: "text",
    urgent: false,
    expiryDay: 1,
    envelope: bytes(1024),
    lastFault,
    isSpare: false,
  });
}

describe("a message that waits", () => {
  it("as a draft is held up by what held up the sealing", () => {
    const tx = scene();
    assert.equal(faultOf(tx, ROW, undefined), undefined);
    assert.equal(faultOf(tx, ROW, SEALING), SEALING);
    assert.equal(faultOf(tx, ROW, new TumarError("RELAY_UNREACHABLE", "")), undefined);
    assert.equal(waitingFor(tx, ROW, SEALING), ERRORS.NOT_REGISTERED.meaning);
    assert.equal(waitingFor(tx, ROW, undefined), "It goes out with the next connection.");
  });

  it("sealed is held up by its relay only, and by any of its envelopes", () => {
    const tx = scene();
    envelope(tx, 1, "");
    assert.equal(faultOf(tx, ROW, SEALING), undefined);
    envelope(tx, 2, "REFUSED");
    envelope(tx, 3, "QUOTA", new Uint8Array(16));
    assert.equal(faultOf(tx, ROW, undefined)?.code, "REFUSED");
    assert.equal(waitingFor(tx, ROW, undefined), ERRORS.REFUSED.meaning);
  });

  it("has given up when it expired or the identity changed", () => {
    const tx = scene();
    assert.equal(faultOf(tx, { ...ROW, state: "expired" }, undefined)?.code, "EXPIRED");
    putContact(tx, { ...newContact(root), isIdentityChanged: true });
    assert.equal(faultOf(tx, ROW, undefined)?.code, "IDENTITY_CHANGED");
    assert.equal(waitingFor(tx, ROW, SEALING), ERRORS.IDENTITY_CHANGED.meaning);
  });

  it("is found by its envelopes until the last has left", () => {
    const tx = scene();
    for (const place of [7, 8]) envelope(tx, place, "");
    assert.equal(envelopesOf(tx, id).length, 2);
    const [relay = ""] = relaysWithEnvelopes(tx);
    assert.deepEqual(placesAt(tx, relay), [7, 8]);
    deleteEnvelope(tx, 7);
    assert.equal(envelopesOf(tx, id).length, 1);
    deleteEnvelope(tx, 8);
    deleteEnvelope(tx, 8);
    assert.deepEqual(envelopesOf(tx, id), []);
    assert.deepEqual(relaysWithEnvelopes(tx), []);
  });
});

const KNOWING_NOTHING = { progress: new Progress(), recordings: new Recordings() };

describe("a received message", () => {
  it("with an hour that only a lie can be still has a time", () => {
    const tx = scene();
    const device = new Uint8Array(16);
    const base = { root, id, text: "x", hour: 0xffff_ffff, seq: 1, device, isShown: false };
    const fresh = { isRead: false, kept: null } as const;
    const shown = describeIncoming(tx, KNOWING_NOTHING, {
      ...base,
      ...fresh,
      direction: "in",
      kind: "text",
    });
    assert.doesNotThrow(() => new Date(shown.at).toISOString());
  });
});
