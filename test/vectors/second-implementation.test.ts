/**
 * The frozen identity, its phrase, root and statements (sections 1 to 3), read by an implementation that knows only the page and
 * other people's primitives: it opens everything, makes again what the secrets allow, byte for
 * byte, and refuses each thing with a bit flipped. Cards, records and prekeys, and the conversations, are in
 * the two files beside this one.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ml_kem768_x25519 } from "@noble/post-quantum/hybrid.js";
import { base32, concat, decode, fromHex, hex, u8 } from "../second/bytes.ts";
import { openDelegation, signedBytes } from "../second/delegation.ts";
import { sign } from "../second/primitives.ts";
import { Refused } from "../second/refused.ts";
import { readGrantList, relayText } from "../second/relay-address.ts";
import {
  capsulePublicKey,
  cardSecret,
  casePublicKey,
  deviceId,
  devicePublicKeys,
  deviceSecrets,
  entropyOfDigits,
  letterbox,
  ownerPublicKey,
  phraseSeed,
  rootPublicKey,
  rootSeed,
  safetyNumber,
} from "../second/root.ts";
import {
  openCertificate,
  openLocator,
  openStatement,
  setHash,
  statementId,
} from "../second/statements.ts";
import { identityVectors, refusesFlips } from "../second/transcripts.ts";
import { decapsulate, encapsulate, kemPublicKey } from "../second/x-wing.ts";
import { repositoryRoot } from "../support/repository.ts";

const vector = identityVectors();
const bytes = fromHex;
const root = bytes(vector.root.publicKey);
const seed = bytes(vector.phrase.seed);
const secrets = deviceSecrets(bytes(vector.device.secret));
const certificate = openCertificate(bytes(vector.statements.certificate), root);

describe("second implementation: phrase and root", () => {
  it("stretches the phrase to its seed and refuses a wrong digit", () => {
    const { digits } = vector.phrase;
    assert.equal(hex(phraseSeed(entropyOfDigits(digits))), vector.phrase.seed);
    for (let at = 3; at < digits.length; at += 5) {
      const other = digits[at] === "0" ? "1" : "0";
      const wrong = digits.slice(0, at) + other + digits.slice(at + 1);
      assert.throws(() => entropyOfDigits(wrong), Refused);
    }
  });

  it("derives every key of the root", () => {
    const box = letterbox(seed, 0);
    const { letterbox0, deskRoot, ownerPublicKeys } = vector.root;
    const owners = [0, 31].map((i) => hex(ownerPublicKey(seed, i)));
    assert.equal(hex(rootPublicKey(seed)), vector.root.publicKey);
    assert.equal(hex(capsulePublicKey(seed)), vector.root.capsulePublicKey);
    assert.equal(hex(box.mailboxPublicKey), letterbox0.mailboxPublicKey);
    assert.equal(hex(box.kemPublicKey), letterbox0.kemPublicKey);
    assert.equal(hex(cardSecret(seed, 0)), vector.root.cardSecret0);
    assert.equal(hex(casePublicKey(seed, bytes(deskRoot))), vector.root.casePublicKey);
    assert.deepEqual(owners, ownerPublicKeys);
  });

  it("computes the device's keys and id, and the safety number from both ends", () => {
    const { IKs, IKd } = devicePublicKeys(secrets);
    assert.deepEqual([hex(IKs), hex(IKd)], [vector.device.IKs, vector.device.IKd]);
    assert.equal(hex(deviceId(IKs, IKd)), vector.device.id);
    const other = bytes(vector.safetyNumber.otherRoot);
    assert.equal(safetyNumber(root, other), vector.safetyNumber.digits);
    assert.equal(safetyNumber(other, root), vector.safetyNumber.digits);
  });

  it("agrees with an X-Wing of other hands", () => {
    const [kemSeed, coins] = [rootSeed(seed), concat(seed, rootSeed(seed))];
    const publicKey = kemPublicKey(kemSeed);
    const theirs = ml_kem768_x25519.keygen(kemSeed);
    const { ciphertext, shared } = encapsulate(publicKey, coins);
    const again = ml_kem768_x25519.encapsulate(theirs.publicKey, coins);
    assert.equal(hex(publicKey), hex(theirs.publicKey));
    assert.equal(hex(ciphertext), hex(again.cipherText));
    assert.equal(hex(shared), hex(again.sharedSecret));
    assert.equal(hex(decapsulate(kemSeed, ciphertext)), hex(shared));
  });
});

describe("second implementation: statements", () => {
  const { statements } = vector;

  it("verifies each statement and refuses each flipped bit", () => {
    for (const kind of [
      "certificate",
      "revocation",
      "delegation",
      "resignation",
      "notice",
    ] as const) {
      const opened = refusesFlips(bytes(statements[kind]), 5, (one) => openStatement(one, root));
      assert.equal(opened.kind, kind);
    }
    for (const kind of ["locator", "statusLocator"] as const) {
      const place = kind === "locator" ? 1 : 2;
      const opened = refusesFlips(bytes(statements[kind]), 5, (one) =>
        openLocator(one, certificate),
      );
      assert.equal(opened.place, place);
    }
  });

  it("makes the certificate again from the secrets of root and device", () => {
    const { bytes: whole, authority } = certificate;
    const signed = signedBytes("certificate", whole.slice(0, 106), authority.context);
    const [own, byRoot] = [sign(secrets.signing, signed), sign(rootSeed(seed), signed)];
    assert.equal(hex(concat(whole.slice(0, 106), own, u8(0), byRoot)), statements.certificate);
  });

  it("finds another root changed, whatever else is wrong", () => {
    const other = bytes(vector.safetyNumber.otherRoot);
    const cut = concat(bytes(statements.certificate).slice(0, 234), u8(0));
    assert.throws(() => openStatement(cut, other), { code: "IDENTITY_CHANGED" });
  });

  it("names guardians, grants and the hour as the transcript does", () => {
    const delegation = openDelegation(bytes(statements.delegation), root);
    const locator = openLocator(bytes(statements.locator), certificate);
    const grants = decode(bytes(vector.grantList), readGrantList);
    assert.deepEqual(delegation.keys.map(hex), vector.guardians);
    assert.deepEqual(delegation.devices.map(hex), [vector.device.id]);
    assert.deepEqual(
      grants.map(({ relay }) => relayText(relay)),
      vector.relays,
    );
    assert.deepEqual(locator.grants, grants);
    assert.equal(certificate.notAfter, vector.hour + 43_800);
  });

  it("computes the set hash, with locators left out", () => {
    const kinds = ["certificate", "revocation", "delegation", "resignation", "notice"] as const;
    const set = kinds.map((kind) => openStatement(bytes(statements[kind]), root));
    const locator = openLocator(bytes(statements.locator), certificate);
    assert.equal(hex(setHash([...set, locator])), vector.setHash);
    assert.equal(statementId(certificate.bytes).length, 32);
    assert.match(base32(root), /^[a-z2-7]{52}$/);
  });
});

describe("second implementation: independence", () => {
  const folder = join(repositoryRoot, "test", "second");
  const own = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const allowed = /^(?:\.\/[a-z-]+\.ts|\.\.\/support\/repository\.ts|node:[a-z:/]+|@noble\/.+)$/;
  const imports =
    /^(?:import|export|\}).*?\bfrom "([^"]+)";$|^import "([^"]+)";$|\bimport\("([^"]+)/gm;
  const specifiers = (source: string) =>
    [...source.matchAll(imports)].map(([, from, bare, later]) => from ?? bare ?? later ?? "");

  it("imports nothing of the project's own, nor libsodium", () => {
    const bad = ["../../shared/crypto/hash.ts", "libsodium-wrappers", "../support/relay.ts"];
    const source = bad.map((name) => `import {\n  some,\n  thing,\n} from "${name}";\n`).join("");
    assert.deepEqual(specifiers(source), bad);
    for (const specifier of bad) assert.doesNotMatch(specifier, allowed);
    assert.ok(own.length > 10);
    for (const name of own) {
      for (const specifier of specifiers(readFileSync(join(folder, name), "utf8"))) {
        assert.match(specifier, allowed, `${name} imports ${specifier}`);
        assert.doesNotMatch(specifier, /sodium/);
      }
    }
  });

  it("is all that the tests over it import", () => {
    const folder = join(repositoryRoot, "test", "vectors");
    const tests = readdirSync(folder).filter((name) => name.startsWith("second-implementation"));
    assert.equal(tests.length, 3);
    for (const name of tests) {
      const source = readFileSync(join(folder, name), "utf8");
      const others = specifiers(source).filter((s) => !s.startsWith("../second/"));
      for (const specifier of others) assert.match(specifier, allowed, `${name}: ${specifier}`);
    }
  });
});
