/** Whatever is asked together: if the reservations fit, every frame has its answer, in one message. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { type SigningKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import { answerRoom, exchangeRoom } from "../../shared/wire/answer-room.ts";
import type { RelayFrame } from "../../shared/wire/frames.ts";
import { MAX_BLOB_SLICE_BYTES } from "../../shared/wire/limits.ts";
import { type Ask, BareUpload } from "../support/bare-blobs.ts";
import { newKey, type Request } from "../support/bare-client.ts";
import type { BareExchanger, ExchangeName } from "../support/bare-exchange.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import {
  acknowledgeFrame,
  depositFrame,
  grantFrame,
  newMailbox,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { depositOver, exchangeScene, typesOf } from "../support/exchange-scene.ts";

const LONGEST = { exchange: 16_896, thrifty: 4608 } as const;
const paths = fc.constantFrom<ExchangeName>("exchange", "thrifty");

/** A record of three writers, 9 KB, each with pairs to take. */
async function makeRecord(client: BareExchanger): Promise<Uint8Array> {
  const writers = [newKey(), newKey(), newKey()];
  const owner = newKey();
  const recordId = systemRandom(24);
  const put = ({ publicKey: writer }: SigningKeyPair): Request => ({
    type: "record.put",
    recordId,
    owner: owner.publicKey,
    writer,
    version: 1,
    part: systemRandom(3000),
  });
  const [first] = writers;
  assert.ok(first);
  await client.exchange([put(first)], { prove: [first] });
  const listed: Request = {
    type: "record.writers",
    recordId,
    owner: owner.publicKey,
    version: 1,
    writers: writers.map(({ publicKey }) => publicKey),
  };
  await client.exchange([listed], { prove: [owner] });
  for (const writer of writers) {
    const pairs = [1, 2, 3, 4, 5, 6, 7, 8].map((pairId) => ({
      pairId,
      notAfter: 0xffff_ffff,
      sealed: systemRandom(1400),
    }));
    const publish: Request = { type: "prekeys.publish", recordId, writer: writer.publicKey, pairs };
    const asked = writer === first ? [publish] : [put(writer), publish];
    const made = await client.exchange(asked, { prove: [writer] });
    assert.equal(typesOf(made).at(-1), "left");
  }
  return recordId;
}

/** Request ids of the frames that end a request, once each; deliveries end none. */
function finalIds(frames: readonly RelayFrame[]): readonly number[] {
  return frames.filter(({ type }) => type !== "deliver").map(({ requestId }) => requestId);
}

async function answersOf(
  client: BareExchanger,
  requests: readonly Request[],
  path: ExchangeName,
  prove: readonly SigningKeyPair[] = [],
): Promise<readonly RelayFrame[] | undefined> {
  const { message, channel } = client.prepare(requests, { prove });
  const { status, body } = await client.post(message, { path });
  assert.equal(status, 200);
  const opened = channel.openAnswer(body, LONGEST[path]);
  assert.ok(opened.kind === "frames");
  const types = [...prove.map(() => "prove" as const), ...requests.map(({ type }) => type)];
  const reserved = types.reduce((total, type) => total + answerRoom(type).bytes, 0);
  if (reserved <= exchangeRoom(LONGEST[path])) return opened.frames;
  const [error, ...more] = opened.frames;
  assert.ok(error?.type === "error" && more.length === 0);
  assert.equal(error.number, ERRORS.ANSWERS_TOO_LONG.number);
  return undefined;
}

/** An elastic answer is the end of something, or long enough to be worth it. */
function isOfUse(frame: RelayFrame): boolean {
  if (frame.type === "pairs") return frame.total === 0 || frame.pairs.length > 0;
  if (frame.type !== "record") return true;
  return frame.bytes.length >= 256 || frame.offset + frame.bytes.length === frame.total;
}

describe("the room of an answer", () => {
  it("is shared by a slice of a blob and pairs that are there before it is read", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const recordId = await makeRecord(client);
    const ask: Ask = async (request) => (await client.exchange([request]))[0] ?? assert.fail();
    const blob = new BareUpload(ask, mailbox.depositId);
    await blob.create();
    await blob.upload(systemRandom(2 * MAX_BLOB_SLICE_BYTES));
    const { blobId } = blob;
    const frames = await client.exchange([
      { type: "blob.get", blobId, offset: 0, length: MAX_BLOB_SLICE_BYTES },
      { type: "prekeys.take", recordId, token: systemRandom(16), first: 0 },
    ]);
    assert.deepEqual(typesOf(frames).sort(), ["blob.slice", "pairs"]);
  });

  it("holds an answer to every frame of a sender (property)", async (t) => {
    const { client, mailbox } = await exchangeScene(t, {
      EXCHANGES_PER_SECOND: 100_000,
      EXCHANGE_FRAMES_PER_SECOND: 1_000_000,
      PREKEY_TAKES: 100_000,
    });
    const recordId = await makeRecord(client);
    const request = fc.constantFrom<() => Request>(
      () => SOME_FRAMES.hello,
      () => depositFrame(mailbox, systemRandom(1024)),
      () => ({ type: "record.get", recordId, offset: 0 }),
      () => ({ type: "record.get", recordId, offset: 8000 }),
      () => SOME_FRAMES["record.get"],
      () => ({ type: "prekeys.take", recordId, token: systemRandom(16), first: 0 }),
    );
    const answered = fc.asyncProperty(
      fc.array(request, { maxLength: 12 }),
      paths,
      async (makes, path) => {
        const requests = makes.map((make) => make());
        const frames = await answersOf(client, requests, path);
        if (frames === undefined) return;
        assert.equal(new Set(finalIds(frames)).size, requests.length);
        for (const frame of frames) assert.ok(isOfUse(frame), frame.type);
      },
    );
    await fc.assert(answered, { numRuns: 40 });
  });

  it("holds an answer to every frame of an owner (property)", async (t) => {
    const { client, mailbox } = await exchangeScene(t, {
      EXCHANGES_PER_SECOND: 100_000,
      EXCHANGE_FRAMES_PER_SECOND: 1_000_000,
    });
    await depositOver(client, mailbox, [1024, 16_384, 4096]);
    const empty = newMailbox();
    const request = fc.constantFrom<() => Request>(
      () => SOME_FRAMES.hello,
      () => grantFrame(mailbox),
      () => grantFrame(empty),
      () => acknowledgeFrame(mailbox, []),
      () => subscribeFrame(mailbox),
      () => subscribeFrame(empty),
      () => SOME_FRAMES["record.put"],
    );
    const requests = fc.array(request, { maxLength: 60 });
    const answered = fc.asyncProperty(requests, paths, async (makes, path) => {
      const asked = makes.map((make) => make());
      const frames = await answersOf(client, asked, path, [mailbox.key]);
      if (frames === undefined) return;
      const ids = new Set(finalIds(frames));
      const delivered = frames.filter(({ type }) => type === "deliver");
      for (const { requestId } of delivered) ids.add(requestId);
      assert.equal(ids.size, asked.length + 1);
    });
    await fc.assert(answered, { numRuns: 40 });
  });
});
