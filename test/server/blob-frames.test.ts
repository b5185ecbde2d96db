/**
 * Blobs over whatever carries frames: made, grown, looked at and read by range, with an answer for each bad
 * input.
 */

import assert from "node:assert/strict";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { SettingValues } from "../../server/config-table.ts";
import { EMPTY } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { decodePuzzle, solvePuzzle } from "../../shared/wire/puzzle.ts";
import { type Ask, BareUpload } from "../support/bare-blobs.ts";
import { AnswerError, BareClient } from "../support/bare-client.ts";
import { BareExchanger, type ExchangeName, errorOf } from "../support/bare-exchange.ts";
import { type BareMailbox, EXPIRY_DAY, newMailbox, register } from "../support/bare-mailbox.ts";
import { relayInProcess, type TestRelay } from "../support/relay.ts";

const TRANSPORTS = ["websocket", "exchange", "thrifty"] as const;

interface Scene {
  readonly relay: TestRelay;
  readonly mailbox: BareMailbox;
}

async function scene(
  t: TestContext,
  config: Partial<SettingValues> = {},
  terms: Parameters<typeof register>[2] = {},
): Promise<Scene> {
  // No second passes, so that nothing has been quiet for one.
  const relay = await relayInProcess(t, config, { timer: () => 0 });
  const owner = await BareClient.connect(relay.address);
  return { relay, mailbox: await register(owner, newMailbox(), terms) };
}

function askExchange(client: BareExchanger, path: ExchangeName): Ask {
  return async (request) => {
    const [answer] = await client.exchange([request], { path });
    assert.ok(answer);
    if (answer.type !== "error") return answer;
    throw errorOf(answer);
  };
}

async function askOver(relay: TestRelay, transport: (typeof TRANSPORTS)[number]): Promise<Ask> {
  if (transport !== "websocket") {
    return askExchange(await BareExchanger.open(relay.address), transport);
  }
  const client = await BareClient.connect(relay.address);
  return async (request) => client.request(request);
}

/** The refusal, with where the next bytes belong if it names that. */
async function refusal(answer: Promise<unknown>): Promise<readonly [string, number?]> {
  const error = await answer.then(
    () => assert.fail("it was taken"),
    (refused: unknown) => refused,
  );
  assert.ok(error instanceof AnswerError);
  if (error.data.length !== 8) return [error.code];
  return [error.code, Number(new DataView(Uint8Array.from(error.data).buffer).getBigUint64(0))];
}

