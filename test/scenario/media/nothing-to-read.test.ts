/**
 * What a relay's disk and a recorded wire show of a photo with its small copy and of a clip: no name, type,
 * exact size or content; only sealed bytes in sizes that many files share.
 */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { SendMediaOptions } from "../../../client/core/types.ts";
import { photoCopy } from "../../../client/media/node/photo-copy.ts";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import { chunkOffset, isBlobSize } from "../../../shared/e2ee/blob.ts";
import { CHANNEL_BUCKETS } from "../../../shared/wire/limits.ts";
import { atEnd } from "../../support/cleanup.ts";
import { assertSame } from "../../support/clip-story.ts";
import { type Impairment, impair } from "../../support/impair/impair.ts";
import { throughNetwork } from "../../support/impair/transport.ts";
import { findLeaks, type Needle } from "../../support/leak-search.ts";
import { clipFile, photoFile, TELLTALES } from "../../support/media.ts";
import { bytesOf, fileOf, opened } from "../../support/media-bytes.ts";
import { acquaint, type Person, person } from "../../support/people.ts";
import { blobFiles, rawFiles } from "../../support/raw-files.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../../support/relay.ts";
import { synced, until } from "../../support/stories.ts";
import { websocketFrames, websocketPayloads } from "../../support/websocket-payloads.ts";

const PHOTO_NAME = "Паспорт Айгүл Қасымқызы.jpg";
const CLIP_NAME = "Түрме қақпасы 2026-11-20.webm";
const PIECE_BYTES = 32;
/** Pieces of each content that are looked for. */
const PIECES = 4;
const FIRST_CONTROL_OPCODE = 8;
/** What goes up beside the length on the disk. */
const MAX_AROUND = 1.06;

interface Scene {
  readonly data: string;
  readonly relay: RelayProcess;
  readonly lines: readonly Impairment[];
  readonly aigul: Person;
  readonly bek: Person;
}

/** Each has a line of their own to the relay, which records every byte. */
async function scene(t: TestContext): Promise<Scene> {
  const data = join(await temporaryDirectory(t), "relay");
  const relay = await relayProcess(t, { directory: data, settings: { LOG_LEVEL: "debug" } });
  const lines: Impairment[] = [];
  const one = async (): Promise<Person> => {
    const line = await impair({ to: relay.address, profile: "none", record: true });
    atEnd(t, () => line.close());
    lines.push(line);
    const transport = throughNetwork(line, relay.address, nodeTransport());
    return await person(t, relay.address, { transport, photoCopy, transportKind: "websocket" });
  };
  const [aigul, bek] = [await one(), await one()];
  await acquaint([aigul, "Aigul"], [bek, "Bek"]);
  aigul.client.start();
  bek.client.start();
  return { data, relay, lines, aigul, bek };
}

async function sent({ aigul, bek }: Scene, options: SendMediaOptions): Promise<Uint8Array> {
  const { id } = await aigul.client.sendMedia("Bek", { ...options, keepMetadata: true });
  await aigul.client.stored(id);
  await until("it came", async () => {
    await synced(bek.client);
    return (await bek.client.received()).some((message) => message.id.join() === id.join());
  });
  return id;
}

function wireOf(lines: readonly Impairment[]): Buffer {
  const streams = lines.flatMap((line) => line.stats().each.flatMap(({ up, down }) => [up, down]));
  return Buffer.concat([...streams, ...streams.map(websocketPayloads)]);
}

function piecesOf(what: string, bytes: Uint8Array): readonly Needle[] {
  const step = Math.floor((bytes.length - PIECE_BYTES) / (PIECES - 1));
  return Array.from({ length: PIECES }, (_, i) => {
    return {
      what: `${what} at ${i * step}`,
      secret: bytes.slice(i * step, i * step + PIECE_BYTES),
    };
  });
}

/** As text and as numbers of eight bytes in either order. */
function sizeNeedles(what: string, size: number): readonly Needle[] {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(size));
  const secrets = [String(size), Uint8Array.from(number), Uint8Array.from(number).toReversed()];
  return secrets.map((secret) => ({ what: `size of ${what}`, secret }));
}

function needlesOf(what: string, name: string, type: string, bytes: Uint8Array): readonly Needle[] {
  return [
    { what: `name of ${what}`, secret: name },
    { what: `beginning of the name of ${what}`, secret: name.slice(0, 7) },
    { what: `type of ${what}`, secret: type },
    ...sizeNeedles(what, bytes.length),
    ...piecesOf(what, bytes),
  ];
}

