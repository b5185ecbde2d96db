/** Noise NK: the public vectors through our code, and what a changed, cut or replayed message does. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY, fromHex, type Random, toHex, utf8 } from "../../../shared/crypto/bytes.ts";
import { dhKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  HANDSHAKE_OVERHEAD_BYTES,
  MAX_NONCE,
  openTransport,
  readMessage1,
  readMessage2,
  sealTransport,
  startInitiator,
  type Transport,
  writeMessage1,
  writeMessage2,
} from "../../../shared/wire/noise.ts";
import { repositoryRoot } from "../../support/repository.ts";

const FILE = "noise_NK_25519_ChaChaPoly_BLAKE2b.txt";
const { TUMAR_VECTORS } = process.env;
const folders = [TUMAR_VECTORS ?? "", join(repositoryRoot, "../shared/vectors")];
const path = folders.map((folder) => join(folder, FILE)).find((file) => existsSync(file));
const skip =
  path === undefined
    ? `no ${FILE}: take the NK cases of vectors.txt from github.com/flynn/noise and set TUMAR_VECTORS to their folder`
    : false;

const prologue = utf8("prologue");
const relay = dhKeyPair(systemRandom(32));
const fixed =
  (bytes: Uint8Array): Random =>
  () =>
    bytes;

function handshake(): { readonly client: Transport; readonly server: Transport } {
  const first = writeMessage1(startInitiator(relay.publicKey, prologue, systemRandom), EMPTY);
  const ready = readMessage1(first.message, relay, prologue);
  const second = writeMessage2(ready.state, EMPTY, systemRandom);
  return { client: readMessage2(first.state, second.message).transport, server: second.transport };
}

type Vector = ReadonlyMap<string, string>;

function parseVectors(text: string): Vector[] {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((block) => new Map(block.split("\n").map(parseLine)));
}

function parseLine(line: string): [string, string] {
  const [name = "", value = ""] = line.trim().split("=");
  return [name, value];
}

function bytesOf(vector: Vector, name: string): Uint8Array {
  return fromHex(vector.get(name) ?? "");
}

function runVector(vector: Vector): void {
  const responder = dhKeyPair(bytesOf(vector, "resp_static"));
  const text = bytesOf(vector, "prologue");
  const start = startInitiator(
    responder.publicKey,
    text,
    fixed(bytesOf(vector, "gen_init_ephemeral")),
  );
  const first = writeMessage1(start, bytesOf(vector, "msg_0_payload"));
  assert.equal(toHex(first.message), vector.get("msg_0_ciphertext"));
  const ready = readMessage1(first.message, responder, text);
  assert.equal(toHex(ready.payload), vector.get("msg_0_payload"));
  assert.deepEqual(ready.proofHash, start.proofHash);
  const second = writeMessage2(
    ready.state,
    bytesOf(vector, "msg_1_payload"),
    fixed(bytesOf(vector, "gen_resp_ephemeral")),
  );
  assert.equal(toHex(second.message), vector.get("msg_1_ciphertext"));
  const finished = readMessage2(first.state, second.message);
  assert.equal(toHex(finished.payload), vector.get("msg_1_payload"));
  assert.deepEqual(finished.transport.handshakeHash, second.transport.handshakeHash);
  if (vector.get("handshake_hash") !== undefined) {
    assert.equal(toHex(second.transport.handshakeHash), vector.get("handshake_hash"));
  }
  runTransport(vector, finished.transport, second.transport);
}

/** Messages 2, 4, … go to the responder, 3, 5, … to the initiator. */
function runTransport(vector: Vector, client: Transport, server: Transport): void {
  const lanes = [
    { send: client.send, receive: server.receive },
    { send: server.send, receive: client.receive },
  ];
  for (let i = 2; vector.get(`msg_${i}_ciphertext`) !== undefined; i++) {
    const lane = lanes[i % 2];
    assert.ok(lane);
    const sealed = sealTransport(lane.send, bytesOf(vector, `msg_${i}_payload`));
    assert.equal(toHex(sealed.message), vector.get(`msg_${i}_ciphertext`));
    const opened = openTransport(lane.receive, sealed.message);
    assert.equal(toHex(opened.plaintext), vector.get(`msg_${i}_payload`));
    lane.send = sealed.cipher;
    lane.receive = opened.cipher;
  }
}

