/** Sessions: who sends through what, replays, limits, and the bytes in the vault. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { concat } from "../../../shared/crypto/bytes.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  type DevicePeer,
  decodePeer,
  encodePeer,
  MAX_SESSIONS,
  newPeer,
} from "../../../shared/e2ee/device-peer.ts";
import { partyOf } from "../../../shared/e2ee/handshake.ts";
import { openIdentityBlock } from "../../../shared/e2ee/identity-block.ts";
import {
  applyReset,
  beginReset,
  commitmentOf,
  isResetDue,
  MAX_SENT,
  noteUnopened,
  sentThrough,
} from "../../../shared/e2ee/reset.ts";
import { SESSION_LIFE_MINUTES, SESSION_RECEIVE_MINUTES } from "../../../shared/e2ee/session.ts";
import { receiveFrom } from "../../../shared/e2ee/session-receive.ts";
import {
  activeSession,
  closeSessions,
  FIRST_FLIGHT_WAIT_MINUTES,
  roomFor,
  sendTo,
  shouldRepeatHandshake,
  startSession,
  URGENT_WAIT_MINUTES,
} from "../../../shared/e2ee/sessions.ts";
import {
  bundleOf,
  secretsOf,
  TEST_HOUR,
  type TestDevice,
  testDevice,
} from "../../support/two-devices.ts";

const aigul = testDevice(systemRandom);
const bek = testDevice(systemRandom);
const NOW = TEST_HOUR * 60;

function start(peer: DevicePeer, withPair = true, minute = NOW): DevicePeer {
  const block = aigul.identityBlock;
  return startSession(peer, aigul, bundleOf(bek, withPair), block, systemRandom, minute);
}

function receive(own: TestDevice, peers: readonly DevicePeer[], frame: Uint8Array, minute = NOW) {
  return receiveFrom(
    {
      own,
      candidates: peers,
      peerOf: () => peers[0],
      prekeysOf: ({ pair }) => secretsOf(own, pair !== 0),
      openIdentity: openIdentityBlock,
    },
    frame,
    minute,
  );
}

const content = (mark: number, length = 100): Uint8Array => new Uint8Array(length).fill(mark);

/** Aigul's and Bek's states after one message each way. */
function acquainted(): { aigul: DevicePeer; bek: DevicePeer } {
  const first = sendTo(start(newPeer(partyOf(bek))), content(1), systemRandom, NOW);
  const got = receive(bek, [], first.frame);
  const answer = sendTo(got.peer, content(2), systemRandom, NOW);
  const back = receive(aigul, [first.peer], answer.frame);
  return { aigul: back.peer, bek: answer.peer };
}

