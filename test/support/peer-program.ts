/**
 * One person's device as a process of its own, for the stories: the client library over a vault
 * file, told what to do by its parent over IPC. It may be killed at any instant and started again;
 * what it has to send is a list, so that a new process goes on where the vault says the last one
 * stopped.
 *
 *     argv: vault file, passphrase, kind of connection or ""
 *     then messages { type: "send", to, texts }, { type: "media", to, length, isLive },
 *     { type: "clip", to, path }, { type: "files", to, count, bytes }, { type: "fetch" }, { type: "read" }
 *     and { type: "stop" }
 */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { Client } from "../../client/core/client.ts";
import type { ReceivedMessage } from "../../client/core/types.ts";
import { TRANSPORT_KINDS } from "../../client/net/connection.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { FileBlobStorage } from "../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../client/vault/node/file-storage.ts";
import { toBase32 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { bytesOf, checkMade, fileOf, madeFile } from "./media-bytes.ts";
import type { PeerCommand, PeerReport } from "./peer-process.ts";
import { quickDerive } from "./quick-derive.ts";

const LOOK_MS = 100;
const [vaultFile = "", passphrase = "", kind = ""] = process.argv.slice(2);
const transportKind = TRANSPORT_KINDS.find((one) => one === kind);
const client = await Client.open({
  storage: new FileStorage(vaultFile),
  blobs: new FileBlobStorage(`${vaultFile}.blobs`),
  passphrase,
  transport: nodeTransport(),
  deriveKey: quickDerive,
  ...(transportKind === undefined ? {} : { transportKind }),
});

function report(value: PeerReport): void {
  process.send?.(value);
}

async function sendAll(to: string, texts: readonly string[]): Promise<void> {
  const { identity } = await client.contact(to);
  const written = new Set(
    (await client.sent())
      .filter((message) => toBase32(message.identity) === toBase32(identity))
      .map((message) => message.text),
  );
  for (const text of texts) {
    if (!written.has(text)) await client.send(to, text);
  }
  report({ type: "written" });
}

/** As a camera gives them: 20 kB every 50 ms. */
async function* recorded(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 20_000) {
    yield bytes.subarray(at, at + 20_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function sendMedia(to: string, length: number, isLive: boolean): Promise<void> {
  const bytes = bytesOf(Math.min(length, 20_000_000));
  const source = isLive ? recorded(bytes) : fileOf(bytes);
  await client.sendMedia(to, { kind: "file", source, isLive });
}

async function sendClip(to: string, path: string): Promise<void> {
  const name = basename(path);
  const isHere = (await client.sent()).some(({ media }) => media?.name === name && !media.isLost);
  if (isHere) return;
  const source = fileOf(await readFile(path));
  const onSealed = (bytes: number): void => report({ type: "sealing", bytes });
  await client.sendMedia(to, { kind: "clip", source, name, keepMetadata: true, onSealed });
}

/** Goes on until all of it is here: what is not there yet is still on its way. */
async function fetchWhole(id: Uint8Array): Promise<void> {
  for (;;) {
    const isFetched = await client.fetchMedia(id).then(
      (media) => media.isFetched,
      (error: unknown) => {
        if (error instanceof TumarError && error.retryable) return false;
        throw error;
      },
    );
    if (isFetched) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function fetchOnly(id: Uint8Array): Promise<void> {
  await fetchWhole(id);
  report({ type: "fetched", id: toBase32(id) });
}

async function sendFiles(to: string, count: number, bytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await client.sendMedia(to, { kind: "file", source: madeFile(bytes), name: `${i}.bin` });
  }
}

/** When all of it is at the relay: each fetch looks through what is here first. */
async function readWhole(id: Uint8Array): Promise<void> {
  while ((await client.receivedMessage(id)).media?.state !== "complete") {
    await new Promise((resolve) => setTimeout(resolve, 10 * LOOK_MS));
    await client.refreshMedia([id]);
  }
  await fetchWhole(id);
  const { media } = await client.receivedMessage(id);
  await checkMade(client.openMedia(id), media?.dataBytes ?? 0);
  await client.discardMedia(id);
  report({ type: "fetched", id: toBase32(id) });
}

async function fetchAll(fetch: (id: Uint8Array) => Promise<void>): Promise<void> {
  const known = new Set<string>();
  const look = async (): Promise<void> => {
    for (const { id, media } of await client.received()) {
      if (media === null || known.has(toBase32(id))) continue;
      known.add(toBase32(id));
      void fetch(id);
    }
  };
  client.on(({ type }) => {
    if (type === "message") void look();
  });
  await look();
}

async function reportMedia(id: Uint8Array): Promise<void> {
  const sent = await client.sent();
  const message = sent.find((one) => toBase32(one.id) === toBase32(id));
  if (message === undefined || message.media === null) return;
  report({
    type: "media",
    id: toBase32(id),
    storedBytes: message.media.storedBytes,
    isStored: message.state === "stored",
  });
}

async function reportStored(): Promise<void> {
  const all = await client.sent();
  report({ type: "stored", count: all.filter((message) => message.state === "stored").length });
}

function describe(message: ReceivedMessage): PeerReport {
  return {
    type: "received",
    id: toBase32(message.id),
    from: message.from,
    kind: message.kind,
    text: message.text,
  };
}

async function follow(): Promise<void> {
  for await (const message of client.messages()) {
    report(describe(message));
    await client.markShown(message.id);
    report({ type: "shown", id: toBase32(message.id) });
  }
}

process.on("message", (command: PeerCommand) => {
  if (command.type === "stop") void client.close().then(() => process.exit(0));
  else if (command.type === "send") void sendAll(command.to, command.texts);
  else if (command.type === "clip") void sendClip(command.to, command.path);
  else if (command.type === "files") void sendFiles(command.to, command.count, command.bytes);
  else if (command.type === "fetch") void fetchAll(fetchOnly);
  else if (command.type === "read") void fetchAll(readWhole);
  else void sendMedia(command.to, command.length, command.isLive);
});
client.on((event) => {
  if (event.type === "stored") void reportStored();
  if (event.type === "media" || event.type === "stored") void reportMedia(event.id);
});
client.start();
report({ type: "ready" });
await reportStored();
await follow();