describe("Noise NK", () => {
  it("gives the bytes of the public vectors", { skip }, () => {
    const vectors = parseVectors(readFileSync(path ?? "", "utf8"));
    assert.ok(vectors.length >= 2);
    for (const vector of vectors) runVector(vector);
  });

  it("opens no message 1 or 2 with any bit flipped, cut or extended (property)", () => {
    const first = writeMessage1(
      startInitiator(relay.publicKey, prologue, systemRandom),
      utf8("one"),
    );
    const second = writeMessage2(
      readMessage1(first.message, relay, prologue).state,
      utf8("two"),
      systemRandom,
    );
    const read = [
      { message: first.message, open: (m: Uint8Array) => readMessage1(m, relay, prologue) },
      { message: second.message, open: (m: Uint8Array) => readMessage2(first.state, m) },
    ];
    for (const { message, open } of read) {
      for (let bit = 0; bit < message.length * 8; bit++) {
        const changed = Uint8Array.from(message);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.throws(() => open(changed), { name: "TumarError" });
      }
      for (let n = 0; n < message.length; n++) {
        const code = n < HANDSHAKE_OVERHEAD_BYTES ? "MALFORMED" : "CANNOT_OPEN";
        assert.throws(() => open(message.subarray(0, n)), { code });
      }
      assert.throws(() => open(concat(message, Uint8Array.of(0))), { code: "CANNOT_OPEN" });
      assert.doesNotThrow(() => open(message));
    }
  });

  it("opens nothing under another static key or prologue", () => {
    const { message } = writeMessage1(
      startInitiator(relay.publicKey, prologue, systemRandom),
      EMPTY,
    );
    const other = dhKeyPair(systemRandom(32));
    assert.throws(() => readMessage1(message, other, prologue), { code: "CANNOT_OPEN" });
    assert.throws(() => readMessage1(message, relay, utf8("other")), { code: "CANNOT_OPEN" });
  });

  it("refuses a low-order ephemeral key", () => {
    const message = new Uint8Array(100);
    assert.throws(() => readMessage1(message, relay, prologue), { code: "BAD_KEY" });
  });

  it("opens transport messages in order only, once, and stays as it was on failure (property)", () => {
    const { client, server } = handshake();
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 2 }), (texts) => {
        let send = client.send;
        const messages = texts.map((text) => {
          const sealed = sealTransport(send, text);
          send = sealed.cipher;
          return sealed.message;
        });
        let receive = server.receive;
        texts.forEach((text, i) => {
          const wrong = messages[(i + 1) % messages.length] ?? EMPTY;
          assert.throws(() => openTransport(receive, wrong), { code: "CANNOT_OPEN" });
          const opened = openTransport(receive, messages[i] ?? EMPTY);
          assert.deepEqual(opened.plaintext, text);
          receive = opened.cipher;
        });
      }),
      { numRuns: 50 },
    );
  });

  it("counts nonces up and stops before any could repeat", () => {
    const { client } = handshake();
    assert.equal(sealTransport(client.send, EMPTY).cipher.nonce, 1);
    const last = { ...client.send, nonce: MAX_NONCE - 1 };
    const sealed = sealTransport(last, EMPTY);
    assert.equal(toHex(sealed.message), toHex(sealTransport(last, EMPTY).message));
    assert.throws(() => sealTransport(sealed.cipher, EMPTY), { code: "CHANNEL_EXHAUSTED" });
    assert.throws(() => openTransport(sealed.cipher, EMPTY), { code: "CHANNEL_EXHAUSTED" });
    const seen = [0, 1, 255, 256, 65_536, 2 ** 31].map((nonce) =>
      toHex(sealTransport({ ...client.send, nonce }, EMPTY).message),
    );
    assert.equal(new Set(seen).size, seen.length);
  });
});
