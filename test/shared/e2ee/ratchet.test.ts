/** Ratchet: every order of delivery opens, nothing opens twice, and a failure leaves the state's bytes alone. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { equalBytes, utf8 } from "../../../shared/crypto/bytes.ts";
import { dhKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import { decrypt, encrypt, frameNeeds } from "../../../shared/e2ee/ratchet.ts";
import {
  COMMITMENT_OFFSET,
  FRAME_OVERHEAD_BYTES,
  HEADER_BYTES,
  SEALED_HEADER_BYTES,
} from "../../../shared/e2ee/ratchet-frame.ts";
import {
  isKemDue,
  KEM_HOURS,
  KEM_STEPS,
  sealedBlockBytes,
} from "../../../shared/e2ee/ratchet-kem.ts";
import {
  MAX_SKIP,
  MAX_SKIPPED,
  SKIPPED_LIFE_HOURS,
  skippedCount,
} from "../../../shared/e2ee/ratchet-skipped.ts";
import { initiatorRatchet, responderRatchet } from "../../../shared/e2ee/ratchet-start.ts";
import {
  decodeRatchet,
  encodeRatchet,
  MAX_EPOCHS,
  type RatchetState,
} from "../../../shared/e2ee/ratchet-state.ts";

const SMALL = 984;
const LARGE = 4056;

function pair(): [RatchetState, RatchetState] {
  const secrets = {
    transcript: systemRandom(64),
    rootKey: systemRandom(32),
    initiatorHeaderKey: systemRandom(32),
    responderHeaderKey: systemRandom(32),
  };
  const spk = dhKeyPair(systemRandom(32));
  return [initiatorRatchet(secrets, spk.publicKey, 0), responderRatchet(secrets, spk, 0)];
}

const reload = (state: RatchetState): RatchetState => decodeRatchet(encodeRatchet(state));

/** A conversation that keeps both states; every state goes through its bytes. */
class Talk {
  sides: [RatchetState, RatchetState] = pair();
  hour = 0;

  send(from: 0 | 1, text: string, frameBytes = SMALL): Uint8Array {
    const sent = encrypt(this.sides[from], utf8(text), frameBytes, systemRandom, this.hour);
    this.sides[from] = reload(sent.state);
    assert.equal(sent.frame.length, frameBytes);
    return sent.frame;
  }

  receive(to: 0 | 1, frame: Uint8Array): string {
    const got = decrypt(this.sides[to], frame, this.hour);
    this.sides[to] = reload(got.state);
    return new TextDecoder().decode(got.plaintext);
  }

  refuse(to: 0 | 1, frame: Uint8Array, code: string): void {
    const before = encodeRatchet(this.sides[to]);
    assert.throws(() => decrypt(this.sides[to], frame, this.hour), { code });
    assert.deepEqual(encodeRatchet(this.sides[to]), before);
  }

  pingPong(rounds: number, frameBytes = SMALL): void {
    for (let i = 0; i < rounds; i++) {
      assert.equal(this.receive(1, this.send(0, `a${i}`, frameBytes)), `a${i}`);
      assert.equal(this.receive(0, this.send(1, `b${i}`, frameBytes)), `b${i}`);
    }
  }
}

/** Delivers frames out of order, and knows which are too old to open. */
class Reordering {
  readonly #talk: Talk;
  readonly #wires: [Wire[], Wire[]] = [[], []];
  readonly #chains: [number, number] = [1, 0];
  readonly #newest: [number, number] = [1, 0];

  constructor(talk: Talk) {
    this.#talk = talk;
  }