describe("blob frames", () => {
  for (const transport of TRANSPORTS) {
    it(`upload, state and reading by range, ${transport}`, async (t) => {
      const { relay, mailbox } = await scene(t);
      const ask = await askOver(relay, transport);
      const blob = new BareUpload(ask, mailbox.depositId);
      const bytes = systemRandom(200_000);
      const none = { storedBytes: 0, isComplete: false, quietSeconds: 0 };
      const stateOf = async (answer: ReturnType<BareUpload["head"]>) => {
        const { storedBytes, isComplete, quietSeconds } = await answer;
        return { storedBytes, isComplete, quietSeconds };
      };
      assert.deepEqual(await stateOf(blob.create({ claimedBytes: bytes.length })), none);
      assert.deepEqual(await stateOf(blob.create({ claimedBytes: bytes.length })), none);
      assert.deepEqual(await stateOf(blob.append(0, bytes.subarray(0, 50_000))), {
        ...none,
        storedBytes: 50_000,
      });
      assert.equal((await blob.head()).storedBytes, 50_000);
      for (let at = 50_000; at < 200_000; at += 50_000) {
        await blob.append(at, bytes.subarray(at, at + 50_000), at === 150_000);
      }
      const { storedBytes, isComplete } = await blob.head();
      assert.deepEqual({ storedBytes, isComplete }, { storedBytes: 200_000, isComplete: true });
      assert.deepEqual(await blob.download(), bytes);
      const part = await blob.get(123_456, 1000);
      assert.deepEqual(part.bytes, bytes.subarray(123_456, 124_456));
      assert.deepEqual([part.offset, part.storedBytes, part.isComplete], [123_456, 200_000, true]);
      for (const beyond of [200_000, 2 ** 50]) {
        assert.deepEqual((await blob.get(beyond, 10)).bytes, EMPTY);
      }
    });
  }

  it("an end that was not known before, with and without bytes", async (t) => {
    const { relay, mailbox } = await scene(t);
    const ask = await askOver(relay, "websocket");
    for (const last of [EMPTY, Uint8Array.of(4)]) {
      const blob = new BareUpload(ask, mailbox.depositId);
      await blob.create();
      await blob.append(0, Uint8Array.of(1, 2, 3));
      const { storedBytes, isComplete } = await blob.append(3, last, true);
      assert.deepEqual([storedBytes, isComplete], [3 + last.length, true]);
    }
  });

  it("wrong offset, wrong length, beyond the end: each has its answer, and changes nothing", async (t) => {
    const { relay, mailbox } = await scene(t, { BLOB_MAX_BYTES: 1000 });
    const ask = await askOver(relay, "exchange");
    const blob = new BareUpload(ask, mailbox.depositId);
    const bytes = systemRandom(100);
    assert.deepEqual(await refusal(blob.create({ claimedBytes: 1001 })), ["BLOB_TOO_LARGE"]);
    assert.deepEqual(await refusal(blob.create({ claimedBytes: 100_000_000_000 })), [
      "BLOB_TOO_LARGE",
    ]);
    assert.deepEqual(await refusal(blob.append(0, bytes)), ["REFUSED"]);
    await blob.create({ claimedBytes: 150 });
    await blob.append(0, bytes);
    assert.deepEqual(await refusal(blob.append(0, bytes)), ["WRONG_OFFSET", 100]);
    assert.deepEqual(await refusal(blob.append(2 ** 40, bytes)), ["WRONG_OFFSET", 100]);
    assert.deepEqual(await refusal(blob.append(100, bytes)), ["WRONG_LENGTH"]);
    assert.deepEqual(await refusal(blob.append(100, bytes.subarray(0, 49), true)), [
      "WRONG_LENGTH",
    ]);
    await blob.append(100, bytes.subarray(0, 50), true);
    assert.deepEqual(await refusal(blob.append(150, bytes)), ["WRONG_OFFSET", 150]);
    assert.deepEqual(await refusal(blob.append(150, EMPTY, true)), ["WRONG_OFFSET", 150]);
    const open = new BareUpload(ask, mailbox.depositId);
    await open.create();
    await open.append(0, systemRandom(990));
    assert.deepEqual(await refusal(open.append(990, bytes)), ["BLOB_TOO_LARGE"]);
    assert.deepEqual((await open.head()).storedBytes, 990);
  });

  it("who has not the grant, not the uploadId, or comes too late, is refused", async (t) => {
    const { relay, mailbox } = await scene(t);
    const ask = await askOver(relay, "exchange");
    const stranger = new BareUpload(ask, systemRandom(24));
    assert.deepEqual(await refusal(stranger.create()), ["REFUSED"]);
    assert.deepEqual(await refusal(stranger.head()), ["REFUSED"]);
    assert.deepEqual(await refusal(stranger.get(0, 1)), ["REFUSED"]);
    const blob = new BareUpload(ask, mailbox.depositId);
    await blob.create();
    await blob.append(0, Uint8Array.of(1));
    // A reader knows the blob id, and with it everything there is to know but the uploadId.
    const byTheReader = await ask({
      type: "blob.append",
      depositId: mailbox.depositId,
      uploadId: blob.blobId,
      offset: 1,
      isLast: true,
      bytes: EMPTY,
    }).catch((error: unknown) => error);
    assert.ok(byTheReader instanceof AnswerError && byTheReader.code === "REFUSED");
    const late = new BareUpload(ask, mailbox.depositId);
    assert.deepEqual(await refusal(late.create({ expiryDay: EXPIRY_DAY - 30 })), ["EXPIRED"]);
  });

  it("a card's grant needs a puzzle under pressure, over the blob's id", async (t) => {
    const { relay, mailbox } = await scene(t, { PUZZLE_ABOVE: 0, PUZZLE_BITS: 8 }, { card: true });
    const blob = new BareUpload(await askOver(relay, "exchange"), mailbox.depositId);
    const asked = await blob.create().catch((error: unknown) => error);
    assert.ok(asked instanceof AnswerError && asked.code === "PUZZLE_REQUIRED");
    const puzzle = decodePuzzle(asked.data);
    const puzzleNonce = solvePuzzle(puzzle, mailbox.depositId, blob.blobId, 0, 100_000);
    assert.ok(puzzleNonce);
    assert.equal((await blob.create({ puzzleNonce })).storedBytes, 0);
    const other = new BareUpload(await askOver(relay, "exchange"), mailbox.depositId);
    assert.deepEqual(await refusal(other.create({ puzzleNonce })), ["PUZZLE_REQUIRED"]);
  });

  it("over quota of the grant for today, of a card, and of the relay", async (t) => {
    const settings = { BLOB_GRANT_BYTES: 100_000, BLOB_CARD_BYTES: 65_536, BLOB_BYTES: 1_048_576 };
    const nowMs = { value: Date.now() };
    const relay = await relayInProcess(t, settings, { clock: () => nowMs.value });
    const owner = await BareClient.connect(relay.address);
    const { depositId } = await register(owner, newMailbox());
    const ask = await askOver(relay, "exchange");
    const claimed = new BareUpload(ask, depositId);
    assert.deepEqual(await refusal(claimed.create({ claimedBytes: 100_001 })), ["QUOTA"]);
    assert.deepEqual(await refusal(claimed.head()), ["REFUSED"]);
    const blob = new BareUpload(ask, depositId);
    await blob.create();
    await blob.upload(systemRandom(80_000), 40_000);
    const next = new BareUpload(ask, depositId);
    await next.create();
    await next.append(0, new Uint8Array(20_000));
    assert.deepEqual(await refusal(next.append(20_000, Uint8Array.of(1))), ["QUOTA"]);
    nowMs.value += 86_400_000;
    assert.equal((await next.append(20_000, Uint8Array.of(1))).storedBytes, 20_001);
    const card = await register(owner, newMailbox(), { card: true });
    const byCard = new BareUpload(ask, card.depositId);
    assert.deepEqual(await refusal(byCard.create({ claimedBytes: 65_537 })), ["QUOTA"]);
    for (let i = 0; i < 10; i++) {
      const { depositId } = await register(owner, newMailbox());
      const full = new BareUpload(ask, depositId);
      const [code] = await full
        .create({ claimedBytes: 99_000 })
        .then(() => full.upload(new Uint8Array(99_000)))
        .then(() => ["ok"] as const)
        .catch((error: AnswerError) => [error.code] as const);
      assert.equal(code, i < 9 ? "ok" : "STORAGE_FULL");
    }
    const { status } = await fetch(`http://127.0.0.1:${relay.port}/readyz`);
    assert.equal(status, 200, "blobs have used up their room; all else goes on");
  });

  it("a blob is as new as it was made, whatever the relay's age", async (t) => {
    let nowMs = 0;
    const relay = await relayInProcess(t, {}, { timer: () => nowMs });
    const owner = await BareClient.connect(relay.address);
    const { depositId } = await register(owner, newMailbox());
    nowMs += 36_000_000;
    const blob = new BareUpload(await askOver(relay, "exchange"), depositId);
    assert.equal((await blob.create()).quietSeconds, 0);
    nowMs += 70_000;
    assert.equal((await blob.append(0, EMPTY)).quietSeconds, 70, "nothing came");
    assert.equal((await blob.create()).quietSeconds, 70);
    assert.equal((await blob.append(0, Uint8Array.of(1))).quietSeconds, 0);
  });

  it("exchanges that overtake each other, and one that is asked anew", async (t) => {
    const { relay, mailbox } = await scene(t);
    const ask = await askOver(relay, "exchange");
    const blob = new BareUpload(ask, mailbox.depositId);
    await blob.create();
    const bytes = systemRandom(90);
    const [last, second] = [
      blob.append(60, bytes.subarray(60), true),
      blob.append(30, bytes.subarray(30, 60)),
    ];
    const again = blob.append(30, bytes.subarray(30, 60));
    const outcomes = Promise.allSettled([second, again]);
    await Promise.race([second, again].map((one) => one.catch(() => undefined)));
    await blob.append(0, bytes.subarray(0, 30));
    assert.ok((await last).isComplete);
    const codes = (await outcomes).map((one) =>
      one.status === "fulfilled" ? "ok" : one.reason.code,
    );
    assert.deepEqual(codes.sort(), ["BLOB_SUPERSEDED", "ok"]);
    assert.deepEqual(await blob.download(), bytes);
  });

  it("a whole window of slices in one message 1, and many reads in one", async (t) => {
    const { relay, mailbox } = await scene(t);
    const client = await BareClient.connect(relay.address);
    const blob = new BareUpload((request) => client.request(request), mailbox.depositId);
    const bytes = systemRandom(16_000);
    const frames = Array.from({ length: 16 }, (_, i) =>
      blob.appendFrame(i * 1000, bytes.subarray(i * 1000, (i + 1) * 1000), i === 15),
    );
    const made = blob.create();
    await Promise.all([made, ...client.requestAll(frames)]);
    const reader = await BareClient.connect(relay.address);
    const gets = Array.from({ length: 300 }, () => {
      return { type: "blob.get" as const, blobId: blob.blobId, offset: 0, length: 16_000 };
    });
    for (const answer of await Promise.all(reader.requestAll(gets))) {
      assert.ok(answer.type === "blob.slice");
      assert.deepEqual(answer.bytes, bytes);
    }
  });

  it("a file that lost its end is no blob any more; its sender begins another", async (t) => {
    const { relay, mailbox } = await scene(t);
    const ask = await askOver(relay, "exchange");
    const blob = new BareUpload(ask, mailbox.depositId);
    await blob.create();
    await blob.append(0, systemRandom(5000));
    await relay.close();
    const names = await readdir(join(relay.directory, "blobs"), { recursive: true });
    const name = names.find((one) => one.length > 48) ?? "";
    await truncate(join(relay.directory, "blobs", name), 4000);
    const again = await relayInProcess(t, { DATA: relay.directory });
    const same = new BareUpload(await askOver(again, "exchange"), mailbox.depositId, blob.uploadId);
    assert.deepEqual(await refusal(same.append(5000, Uint8Array.of(1))), ["REFUSED"]);
    assert.deepEqual(await refusal(same.get(4500, 100)), ["REFUSED"]);
    assert.equal((await same.get(0, 4000)).bytes.length, 4000);
    assert.ok(again.log.some((line) => line.includes("STORE_CORRUPT")));
  });
});
