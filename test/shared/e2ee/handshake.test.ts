/** Handshake: both sides agree, every public input is bound, and a changed byte anywhere is one refusal. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { equalBytes, utf8 } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  decodeFirstFlight,
  FIRST_FLIGHT_HEAD_BYTES,
  headHash,
} from "../../../shared/e2ee/first-flight.ts";
import { initiate, respond } from "../../../shared/e2ee/handshake.ts";
import { openIdentityBlock } from "../../../shared/e2ee/identity-block.ts";
import { decrypt, encrypt } from "../../../shared/e2ee/ratchet.ts";
import { bundleOf, secretsOf, TEST_HOUR, testDevice } from "../../support/two-devices.ts";

const aigul = testDevice(systemRandom);
const bek = testDevice(systemRandom);
const FRAME = 4056;
const PREFIX = FIRST_FLIGHT_HEAD_BYTES + 2 + (4 + 235 + 1) + 16;

function firstFlight(withPair: boolean): { flight: Uint8Array; sessionId: Uint8Array } {
  const bundle = bundleOf(bek, withPair);
  const { prefix, ratchet, sessionId } = initiate(
    aigul,
    bundle,
    aigul.identityBlock,
    systemRandom,
    TEST_HOUR,
  );
  const { frame } = encrypt(ratchet, utf8("first"), FRAME - prefix.length, systemRandom, TEST_HOUR);
  const flight = new Uint8Array(FRAME);
  flight.set(prefix);
  flight.set(frame, prefix.length);
  return { flight, sessionId };
}

function receive(flight: Uint8Array, withPair: boolean) {
  const parsed = decodeFirstFlight(flight);
  const secrets = secretsOf(bek, withPair);
  const responded = respond(bek, secrets, parsed, openIdentityBlock, TEST_HOUR);
  return { ...responded, ...decrypt(responded.ratchet, parsed.frame, TEST_HOUR) };
}

describe("handshake", () => {
  for (const withPair of [true, false]) {
    it(`agrees ${withPair ? "with" : "without"} a one-time pair`, () => {
      const { flight, sessionId } = firstFlight(withPair);
      const received = receive(flight, withPair);
      assert.deepEqual(received.sessionId, sessionId);
      assert.deepEqual(received.plaintext, utf8("first"));
      assert.deepEqual(received.identity.root, aigul.root);
      assert.deepEqual(received.identity.deviceId, aigul.device.id);
      assert.deepEqual(received.headHash, headHash(flight.subarray(0, 1166)));
    });
  }

  it("has the sizes the page gives", () => {
    assert.equal(FIRST_FLIGHT_HEAD_BYTES, 1 + 1 + 4 + 4 + 4 + 32 + 1120);
    assert.equal(FIRST_FLIGHT_HEAD_BYTES, 1166);
    assert.equal(PREFIX, 1424);
    const { prefix } = initiate(
      aigul,
      bundleOf(bek, true),
      aigul.identityBlock,
      systemRandom,
      TEST_HOUR,
    );
    assert.equal(prefix.length, PREFIX);
  });

  it("refuses a changed bit in any part, EK bit 255 included", () => {
    const { flight } = firstFlight(true);
    const places = [0, 1, 3, 7, 11, 14, 45, 46, 700, 1100, 1165, 1166, 1167, 1168, 1300, 1423];
    for (const at of places) {
      for (const bit of [0x01, 0x80]) {
        const changed = flight.slice();
        changed[at] = (changed[at] ?? 0) ^ bit;
        assert.throws(() => receive(changed, true), TumarError, `byte ${at}`);
      }
    }
  });

  it("refuses a flight cut anywhere in its head, and one with two pair ids", () => {
    const { flight } = firstFlight(false);
    for (const length of [0, 1, 13, 46, 1165, 1167, 1200]) {
      assert.throws(() => decodeFirstFlight(flight.subarray(0, length)), { code: "MALFORMED" });
    }
    const other = flight.slice();
    other[13] = 5;
    assert.throws(() => decodeFirstFlight(other), { code: "MALFORMED" });
    const empty = flight.slice();
    empty.set([0, 16], 1166);
    assert.throws(() => decodeFirstFlight(empty), { code: "MALFORMED" });
  });

  it("does not open for another responder, or under another's identity block", () => {
    const { flight } = firstFlight(true);
    const parsed = decodeFirstFlight(flight);
    const secrets = secretsOf(bek, true);
    const elsewhere = { ...bek, root: aigul.root };
    assert.throws(() => respond(elsewhere, secrets, parsed, openIdentityBlock, TEST_HOUR), {
      code: "CANNOT_OPEN",
    });
    const stranger = testDevice(systemRandom);
    const lied = respond(bek, secrets, parsed, () => openIdentityBlock(stranger.identityBlock), 0);
    assert.throws(() => decrypt(lied.ratchet, parsed.frame, 0), { code: "CANNOT_DECRYPT" });
  });

  it("draws fresh keys each time", () => {
    const [one, two] = [firstFlight(true), firstFlight(true)];
    assert.ok(!equalBytes(one.sessionId, two.sessionId));
    assert.ok(!equalBytes(one.flight.subarray(14, 46), two.flight.subarray(14, 46)));
  });
});
