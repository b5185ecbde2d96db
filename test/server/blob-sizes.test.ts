/**
 * Sizes of what passes when a blob does: whose size says that a blob passes, and that nothing else about
 * it: not its kind, not how much of a slice is filled, not what was refused.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { MAX_BLOB_SLICE_BYTES } from "../../shared/wire/limits.ts";
import { BareUpload } from "../support/bare-blobs.ts";
import { BareClient, type Request } from "../support/bare-client.ts";
import { type BareExchanger, type ExchangeName, errorOf } from "../support/bare-exchange.ts";
import { depositFrame, EXPIRY_DAY } from "../support/bare-mailbox.ts";
import { type ExchangeScene, exchangeScene } from "../support/exchange-scene.ts";

/** Bytes up and down. */
async function sizesOf(
  client: BareExchanger,
  requests: readonly Request[],
  path: ExchangeName = "exchange",
): Promise<readonly [number, number]> {
  const { message, channel } = client.prepare(requests);
  const { body, status } = await client.post(message, { path });
  assert.equal(status, 200);
  channel.openAnswer(body, 50_688);
  return [message.length, body.length];
}

async function withBlob(
  t: Parameters<typeof exchangeScene>[0],
  bytes: number,
): Promise<ExchangeScene & { readonly blob: BareUpload }> {
  const scene = await exchangeScene(t);
  const { client, mailbox } = scene;
  const blob = new BareUpload(async (request) => {
    const [answer] = await client.exchange([request]);
    assert.ok(answer);
    if (answer.type === "error") throw errorOf(answer);
    return answer;
  }, mailbox.depositId);
  await blob.create();
  if (bytes > 0) await blob.upload(systemRandom(bytes));
  return { ...scene, blob };
}

describe("sizes of blobs on the wire", () => {
  it("exchanges: what is asked decides, taken or refused", async (t) => {
    const { client, mailbox, blob } = await withBlob(t, 0);
    const other = new BareUpload(async () => assert.fail(), mailbox.depositId);
    const create = (depositId: Uint8Array): Request => ({
      type: "blob.create",
      depositId,
      uploadId: systemRandom(24),
      expiryDay: EXPIRY_DAY,
      claimedBytes: 0,
      puzzleNonce: EMPTY,
    });
    for (const path of ["exchange", "thrifty"] as const) {
      const sizes = (request: Request) => sizesOf(client, [request], path);
      assert.deepEqual(await sizes(create(mailbox.depositId)), [512, 512]);
      assert.deepEqual(await sizes(create(systemRandom(24))), [512, 512]);
      assert.deepEqual(await sizes({ type: "blob.head", blobId: blob.blobId }), [512, 512]);
      assert.deepEqual(await sizes({ type: "blob.head", blobId: other.blobId }), [512, 512]);
      for (const [length, size] of [
        [300, 512],
        [4000, 4608],
        [16_700, 16_896],
        [17_000, 50_688],
        [MAX_BLOB_SLICE_BYTES, 50_688],
      ] as const) {
        // taken, at the wrong place, and of a blob that is none
        for (const [one, offset] of [
          [blob, (await blob.head()).storedBytes],
          [blob, 2 ** 40],
          [other, 0],
        ] as const) {
          const append = one.appendFrame(offset, new Uint8Array(length));
          assert.deepEqual(await sizes(append), [size, 512]);
        }
      }
    }
  });

  it("exchanges: a slice is as long as was asked and is there, within the path", async (t) => {
    const { client, blob } = await withBlob(t, 120_000);
    const get = (offset: number, length: number): Request => {
      return { type: "blob.get", blobId: blob.blobId, offset, length };
    };
    for (const [offset, length, exchange, thrifty] of [
      [0, 400, 512, 512],
      [0, 1200, 1536, 1536],
      [0, 4500, 4608, 4608],
      [0, 16_800, 16_896, 4608],
      [0, 16_900, 50_688, 4608],
      [0, MAX_BLOB_SLICE_BYTES, 50_688, 4608],
      [119_999, MAX_BLOB_SLICE_BYTES, 512, 512],
      [120_000, MAX_BLOB_SLICE_BYTES, 512, 512],
    ] as const) {
      const request = get(offset, length);
      assert.deepEqual(await sizesOf(client, [request]), [512, exchange], `${length}`);
      assert.deepEqual(await sizesOf(client, [request], "thrifty"), [512, thrifty], `${length}`);
    }
    // Two share the longest answer, whoever comes first; each has a piece.
    const both = await client.exchange([get(0, 40_000), get(60_000, 40_000)]);
    const lengths = both.map((frame) => (frame.type === "blob.slice" ? frame.bytes.length : -1));
    // Heads are 19 bytes shorter than at their longest.
    assert.deepEqual(lengths, [40_000, 50_638 - 40_035 - 35 + 19]);
    assert.deepEqual(await sizesOf(client, [get(0, 40_000), get(60_000, 40_000)]), [512, 50_688]);
  });

  it("a WebSocket: the largest message for slices only, also when a text rides along", async (t) => {
    const { relay, mailbox } = await withBlob(t, 0);
    const client = await BareClient.connect(relay.address);
    const down: number[] = [];
    client.socket.on("message", (data: Buffer) => down.push(data.length));
    const blob = new BareUpload((request) => client.request(request), mailbox.depositId);
    await blob.create();
    await blob.upload(systemRandom(MAX_BLOB_SLICE_BYTES * 2));
    await blob.get(0, MAX_BLOB_SLICE_BYTES);
    await blob.get(0, 16_000);
    await blob.get(0, 4000);
    const text = depositFrame(mailbox, systemRandom(1024));
    const slice: Request = { type: "blob.get", blobId: blob.blobId, offset: 7, length: 50_000 };
    await Promise.all(client.requestAll([slice, text, slice]));
    assert.deepEqual(down.slice(0, 6), [512, 512, 512, 50_688, 16_896, 4608]);
    assert.equal(down.filter((size) => size === 50_688).length, 3);
    assert.ok(down.every((size) => [512, 1536, 4608, 16_896, 50_688].includes(size)));
    await client.close();
  });
});
