/** Blobs over every kind of connection to the real relay: what is uploaded is downloaded, byte by byte. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { blobState, downloadBlob } from "../../../client/net/blob-download.ts";
import { type UploadOptions, uploadBlob } from "../../../client/net/blob-upload.ts";
import { systemClock } from "../../../client/net/clock.ts";
import { TRANSPORT_KINDS } from "../../../client/net/connection.ts";
import type { Relay } from "../../../client/net/requests.ts";
import { concat } from "../../../shared/crypto/bytes.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { blobIdOf } from "../../../shared/wire/ids.ts";
import { GrowingSource } from "../../support/blob-source.ts";
import { relayInProcess } from "../../support/relay.ts";
import { linkTo, type Mailbox, newMailbox } from "./mailboxes.ts";

const EXPIRY_DAY = Math.floor(Date.now() / 86_400_000) + 7;

export function upload(
  relay: Relay,
  { depositId }: Mailbox,
  source: GrowingSource,
  options: Partial<UploadOptions> = {},
): Promise<void> {
  return uploadBlob({
    relay,
    clock: systemClock,
    depositId,
    uploadId: systemRandom(24),
    expiryDay: EXPIRY_DAY,
    claimedBytes: source.isEnded() ? source.availableBytes() : 0,
    source,
    puzzle: () => Promise.reject(new Error("no puzzle is asked for")),
    onStored: () => {},
    ...options,
  });
}

export async function download(
  relay: Relay,
  blobId: Uint8Array,
  from = 0,
  to: number = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let next = from;
  await downloadBlob({
    relay,
    clock: systemClock,
    blobId,
    from,
    to,
    onSlice: async (offset, bytes) => {
      assert.equal(offset, next);
      next += bytes.length;
      parts.push(bytes);
    },
  });
  return concat(...parts);
}

for (const transportKind of TRANSPORT_KINDS) {
  describe(`a blob over ${transportKind}`, () => {
    const scene = async (test: TestContext) => {
      const relay = await relayInProcess(test);
      const [alice, bob] = [relay.address, relay.address].map((address) =>
        linkTo(test, address, { transportKind }),
      );
      assert.ok(alice && bob);
      return { alice, bob, mailbox: await newMailbox(bob) };
    };

    it("comes through whole, and says what is stored on the way", async (test) => {
      const { alice, bob, mailbox } = await scene(test);
      const bytes = systemRandom(700_001);
      const uploadId = systemRandom(24);
      const stored: number[] = [];
      const onStored = (count: number) => stored.push(count);
      await upload(alice, mailbox, new GrowingSource(bytes), { uploadId, onStored });
      assert.deepEqual(
        stored,
        [...stored].sort((a, b) => a - b),
      );
      assert.equal(stored.at(-1), bytes.length);
      const blobId = blobIdOf(uploadId);
      const state = await blobState({ relay: bob, blobId });
      assert.deepEqual([state.storedBytes, state.isComplete], [bytes.length, true]);
      assert.deepEqual(await download(bob, blobId), bytes);
      assert.deepEqual(await download(bob, blobId, 650_000), bytes.subarray(650_000));
      assert.deepEqual(await download(bob, blobId, bytes.length), new Uint8Array(0));
      const some = await download(bob, blobId, 100_000, 116_384);
      assert.deepEqual(some, bytes.subarray(100_000, 116_384), "and no more than that");
      const beyond = download(bob, blobId, bytes.length + 40_000);
      assert.deepEqual(await beyond, new Uint8Array(0), "another place may have less of it");
    });

    it("that grows is read as it comes, and ends when it ends", async (test) => {
      const { alice, bob, mailbox } = await scene(test);
      const bytes = systemRandom(60_000);
      const uploadId = systemRandom(24);
      const source = new GrowingSource(bytes, 20_000);
      let tell: () => void = () => {};
      const firstPart = new Promise<void>((resolve) => {
        tell = resolve;
      });
      const onStored = (count: number) => {
        if (count === 20_000) tell();
      };
      const done = upload(alice, mailbox, source, { uploadId, onStored });
      await firstPart;
      const blobId = blobIdOf(uploadId);
      assert.equal((await blobState({ relay: bob, blobId })).isComplete, false);
      assert.deepEqual(await download(bob, blobId), bytes.subarray(0, 20_000));
      source.add(40_000);
      source.end();
      await done;
      assert.deepEqual(await download(bob, blobId, 20_000), bytes.subarray(20_000));
      assert.equal((await blobState({ relay: bob, blobId })).isComplete, true);
    });
  });
}

describe("a blob that is refused", () => {
  it("while its first slice is read fails with the refusal, and with nothing beside it", async (test) => {
    const { address } = await relayInProcess(test, { BLOB_MAX_BYTES: 65_536 });
    const alice = linkTo(test, address, { transportKind: "websocket" });
    const mailbox = await newMailbox(linkTo(test, address));
    const uploadId = systemRandom(24);
    const source = new GrowingSource(systemRandom(100_000));
    const read = source.read.bind(source);
    source.read = async (offset, length) => {
      // What is answered behind the refusal, and then a turn.
      await assert.rejects(blobState({ relay: alice, blobId: blobIdOf(uploadId) }));
      await nextTurn();
      return await read(offset, length);
    };
    await assert.rejects(upload(alice, mailbox, source, { uploadId }), { code: "BLOB_TOO_LARGE" });
  });
});
