/**
 * The frozen conversations (sections 6 to 9) between two ends of the second implementation. From
 * the recorded secrets and draws it makes every prefix, frame and envelope again, byte for byte,
 * opens each at the other end, and refuses it with a bit flipped.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromHex, hex } from "../second/bytes.ts";
import { openContent } from "../second/content.ts";
import { Conversation, hourOf, receiverOf, smallestBucket } from "../second/conversation.ts";
import { envelopeId, unwrap, wrap } from "../second/envelope.ts";
import { splitFrame } from "../second/frame.ts";
import {
  headHash,
  openIdentityBlock,
  type SessionKeys,
  splitFirstFlight,
} from "../second/handshake.ts";
import { agreementPublicKey } from "../second/primitives.ts";
import { openFrame } from "../second/ratchet-open.ts";
import { Refused } from "../second/refused.ts";
import { deviceId } from "../second/root.ts";
import {
  type ConversationVector,
  conversations,
  flipped,
  type MessageVector,
  refusesFlips,
} from "../second/transcripts.ts";

const bytes = fromHex;

function assertKeys(keys: SessionKeys, expected: ConversationVector["handshake"]): void {
  assert.equal(hex(keys.transcriptHash), expected.transcriptHash);
  assert.equal(hex(keys.SK), expected.sk);
  assert.equal(hex(keys.HKA), expected.hka);
  assert.equal(hex(keys.NHKB), expected.nhkb);
  assert.equal(hex(keys.sessionId), expected.sessionId);
}

/** The sealed KEM block of a message that begins a chain, by what was drawn for it. */
function blockBytes({ draws }: MessageVector): number {
  const lengths = draws.slice(1, -1).map((drawn) => drawn.length / 2);
  if (lengths.length === 0) return 0;
  const proposal = lengths.includes(32) ? 1216 : 0;
  return proposal + (lengths.includes(64) ? 1120 : 0) + 16;
}

for (const vector of conversations()) {
  const { handshake, messages } = vector;
  const talk = new Conversation(vector);

  describe(`second implementation: conversation ${vector.withPair ? "with" : "without"} a pair`, () => {
    it("makes the initiator's prefix and keys", () => {
      const { keys, prefix } = talk.begin();
      assert.equal(hex(prefix), handshake.prefix);
      assert.equal(hex(headHash(splitFirstFlight(prefix).prefix)), handshake.headHash);
      assertKeys(keys, handshake);
    });

    it("answers the prefix, and refuses it with a bit flipped", () => {
      const answered = refusesFlips(bytes(handshake.prefix), 41, (one) => talk.answer(one));
      assert.equal(hex(answered.identityBlock), handshake.identityBlock);
      assert.equal(hex(answered.certificate.root), vector.initiator.root);
      assert.equal(hex(answered.certificate.deviceId), vector.initiator.deviceId);
      assertKeys(answered.keys, handshake);
      refusesFlips(bytes(handshake.identityBlock), 13, openIdentityBlock);
    });

    it("knows both devices by the hash of their keys", () => {
      for (const party of [vector.initiator, vector.responder]) {
        assert.equal(hex(deviceId(bytes(party.IKs), bytes(party.IKd))), party.deviceId);
        assert.equal(hex(agreementPublicKey(bytes(party.IKdSecret))), party.IKd);
      }
    });

    it("seals and opens every message, to the same root key at the end", () => {
      const end = messages.reduce((ends, message) => talk.pass(ends, message), talk.start());
      assert.equal(hex(end.initiator.rootKey), vector.rootKeyAtTheEnd);
      assert.equal(hex(end.responder.rootKey), vector.rootKeyAtTheEnd);
    });

    it("repeats the prefix until the first answer, and no longer", () => {
      const firstAnswer = messages.findIndex(({ from }) => from === "responder");
      messages.forEach((message, i) => {
        const { prefix } = talk.unwrapped(message);
        const expected = i < firstAnswer ? handshake.prefix : undefined;
        assert.equal(prefix && hex(prefix), expected);
      });
    });

    it("opens the messages of each chain late and out of order, each once", () => {
      const [m0, m1, m2, m3, m4, m5, m6] = messages;
      assert.ok(m0 && m1 && m2 && m3 && m4 && m5 && m6);
      let ends = [m0, m1].reduce((now, one) => talk.send(now, one), talk.start());
      ends = talk.receive(ends, m0);
      ends = [m2, m3].reduce((now, one) => talk.send(now, one), ends);
      ends = [m3, m2].reduce((now, one) => talk.receive(now, one), ends);
      ends = [m4, m1].reduce((now, one) => talk.receive(now, one), talk.send(ends, m4));
      ends = [m5, m6].reduce((now, one) => talk.send(now, one), ends);
      ends = [m6, m5].reduce((now, one) => talk.receive(now, one), ends);
      for (const again of [m0, m1, m2, m3, m4, m5, m6]) {
        assert.throws(() => talk.receive(ends, again), { code: "ALREADY_OPENED" });
      }
    });

    it("refuses every frame with a bit flipped", () => {
      let ends = talk.start();
      for (const message of messages) {
        const [before, hour] = [ends[receiverOf(message)], hourOf(message)];
        refusesFlips(talk.unwrapped(message).frame, 89, (one) => openFrame(before, one, hour));
        ends = talk.pass(ends, message);
      }
    });

    it("finds each frame in the smallest bucket that holds it", () => {
      const block = { initiator: 0, responder: 0 };
      for (const message of messages) {
        if (message.draws.length > 1) block[message.from] = blockBytes(message);
        const prefix = talk.unwrapped(message).prefix?.length ?? 0;
        const padded = message.content.length / 2 + 1;
        const inside = prefix + 130 + block[message.from] + padded;
        assert.equal(smallestBucket(inside), message.bucket);
      }
    });

    it("unwraps the envelopes, knows them by id, and refuses a flipped bit", () => {
      for (const message of messages) {
        const envelope = talk.wrapped(message);
        const inside = refusesFlips(envelope, 97, (one) => unwrap(bytes(vector.wrapKey), one));
        assert.equal(
          hex(wrap(bytes(vector.wrapKey), envelope.slice(0, 24), inside)),
          hex(envelope),
        );
        assert.equal(hex(envelope.slice(0, 24)), message.envelopeNonce);
        assert.equal(hex(envelopeId(envelope)), message.envelopeId);
        assert.equal(envelope.length, message.bucket);
        assert.equal(hex(splitFrame(talk.unwrapped(message).frame).commitment), message.commitment);
      }
    });

    it("reads the content of each kind", () => {
      const seqs = { initiator: 0, responder: 0 };
      for (const message of messages) {
        const content = openContent(bytes(message.content));
        seqs[message.from] += 1;
        assert.equal(content.body.kind, message.kind);
        assert.equal(content.seq, seqs[message.from]);
        assert.equal(content.hour, hourOf(message));
        assert.equal(hex(content.deviceId), vector[message.from].deviceId);
      }
    });

    it("refuses content cut short or of kind 0", () => {
      for (const message of messages) {
        const content = bytes(message.content);
        assert.throws(() => openContent(content.slice(0, 76)), Refused);
        content[76] = 0;
        assert.throws(() => openContent(content), Refused);
      }
    });

    it("does not take the KEM's word: a changed ciphertext gives another key", () => {
      const prefix = bytes(handshake.prefix);
      assert.throws(() => talk.answer(flipped(prefix, 46)), { code: "CANNOT_DECRYPT" });
      assert.throws(() => talk.answer(flipped(prefix, 1165)), { code: "CANNOT_DECRYPT" });
    });
  });
}
