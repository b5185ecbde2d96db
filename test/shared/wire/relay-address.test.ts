/** Relay addresses: one form out, few forms in, no http over an open network. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatRelayAddress, parseRelayAddress } from "../../../shared/wire/relay-address.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODw";
const HASH = Uint8Array.from({ length: 16 }, (_, i) => i);
const ONION = `${"a".repeat(56)}.onion`;

describe("relay address", () => {
  it("parses and formats", () => {
    const accepted: Readonly<Record<string, string>> = {
      [`https://relay.example#k=${KEY}`]: "https://relay.example",
      [`  https://relay.example/#k=${KEY}\n`]: "https://relay.example",
      [`https://RELAY.example:443#k=${KEY}`]: "https://relay.example",
      [`https://relay.example:8443#k=${KEY}`]: "https://relay.example:8443",
      [`http://127.0.0.1:8787#k=${KEY}`]: "http://127.0.0.1:8787",
      [`http://127.0.0.77:8787#k=${KEY}`]: "http://127.0.0.77:8787",
      [`http://localhost#k=${KEY}`]: "http://localhost",
      [`http://[::1]:99#k=${KEY}`]: "http://[::1]:99",
      [`http://${ONION}#k=${KEY}`]: `http://${ONION}`,
    };
    for (const [text, origin] of Object.entries(accepted)) {
      const address = parseRelayAddress(text);
      assert.deepEqual(address, { origin, hash: HASH }, text);
      assert.equal(formatRelayAddress(address), `${origin}#k=${KEY}`);
      assert.deepEqual(parseRelayAddress(formatRelayAddress(address)), address);
    }
  });

  it("refuses everything else", () => {
    const refused = [
      "",
      "relay.example",
      "https://relay.example",
      "https://relay.example#k=",
      `https://relay.example#k=${KEY}A`,
      `https://relay.example#k=${KEY.slice(1)}`,
      `https://relay.example#k=${KEY.slice(0, -1)}x`,
      `https://relay.example#k=${KEY.slice(0, -2)}`,
      `https://relay.example#${KEY}`,
      `https://relay.example/path#k=${KEY}`,
      `https://relay.example?q#k=${KEY}`,
      `https://user@relay.example#k=${KEY}`,
      `https://relay.example:99999#k=${KEY}`,
      `https://[::1#k=${KEY}`,
      `ftp://relay.example#k=${KEY}`,
      `http://relay.example#k=${KEY}`,
      `http://127.0.0.1.example#k=${KEY}`,
      `http://onion#k=${KEY}`,
      `http://10.0.0.1#k=${KEY}`,
    ];
    for (const text of refused) {
      assert.throws(() => parseRelayAddress(text), { code: "BAD_RELAY_ADDRESS" }, text);
    }
  });

  it("refuses any text with a code (property)", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.throws(() => parseRelayAddress(`https://${text}`), { code: "BAD_RELAY_ADDRESS" });
      }),
    );
  });
});
