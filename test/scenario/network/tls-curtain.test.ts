/**
 * curtain16 with TLS in front of the relay, and certificates as long as public ones: every thrifty
 * connection carries at most 8 KiB down after its handshake and 14 KiB in all, so that none stalls.
 */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Client } from "../../../client/core/client.ts";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import type { Transport } from "../../../client/net/transport.ts";
import { FileBlobStorage } from "../../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../../client/vault/node/file-storage.ts";
import { type Certificate, makeCertificate } from "../../support/certificates.ts";
import { atEnd } from "../../support/cleanup.ts";
import { type Impairment, impair } from "../../support/impair/impair.ts";
import { redirected } from "../../support/impair/transport.ts";
import { PeerProcess, type PeerReport } from "../../support/peer-process.ts";
import { PASSPHRASE } from "../../support/people.ts";
import { quickDerive } from "../../support/quick-derive.ts";
import { relayProcess, temporaryDirectory } from "../../support/relay.ts";
import { numbered, until } from "../../support/stories.ts";
import { type TlsTerminator, tlsTerminator } from "../../support/tls-terminator.ts";

const MAX_AFTER_HANDSHAKE_BYTES = 8 * 1024;
const MAX_BYTES = 14 * 1024;
const FULL_ANSWER_BYTES = 4608;
const HOST = "127.0.0.1";
const TEXTS = 8;
/** What the transparency logs' signatures and other additions take in public certificates. */
const FILLER_BYTES = 1200;
const PUBLIC_HANDSHAKE_BYTES = 2500;

interface Scene {
  readonly directory: string;
  readonly network: Impairment;
  readonly terminator: TlsTerminator;
  /** Of the relay, through the network and TLS. */
  readonly address: string;
  /** Past both. */
  readonly inTheClear: Transport;
  /** File with the authority's certificate. */
  readonly authority: string;
}

/** A chain of three as public authorities sign them. */
function chain(): { readonly root: Certificate; readonly leaf: Certificate } {
  const root = makeCertificate({ name: "root of the tests", isAuthority: true });
  const middle = makeCertificate({
    name: "authority of the tests",
    isAuthority: true,
    issuer: root,
    fillerBytes: FILLER_BYTES,
  });
  return { root, leaf: makeCertificate({ name: HOST, issuer: middle, fillerBytes: FILLER_BYTES }) };
}

async function scene(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t);
  const relay = await relayProcess(t, { directory: join(directory, "relay") });
  const { root, leaf } = chain();
  const authority = join(directory, "root.pem");
  await writeFile(authority, root.cert);
  const terminator = await tlsTerminator(t, relay.port, leaf);
  const network = await impair({ to: { host: HOST, port: terminator.port }, profile: "none" });
  atEnd(t, () => network.close());
  const { hash } = new URL(relay.address);
  const address = `https://${HOST}:${network.port}${hash}`;
  const inTheClear = redirected(nodeTransport(), (url) => {
    url.protocol = url.protocol.replace("s:", ":");
    url.port = String(relay.port);
  });
  return { directory, network, terminator, address, inTheClear, authority };
}

/** Two vaults whose owners know each other. Made past the network: what is counted is thrifty only. */
async function register({ directory, address, inTheClear }: Scene): Promise<[string, string]> {
  const files = [join(directory, "a"), join(directory, "b")] as [string, string];
  const clients: Client[] = [];
  for (const file of files) {
    const environment = {
      storage: new FileStorage(file),
      blobs: new FileBlobStorage(`${file}.blobs`),
      passphrase: PASSPHRASE,
      transport: inTheClear,
      deriveKey: quickDerive,
    };
    const created = await Client.create(environment, { relay: address, wordList: "english" });
    clients.push(created.client);
  }
  const [a, b] = clients;
  assert.ok(a && b);
  await a.addContact(await b.card(), "Бек");
  await b.addContact(await a.card(), "Айгүл");
  for (const client of clients) await client.close();
  return files;
}

/** A device that knows only thrifty, and what it received. */
class Device {
  readonly received: string[] = [];
  readonly process: PeerProcess;

  constructor(vaultFile: string, authority: string) {
    const hear = (report: PeerReport) => {
      if (report.type === "received") this.received.push(report.text);
    };
    this.process = new PeerProcess(vaultFile, PASSPHRASE, hear, {
      transportKind: "thrifty",
      environment: { NODE_EXTRA_CA_CERTS: authority },
    });
  }
}

describe("thrifty, over TLS, under curtain16", () => {
  it("carries at most 8 KiB down after each handshake and 14 KiB in all; nothing stalls", async (t) => {
    const all = await scene(t);
    const { network, terminator, authority } = all;
    const [aigul, bek] = (await register(all)).map((file) => new Device(file, authority));
    assert.ok(aigul && bek);
    network.setProfile("curtain16");
    for (const device of [aigul, bek]) {
      atEnd(t, () => device.process.kill());
      await device.process.start();
    }
    const ofAigul = [...numbered("Айгүл", TEXTS), "ұзақ хат ".repeat(800)];
    const ofBek = numbered("Бек", TEXTS);
    aigul.process.send("Бек", ofAigul);
    bek.process.send("Айгүл", ofBek);
    await until("all of it", () => {
      return bek.received.length >= ofAigul.length && aigul.received.length >= ofBek.length;
    });
    assert.deepEqual(bek.received, ofAigul);
    assert.deepEqual(aigul.received, ofBek);
    for (const device of [aigul, bek]) await device.process.stop();

    assert.equal(network.stats().stalls, 0);
    const { counts } = terminator;
    const handshake = Math.max(...counts.map(({ handshakeBytes }) => handshakeBytes));
    const after = Math.max(...counts.map(({ bytes, handshakeBytes }) => bytes - handshakeBytes));
    const most = Math.max(...counts.map(({ bytes }) => bytes));
    assert.ok(handshake > PUBLIC_HANDSHAKE_BYTES, "certificates as long as public ones");
    assert.ok(after > FULL_ANSWER_BYTES, "full answers are among them");
    t.diagnostic(`${counts.length} connections; down: ${handshake} bytes at most of a handshake`);
    t.diagnostic(`${after} at most after it, ${most} at most in all`);
    assert.ok(after <= MAX_AFTER_HANDSHAKE_BYTES);
    assert.ok(most <= MAX_BYTES);
  });
});