  send(from: 0 | 1, text: string, frameBytes: number): void {
    if (this.#talk.sides[from].stepDue) this.#chains[from]++;
    const frame = this.#talk.send(from, text, frameBytes);
    this.#wires[from].push({ frame, chain: this.#chains[from] });
  }

  deliver(from: 0 | 1, pick: number): void {
    const [wire] = this.#wires[from].splice(pick, 1);
    if (wire === undefined) return;
    const to = from === 0 ? 1 : 0;
    if (this.#newest[from] - wire.chain > MAX_EPOCHS) {
      this.#talk.refuse(to, wire.frame, "CANNOT_DECRYPT");
      return;
    }
    this.#newest[from] = Math.max(this.#newest[from], wire.chain);
    this.#talk.receive(to, wire.frame);
    this.#talk.refuse(to, wire.frame, "ALREADY_OPENED");
  }
}

interface Wire {
  readonly frame: Uint8Array;
  readonly chain: number;
}

describe("ratchet", () => {
  it("has the sizes the page gives", () => {
    assert.equal(HEADER_BYTES, 41);
    assert.equal(SEALED_HEADER_BYTES, 57);
    assert.equal(COMMITMENT_OFFSET, 1 + 24 + 57);
    assert.equal(FRAME_OVERHEAD_BYTES, 1 + 24 + 57 + 32 + 16);
    assert.equal(FRAME_OVERHEAD_BYTES, 130);
    assert.equal(FRAME_OVERHEAD_BYTES + sealedBlockBytes(true, false), 1362);
    assert.equal(FRAME_OVERHEAD_BYTES + sealedBlockBytes(false, true), 1266);
    assert.equal(FRAME_OVERHEAD_BYTES + sealedBlockBytes(true, true), 2482);
  });

  it("opens any order of any two-way talk once, with 5 epochs kept (property)", () => {
    const steps = fc.array(
      fc.record({ from: fc.constantFrom<0 | 1>(0, 1), pick: fc.nat(3), large: fc.boolean() }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (script) => {
        const talk = new Talk();
        const first = talk.send(0, "open");
        assert.equal(talk.receive(1, first), "open");
        const order = new Reordering(talk);
        script.forEach(({ from, pick, large }, i) => {
          order.send(from, `m${i}`, large ? LARGE : 2600);
          order.deliver(from, pick);
        });
      }),
      { numRuns: 40 },
    );
  });

  it("refuses every changed byte and leaves the state as it was (property)", () => {
    const talk = new Talk();
    talk.pingPong(KEM_STEPS, LARGE);
    const frames = [talk.send(0, "new chain", LARGE), talk.send(0, "same chain", LARGE)];
    fc.assert(
      fc.property(
        fc.constantFrom(...frames),
        fc.nat(LARGE - 1),
        fc.integer({ min: 1, max: 255 }),
        (frame, at, mask) => {
          const changed = frame.slice();
          changed[at] = (changed[at] ?? 0) ^ mask;
          talk.refuse(1, changed, "CANNOT_DECRYPT");
        },
      ),
    );
    for (const length of [0, 1, 82, 130, LARGE - 1]) {
      talk.refuse(1, frames[0]?.subarray(0, length) ?? new Uint8Array(0), "CANNOT_DECRYPT");
    }
    assert.equal(talk.receive(1, frames[1] ?? new Uint8Array(0)), "same chain");
    assert.equal(talk.receive(1, frames[0] ?? new Uint8Array(0)), "new chain");
  });

  it("takes a KEM step in padding and when one is due, and both roots move with it", () => {
    const talk = new Talk();
    let withKey = 0;
    for (let i = 0; i < 30; i++) {
      const from = (i % 2) as 0 | 1;
      talk.receive(from === 0 ? 1 : 0, talk.send(from, "x", LARGE));
      if (talk.sides[from].kemSeed.length > 0) withKey++;
      assert.ok(talk.sides[from].kemSteps <= KEM_STEPS + 2);
    }
    assert.ok(withKey >= 3);
    assert.deepEqual(talk.sides[0].rootKey, talk.sides[1].rootKey);
  });

  it("says when a frame must grow for a KEM step", () => {
    const talk = new Talk();
    talk.pingPong(KEM_STEPS);
    const needs = frameNeeds(talk.sides[0], 0);
    assert.deepEqual(needs, { least: 131, wished: 1363 });
    talk.receive(1, talk.send(0, "proposes", LARGE));
    assert.deepEqual(frameNeeds(talk.sides[1], 0), { least: 1267, wished: 1267 });
    assert.throws(() => talk.send(1, "no room for the answer", SMALL), RangeError);
    talk.receive(0, talk.send(1, "answers", LARGE));
    assert.deepEqual(frameNeeds(talk.sides[0], 0), { least: 131, wished: 131 });
    assert.equal(frameNeeds(talk.sides[0], KEM_HOURS).wished, 1363);
  });

  it("decides about proposals by steps, hours and what is outstanding", () => {
    const clock = { steps: 0, hour: 100, outstanding: false };
    assert.ok(!isKemDue(clock, 100 + KEM_HOURS - 1));
    assert.ok(isKemDue(clock, 100 + KEM_HOURS));
    assert.ok(!isKemDue({ ...clock, steps: KEM_STEPS - 1 }, 100));
    assert.ok(isKemDue({ ...clock, steps: KEM_STEPS }, 100));
    assert.ok(!isKemDue({ ...clock, steps: 99, outstanding: true }, 999));
  });

  it("jumps over 512 messages and refuses 513 before deriving, in a chain and over its end", () => {
    for (const [skip, opens] of [
      [MAX_SKIP, true],
      [MAX_SKIP + 1, false],
    ] as const) {
      const talk = new Talk();
      talk.pingPong(1);
      for (let i = 0; i < skip; i++) talk.send(0, "lost");
      const last = talk.send(0, "last");
      if (opens) assert.equal(talk.receive(1, last), "last");
      else talk.refuse(1, last, "CANNOT_DECRYPT");
    }
    const talk = new Talk();
    talk.pingPong(1);
    talk.receive(1, talk.send(0, "seen"));
    for (let i = 0; i < MAX_SKIP + 1; i++) talk.send(0, "lost");
    talk.receive(0, talk.send(1, "turn"));
    talk.refuse(1, talk.send(0, "next chain, pn too far"), "CANNOT_DECRYPT");
  });

  it("keeps 512 overtaken keys, oldest out", () => {
    const talk = new Talk();
    talk.pingPong(1);
    const oldest = talk.send(0, "oldest");
    for (let i = 0; i < 299; i++) talk.send(0, "lost");
    const second = talk.send(0, "second");
    talk.receive(1, talk.send(0, "x"));
    for (let i = 0; i < 300; i++) talk.send(0, "lost");
    talk.receive(1, talk.send(0, "y"));
    assert.equal(skippedCount(talk.sides[1].skipped), MAX_SKIPPED);
    talk.refuse(1, oldest, "ALREADY_OPENED");
    assert.equal(talk.receive(1, second), "second");
  });

  it("forgets overtaken keys after relay life and a day, and chains after 5 epochs", () => {
    const talk = new Talk();
    talk.pingPong(1);
    const late = talk.send(0, "late");
    talk.receive(1, talk.send(0, "x"));
    talk.hour = SKIPPED_LIFE_HOURS;
    talk.receive(1, talk.send(0, "y"));
    assert.equal(skippedCount(talk.sides[1].skipped), 1);
    talk.hour += 1;
    talk.receive(1, talk.send(0, "z"));
    assert.equal(skippedCount(talk.sides[1].skipped), 0);
    talk.refuse(1, late, "ALREADY_OPENED");

    const older = talk.send(0, "older");
    const kept: Uint8Array[] = [];
    for (let i = 0; i <= MAX_EPOCHS; i++) {
      talk.receive(0, talk.send(1, "t", LARGE));
      kept.push(talk.send(0, `late ${i}`, LARGE));
      talk.receive(1, talk.send(0, "t", LARGE));
    }
    talk.refuse(1, older, "CANNOT_DECRYPT");
    kept.forEach((frame, i) => {
      assert.equal(talk.receive(1, frame), `late ${i}`);
    });
    assert.equal(talk.sides[1].past.length, MAX_EPOCHS);
  });

  it("never repeats a keystream from a rolled-back state", () => {
    const talk = new Talk();
    talk.pingPong(1);
    const state = talk.sides[0];
    const one = encrypt(state, utf8("one"), SMALL, systemRandom, 0);
    const two = encrypt(state, utf8("two"), SMALL, systemRandom, 0);
    assert.ok(!equalBytes(one.commitment, two.commitment));
    assert.ok(!equalBytes(one.frame.subarray(114 + 8, 154), two.frame.subarray(114 + 8, 154)));
  });

  it("cannot send before it has opened, and takes content up to the last byte", () => {
    const [initiator, responder] = pair();
    assert.throws(() => encrypt(responder, utf8("x"), SMALL, systemRandom, 0), RangeError);
    const full = new Uint8Array(SMALL - 131).fill(0x80);
    const sent = encrypt(initiator, full, SMALL, systemRandom, 0);
    assert.deepEqual(decrypt(responder, sent.frame, 0).plaintext, full);
    const over = new Uint8Array(SMALL - 130);
    assert.throws(() => encrypt(initiator, over, SMALL, systemRandom, 0), RangeError);
  });

  it("reads back only whole, known state bytes", () => {
    const talk = new Talk();
    talk.pingPong(8, LARGE);
    const bytes = encodeRatchet(talk.sides[0]);
    assert.deepEqual(encodeRatchet(decodeRatchet(bytes)), bytes);
    for (let length = 0; length < bytes.length; length += 7) {
      assert.throws(() => decodeRatchet(bytes.subarray(0, length)), { code: "MALFORMED" });
    }
    assert.throws(() => decodeRatchet(new Uint8Array([...bytes, 0])), { code: "MALFORMED" });
    for (const [at, value] of [
      [0, 9],
      [1, 0x7f],
    ] as const) {
      assert.throws(() => decodeRatchet(bytes.with(at, value)), { code: "MALFORMED" });
    }
  });
});
