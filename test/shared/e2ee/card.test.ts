/** Cards: both forms come back, any changed character is refused, 300 characters are enough. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, fromBase64Url, toBase64Url } from "../../../shared/crypto/bytes.ts";
import {
  CARD_CHECK_BYTES,
  type Card,
  formatBareCard,
  formatCard,
  MAX_CARD_CHARACTERS,
  parseCard,
} from "../../../shared/e2ee/card.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { makeIdentity, relayA, relayB } from "../../support/identities.ts";

const { root, secret } = makeIdentity("card");
const card: Card = { root: root.publicKey, secret, relays: [relayA, relayB] };
const onion = parseRelayAddress(
  "http://2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion#k=AQEBAQEBAQEBAQEBAQEBAQ",
);
const loopback = parseRelayAddress("http://127.0.0.1:8787#k=AQEBAQEBAQEBAQEBAQEBAQ");
const payloadOf = (text: string): Uint8Array => fromBase64Url(text.replace(/^.*(#1|\/)/, ""));

describe("card", () => {
  it("comes back from both forms, for every kind of relay", () => {
    for (const relays of [[relayA], [relayA, relayB], [onion, relayA], [loopback]]) {
      const one = { ...card, relays };
      assert.deepEqual(parseCard(formatCard(one)), one);
      assert.deepEqual(parseCard(`  ${formatBareCard(one)}\n`), one);
    }
    assert.match(formatCard(card), /^https:\/\/relay-one\.example\/c#1[A-Za-z0-9_-]+$/);
    assert.match(formatBareCard(card), /^tumar:1\/[A-Za-z0-9_-]+$/);
  });

  it("has the size of its parts", () => {
    assert.equal(CARD_CHECK_BYTES, 4);
    assert.equal(payloadOf(formatCard(card)).length, 32 + 16 + 2 * (1 + 1 + 17 + 16) + 4);
    assert.equal(payloadOf(formatCard(card)).length, 122);
    assert.equal(MAX_CARD_CHARACTERS, 300);
    const onions = { ...card, relays: [onion, onion] };
    assert.ok(formatCard(onions).length <= 300);
    assert.equal(parseCard(formatCard(onions)).relays.length, 2);
  });

  it("drops a second relay that does not fit, and never more than that", () => {
    const long = parseRelayAddress(`https://${"a".repeat(120)}.example#k=AQEBAQEBAQEBAQEBAQEBAQ`);
    const [one, two] = [
      { ...card, relays: [relayA, long] },
      { ...card, relays: [relayA, relayB, loopback] },
    ];
    assert.deepEqual(parseCard(formatCard(one)).relays, [relayA]);
    assert.deepEqual(parseCard(formatCard(two)).relays, [relayA, relayB]);
    const tooLong = parseRelayAddress(`https://${"a".repeat(190)}.ex#k=AQEBAQEBAQEBAQEBAQEBAQ`);
    assert.throws(() => formatCard({ ...card, relays: [tooLong] }), RangeError);
    assert.throws(() => formatCard({ ...card, relays: [] }), RangeError);
  });

  it("is refused with any one character changed, dropped or added (property)", () => {
    const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
    for (const text of [formatCard(card), formatBareCard(card)]) {
      const inside = fc.integer({ min: 0, max: text.length - 1 });
      fc.assert(
        fc.property(inside, fc.constantFrom(...printable), (at, character) => {
          const changed = text.slice(0, at) + character + text.slice(at + 1);
          if (changed.trim() === text) return;
          assert.throws(() => parseCard(changed), { code: "BAD_CARD" }, changed);
          const added = text.slice(0, at) + character + text.slice(at);
          if (added.trim() === text) return;
          assert.throws(() => parseCard(added), { code: "BAD_CARD" }, added);
        }),
        { numRuns: 500 },
      );
      for (let at = 0; at < text.length; at++) {
        const dropped = text.slice(0, at) + text.slice(at + 1);
        assert.throws(() => parseCard(dropped), { code: "BAD_CARD" }, dropped);
      }
    }
  });

  it("is refused when it is something else", () => {
    for (const text of ["", "tumar:2/AAAA", "https://relay-one.example/", "tumar:1/AAAA"]) {
      assert.throws(() => parseCard(text), { code: "BAD_CARD" });
    }
  });

  it("does not name a plain http relay beyond loopback, nor a third relay", () => {
    const elsewhere = { ...relayA, scheme: "http" } as const;
    assert.throws(() => formatCard({ ...card, relays: [elsewhere] }), { code: "MALFORMED" });
    const three = concat(payloadOf(formatCard(card)), payloadOf(formatCard(card)));
    assert.throws(() => parseCard(`tumar:1/${toBase64Url(three)}`), { code: "BAD_CARD" });
  });
});