describe("a photo and a clip on their way", () => {
  it("leave no name, type, exact size or content on the relay's disk, in its log or on the wire", async (t) => {
    const all = await scene(t);
    const { data, relay, lines, aigul, bek } = all;
    const photo = await readFile(await photoFile({ format: "jpeg", width: 4000, height: 3000 }));
    const clip = await readFile(await clipFile({ container: "webm" }));
    const ids = [
      await sent(all, { kind: "photo", source: fileOf(photo), name: PHOTO_NAME }),
      await sent(all, { kind: "clip", source: fileOf(clip), name: CLIP_NAME }),
    ];
    for (const id of ids) await bek.client.fetchMedia(id);
    const [photoId = new Uint8Array(), clipId = new Uint8Array()] = ids;
    await assertSame(bek.client, photoId, photo);
    await assertSame(bek.client, clipId, clip);
    const preview = await opened(bek.client, photoId, "preview");
    const received = await bek.client.received();
    assert.deepEqual(
      received.map(({ media }) => [media?.name, media?.type]),
      [
        [PHOTO_NAME, "image/jpeg"],
        [CLIP_NAME, "video/webm"],
      ],
    );

    const needles = [
      ...needlesOf("the photo", PHOTO_NAME, "image/jpeg", photo),
      ...needlesOf("the clip", CLIP_NAME, "video/webm", clip),
      ...sizeNeedles("the small copy", preview.length),
      ...piecesOf("the small copy", preview),
      ...TELLTALES.map((secret) => ({ what: "metadata", secret })),
    ];
    const disk = await rawFiles(data);
    assert.deepEqual(findLeaks(disk, needles), []);
    assert.deepEqual(findLeaks(wireOf(lines), needles), []);

    // The search works on these very bytes: what Bek fetched lies sealed at the relay, and passes sealed once more.
    const { blobs } = bek.environment;
    const names = await blobs.list();
    assert.equal(names.length, 3);
    for (const name of names) {
      const sealed = piecesOf("sealed", await blobs.read(name, 0, chunkOffset(1)));
      assert.equal(findLeaks(disk, sealed).length, PIECES);
      assert.deepEqual(findLeaks(wireOf(lines), sealed), []);
    }
    const files = await blobFiles(data);
    const sizes = [photo, clip, preview].map(({ length }) => length);
    assert.equal(files.length, 3);
    for (const { length } of files) assert.ok(sizes.some((size) => isBlobSize(length, size)));

    for (const { client } of [aigul, bek]) await client.close();
    assert.equal(await relay.end("SIGTERM"), 0);
    assert.deepEqual(findLeaks(await rawFiles(data), needles), []);
    const listing = await readdir(data, { recursive: true });
    assert.deepEqual(findLeaks(Buffer.from(listing.join("\n")), needles), []);
    assert.deepEqual(findLeaks(Buffer.from(relay.log()), needles), []);
  });

  it("that differ by some kilobytes are the same on the disk, and go up in messages of the same sizes", async (t) => {
    const all = await scene(t);
    const { data, lines } = all;
    const [line] = lines;
    assert.ok(line !== undefined);
    const [small, large] = [2_100_000, 2_140_000];
    const upBytes: number[] = [];
    for (const size of [small, large]) {
      const before = line.stats().upBytes;
      await sent(all, { kind: "file", source: fileOf(bytesOf(size)), name: `${size}.bin` });
      upBytes.push(line.stats().upBytes - before);
    }
    const [a = 0, b] = (await blobFiles(data)).map(({ length }) => length);
    assert.equal(a, b);
    t.diagnostic(`up: ${upBytes.join(", ")} bytes; on the disk ${a}`);
    // How the line and the relay's disk went that moment decides the rest, and not the size.
    for (const bytes of upBytes)
      assert.ok(bytes > a && bytes < MAX_AROUND * a, `${bytes} for ${a}`);
    const sizes = line.stats().each.flatMap(({ up }) =>
      websocketFrames(up).flatMap((frame) => {
        return frame.opcode < FIRST_CONTROL_OPCODE ? [frame.payload().length] : [];
      }),
    );
    for (const size of new Set(sizes)) assert.ok(CHANNEL_BUCKETS.includes(size), `${size}`);
  });
});
