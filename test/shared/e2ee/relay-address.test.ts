/** Relay addresses: one text and one byte form each, http for loopback only, onion names whole. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteReader, toBase64Url } from "../../../shared/crypto/bytes.ts";
import {
  encodeRelayAddress,
  equalRelayAddress,
  formatRelayAddress,
  parseRelayAddress,
  parseRelayHash,
  type RelayAddress,
  readRelayAddress,
} from "../../../shared/e2ee/relay-address.ts";

const hash = parseRelayHash(new Uint8Array(16).fill(9));
const key = `#k=${toBase64Url(hash)}`;
/** The Tor Project's own site; a published v3 name. */
const onion = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";

function there(text: string): RelayAddress {
  const address = parseRelayAddress(text);
  const reader = new ByteReader(encodeRelayAddress(address));
  const back = readRelayAddress(reader);
  reader.finish();
  assert.deepEqual(back, address);
  assert.ok(equalRelayAddress(back, address));
  assert.equal(formatRelayAddress(back), text);
  return address;
}

describe("relay address", () => {
  it("comes back from text and bytes", () => {
    assert.equal(there(`https://relay.example${key}`).scheme, "https");
    assert.equal(there(`https://relay.example:8443${key}`).host, "relay.example:8443");
    assert.equal(there(`http://127.0.0.1:8787${key}`).scheme, "http");
    assert.equal(there(`http://[::1]:8787${key}`).scheme, "http");
    assert.equal(there(`http://localhost${key}`).scheme, "http");
    assert.equal(there(`http://${onion}${key}`).scheme, "onion");
    assert.equal(there(`http://${onion}:8080${key}`).host, `${onion}:8080`);
  });

  it("has the size of its parts", () => {
    const size = (text: string): number => encodeRelayAddress(parseRelayAddress(text)).length;
    assert.equal(size(`https://relay.example${key}`), 1 + 1 + 13 + 16);
    assert.equal(size(`http://${onion}${key}`), 1 + 1 + 32 + 16);
    assert.equal(size(`http://${onion}:8080${key}`), 1 + 1 + 34 + 16);
  });

  it("refuses what is not one address in its one form", () => {
    for (const text of [
      "",
      "relay.example",
      `ftp://relay.example${key}`,
      "https://relay.example",
      `https://Relay.example${key}`,
      `https://relay.example:443${key}`,
      `https://relay.example:0${key}`,
      `https://relay.example:65536${key}`,
      `https://relay_example${key}`,
      `https://user@relay.example${key}`,
      `https://relay.example/path${key}`,
      `https://relay..example${key}`,
      `https://relay.-example${key}`,
      `https://relay-.example${key}`,
      `https://${"a".repeat(201)}${key}`,
      `http://relay.example${key}`,
      `http://127.0.0.1.example${key}`,
      `https://${onion}${key}`,
      `http://3${onion.slice(1)}${key}`,
      `http://${onion}:80${key}`,
      `https://relay.example${key}A`,
    ]) {
      assert.throws(() => parseRelayAddress(text), { code: "BAD_RELAY_ADDRESS" }, text);
    }
  });

  it("refuses bytes of an unknown kind, cut, or with the wrong kind for the place", () => {
    const bytes = encodeRelayAddress(parseRelayAddress(`https://relay.example${key}`));
    const read = (input: Uint8Array): RelayAddress => readRelayAddress(new ByteReader(input));
    for (const kind of [1, 2, 3, 255]) {
      const changed = Uint8Array.from(bytes);
      changed[0] = kind;
      assert.throws(() => read(changed), { code: "MALFORMED" });
    }
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => read(bytes.subarray(0, length)), { code: "MALFORMED" });
    }
  });

  it("tells addresses apart by every part", () => {
    const a = parseRelayAddress(`https://relay.example${key}`);
    assert.equal(equalRelayAddress(a, { ...a, host: "other.example" }), false);
    assert.equal(equalRelayAddress(a, { ...a, scheme: "http" }), false);
    assert.equal(equalRelayAddress(a, { ...a, hash: parseRelayHash(new Uint8Array(16)) }), false);
  });
});