describe("sessions", () => {
  it("repeat the first flight until the first answer, and say who began and what was used", () => {
    const first = sendTo(start(newPeer(partyOf(bek))), content(1), systemRandom, NOW);
    const second = sendTo(first.peer, content(2), systemRandom, NOW);
    assert.deepEqual([first.frame[0], second.frame[0]], [2, 2]);
    assert.deepEqual(first.frame.subarray(0, 1424), second.frame.subarray(0, 1424));
    assert.equal(first.bucket, 4096);

    const got = receive(bek, [], first.frame);
    assert.equal(got.usedPair, 3000);
    assert.deepEqual(got.identity?.root, aigul.root);
    const again = receive(bek, [got.peer], second.frame);
    assert.deepEqual(again.plaintext, content(2));
    assert.equal(again.usedPair, 0);
    assert.equal(again.identity, undefined);

    const answer = sendTo(again.peer, content(3), systemRandom, NOW);
    assert.equal(answer.bucket, 1024);
    const back = receive(aigul, [second.peer], answer.frame);
    assert.equal(sendTo(back.peer, content(4), systemRandom, NOW).frame[0], 1);
  });

  it("know a replayed first flight, also when its session is gone", () => {
    const first = sendTo(start(newPeer(partyOf(bek)), false), content(1), systemRandom, NOW);
    const got = receive(bek, [], first.frame);
    assert.throws(() => receive(bek, [got.peer], first.frame), { code: "ALREADY_OPENED" });
    const gone = { ...got.peer, sessions: [] };
    assert.throws(() => receive(bek, [gone], first.frame), { code: "ALREADY_OPENED" });
    const notCandidate = () =>
      receiveFrom(
        {
          own: bek,
          candidates: [],
          peerOf: () => got.peer,
          prekeysOf: () => secretsOf(bek, false),
          openIdentity: openIdentityBlock,
        },
        first.frame,
        NOW,
      );
    assert.throws(notCandidate, { code: "ALREADY_OPENED" });
    const reencoded = first.frame.with(45, (first.frame[45] ?? 0) | 0x80);
    assert.throws(() => receive(bek, [got.peer], reencoded), { code: "CANNOT_DECRYPT" });
  });

  it("answer every failure alike", () => {
    const { bek: peer } = acquainted();
    const first = sendTo(start(newPeer(partyOf(bek))), content(1), systemRandom, NOW).frame;
    const noKeys = () =>
      receiveFrom(
        {
          own: bek,
          candidates: [],
          peerOf: () => undefined,
          prekeysOf: () => undefined,
          openIdentity: openIdentityBlock,
        },
        first,
        NOW,
      );
    assert.throws(noKeys, { code: "CANNOT_DECRYPT" });
    for (const frame of [
      new Uint8Array(0),
      new Uint8Array(984),
      new Uint8Array(984).fill(1),
      new Uint8Array(984).fill(2),
      first.subarray(0, 1000),
      first.with(2000, (first[2000] ?? 0) ^ 1),
      first.with(1300, (first[1300] ?? 0) ^ 1),
    ]) {
      assert.throws(() => receive(bek, [peer], frame), { code: "CANNOT_DECRYPT" });
    }
  });

  it("keep four, newest first, and need prekeys of the right device", () => {
    let peer = newPeer(partyOf(bek));
    for (let i = 0; i < MAX_SESSIONS + 2; i++) peer = start(peer);
    assert.equal(peer.sessions.length, MAX_SESSIONS);
    assert.throws(() => start(newPeer(partyOf(aigul))), RangeError);
  });

  it("end after 90 days of sending, and receive two relay lives longer", () => {
    const states = acquainted();
    const late = NOW + SESSION_LIFE_MINUTES;
    assert.ok(activeSession(states.aigul, late - 1) !== undefined);
    assert.equal(activeSession(states.aigul, late), undefined);
    assert.throws(() => sendTo(states.aigul, content(1), systemRandom, late), {
      code: "NO_SESSION",
    });
    assert.throws(() => roomFor(states.aigul, late), { code: "NO_SESSION" });
    const { frame } = sendTo(states.bek, content(5), systemRandom, late - 1);
    const until = NOW + SESSION_RECEIVE_MINUTES;
    assert.deepEqual(receive(aigul, [states.aigul], frame, until - 1).plaintext, content(5));
    assert.throws(() => receive(aigul, [states.aigul], frame, until), { code: "CANNOT_DECRYPT" });
  });

  it("say how much room is left when a text is too long", () => {
    const { aigul: peer } = acquainted();
    const room = roomFor(peer, NOW);
    assert.equal(room, 16344 - 130 - 1 - 77);
    assert.equal(room, 16136);
    assert.equal(sendTo(peer, content(1, 77 + room), systemRandom, NOW).bucket, 16384);
    assert.throws(() => sendTo(peer, content(1, 77 + room + 5), systemRandom, NOW), {
      code: "TEXT_TOO_LONG",
      details: { room: 16136, over: 5 },
    });
    assert.equal(sendTo(peer, content(1, 77 + 776), systemRandom, NOW).bucket, 1024);
    assert.equal(sendTo(peer, content(1, 77 + 777), systemRandom, NOW).bucket, 4096);
    assert.equal(sendTo(peer, content(1, 77 + 3848), systemRandom, NOW).bucket, 4096);
    assert.equal(sendTo(peer, content(1, 77 + 3849), systemRandom, NOW).bucket, 16384);
  });

  it("repeat an unanswered handshake once, sooner when urgent, never an answered one", () => {
    const peer = start(newPeer(partyOf(bek)));
    const session = activeSession(peer, NOW);
    assert.ok(session !== undefined);
    const due = (minutes: number, urgent: boolean) =>
      shouldRepeatHandshake(session, NOW + minutes, urgent);
    assert.deepEqual(
      [due(FIRST_FLIGHT_WAIT_MINUTES - 1, false), due(FIRST_FLIGHT_WAIT_MINUTES, false)],
      [false, true],
    );
    assert.deepEqual(
      [due(URGENT_WAIT_MINUTES - 1, true), due(URGENT_WAIT_MINUTES, true)],
      [false, true],
    );
    const block = aigul.identityBlock;
    const again = startSession(peer, aigul, bundleOf(bek, false), block, systemRandom, NOW, true);
    for (const each of again.sessions) {
      assert.ok(!shouldRepeatHandshake(each, NOW + 9 * FIRST_FLIGHT_WAIT_MINUTES, true));
    }
    const answered = acquainted().aigul.sessions[0];
    assert.ok(answered !== undefined && !shouldRepeatHandshake(answered, NOW + 99_999, true));
  });

  it("open but never send after a rollback", () => {
    const states = acquainted();
    const closed = closeSessions(states.aigul);
    assert.equal(activeSession(closed, NOW), undefined);
    const { frame } = sendTo(states.bek, content(7), systemRandom, NOW);
    const got = receive(aigul, [closed], frame);
    assert.deepEqual(got.plaintext, content(7));
    assert.equal(activeSession(got.peer, NOW), undefined);
  });

  it("are the same bytes after a round through the vault", () => {
    const { aigul: peer } = acquainted();
    const noted = noteUnopened(start(peer), content(1, 984));
    const bytes = encodePeer(noted);
    assert.deepEqual(encodePeer(decodePeer(bytes)), bytes);
    assert.ok(bytes.length < 4096);
    for (let length = 0; length < bytes.length; length += 11) {
      assert.throws(() => decodePeer(bytes.subarray(0, length)), { code: "MALFORMED" });
    }
    assert.throws(() => decodePeer(concat(bytes, Uint8Array.of(0))), { code: "MALFORMED" });
    assert.throws(() => decodePeer(bytes.with(0, 9)), { code: "MALFORMED" });
    assert.throws(() => decodePeer(bytes.with(97, 5)), { code: "MALFORMED" });
    assert.throws(() => decodePeer(bytes.with(102, 0xff)), { code: "MALFORMED" });
  });
});

describe("reset", () => {
  it("names what did not open, at most three times an hour", () => {
    let { aigul: peer } = acquainted();
    assert.ok(!isResetDue(peer, NOW));
    assert.throws(() => beginReset(peer, NOW), RangeError);
    for (let i = 0; i < 3; i++) {
      const frame = systemRandom(984).with(0, 1);
      peer = noteUnopened(noteUnopened(peer, frame), frame);
      const begun = beginReset(peer, NOW + i);
      assert.deepEqual(begun.commitments, [commitmentOf(frame)]);
      peer = begun.peer;
    }
    peer = noteUnopened(peer, systemRandom(984).with(0, 1));
    assert.ok(!isResetDue(peer, NOW + 59));
    assert.ok(isResetDue(peer, NOW + 60));
  });

  it("sends again what is named and what followed it in that session, once, in order", () => {
    let { bek: peer } = acquainted();
    const frames: Uint8Array[] = [];
    for (let i = 1; i <= 4; i++) {
      const sent = sendTo(peer, content(10 + i), systemRandom, NOW);
      peer = sent.peer;
      frames.push(sent.frame);
    }
    const named = commitmentOf(frames[1] ?? content(0)) ?? content(0);
    const answer = applyReset(peer, [named, content(0, 32)]);
    assert.deepEqual(
      answer.resend.map((id) => id[0]),
      [12, 13, 14],
    );
    assert.deepEqual(applyReset(answer.peer, [named]).resend, []);
    assert.deepEqual(applyReset(peer, [content(0, 32)]).peer, peer);
  });

  it("remembers the last 64 frames, and which session they went through", () => {
    let { bek: peer } = acquainted();
    for (let i = 0; i < MAX_SENT + 5; i++) {
      peer = sendTo(peer, content(i), systemRandom, NOW).peer;
    }
    const id = peer.sessions[0]?.id ?? content(0);
    assert.equal(sentThrough(peer, id).length, MAX_SENT);
    assert.equal(sentThrough(peer, content(0, 32)).length, 0);
  });

  it("finds the commitment of a frame with and without a first flight, and of nothing else", () => {
    const first = sendTo(start(newPeer(partyOf(bek))), content(1), systemRandom, NOW);
    assert.equal(commitmentOf(first.frame)?.length, 32);
    assert.deepEqual(first.peer.sent.subarray(16, 32), commitmentOf(first.frame)?.subarray(0, 16));
    for (const bytes of [new Uint8Array(0), content(1, 120), content(2, 984), content(7, 984)]) {
      assert.equal(commitmentOf(bytes), undefined);
    }
    const { aigul: peer } = acquainted();
    assert.equal(noteUnopened(peer, content(7, 984)), peer);
  });
});
