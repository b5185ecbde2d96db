/** Blobs over lines that break and relays that refuse, lie or fall silent: no byte wrong, no endless loop. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { downloadBlob } from "../../../client/net/blob-download.ts";
import { type UploadOptions, uploadBlob } from "../../../client/net/blob-upload.ts";
import { concat, fromHex, toHex } from "../../../shared/crypto/bytes.ts";
import type { ErrorCode } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { errorFrame } from "../../../shared/wire/frame-codec.ts";
import type { ClientFrame, RelayFrame } from "../../../shared/wire/frames.ts";
import { encodePuzzle } from "../../../shared/wire/puzzle.ts";
import { GrowingSource } from "../../support/blob-source.ts";
import { FakeBlob } from "../../support/fake-blob.ts";
import { settled } from "./fake-clock.ts";
import { type Setup, setUp } from "./support.ts";

const SECOND = 1_000;

interface Scene extends Setup {
  readonly blob: FakeBlob;
}

type Lie = (frame: ClientFrame, blob: FakeBlob) => RelayFrame | undefined;

/** `lie` answers first; undefined leaves the answer to the honest blob. */
function scene(lie: Lie = () => undefined, blob: FakeBlob = new FakeBlob()): Scene {
  const setup = setUp();
  setup.relay.behaviour = (frame) => {
    const answer = lie(frame, blob) ?? blob.answer(frame);
    return answer === undefined ? undefined : [answer];
  };
  return { ...setup, blob };
}

function upload(
  { link, clock }: Setup,
  source: GrowingSource,
  options: Partial<UploadOptions> = {},
): Promise<void> {
  return uploadBlob({
    relay: link,
    clock,
    depositId: systemRandom(24),
    uploadId: systemRandom(24),
    expiryDay: 20_700,
    claimedBytes: source.availableBytes(),
    source,
    puzzle: () => Promise.reject(new Error("no puzzle is asked for")),
    onStored: () => {},
    ...options,
  });
}

async function download({ link, clock }: Setup): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const onSlice = async (_: number, bytes: Uint8Array) => void parts.push(bytes);
  await downloadBlob({ relay: link, clock, blobId: systemRandom(24), from: 0, onSlice });
  return concat(...parts);
}

/** Lets time pass until it is over; the code it was rejected with. */
async function codeAfter(
  { clock }: Setup,
  transfer: Promise<unknown>,
  withinMs: number = 300 * SECOND,
): Promise<string> {
  let code: string | undefined;
  transfer.then(
    () => {
      code = "done";
    },
    (error: { readonly code?: string; readonly name: string }) => {
      code = error.code ?? error.name;
    },
  );
  for (let ms = 0; code === undefined && ms < withinMs; ms += 100) await clock.advance(100);
  return code ?? "goes on";
}

describe("a blob over a line that breaks", () => {
  it("comes through whole, and nothing the relay has is sent again (property)", async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 1, max: 250_000 }), async (lives, length) => {
        const bytes = systemRandom(length);
        const one = scene();
        cutAfter(one, lives);
        assert.equal(await codeAfter(one, upload(one, new GrowingSource(bytes))), "done");
        assert.deepEqual(one.blob.bytes, bytes);
        // But the first slice, which goes along with the question whether anything is there.
        const again = one.blob.takenBytes - length;
        assert.ok(again <= lives.length * 4_608, `${again} bytes again`);
        one.pool.close();
        assert.equal(one.clock.waiting, 0);
      }),
      { numRuns: 15 },
    );
  });

  it("is read whole over connections that break (property)", async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 0, max: 250_000 }), async (lives, length) => {
        const bytes = systemRandom(length);
        const one = scene(undefined, FakeBlob.of(bytes));
        cutAfter(one, lives);
        const transfer = download(one);
        assert.equal(await codeAfter(one, transfer), "done");
        assert.deepEqual(await transfer, bytes);
        one.pool.close();
      }),
      { numRuns: 15 },
    );
  });

  it("that freezes goes on over a new connection within 20 s", async () => {
    const one = scene();
    let isFrozen = false;
    const honest = one.relay.behaviour;
    one.relay.behaviour = (frame, connection) => {
      isFrozen ||= one.blob.bytes.length > 20_000;
      return isFrozen && connection === one.relay.connections[0] ? [] : honest(frame, connection);
    };
    const bytes = systemRandom(300_000);
    const transfer = upload(one, new GrowingSource(bytes));
    assert.equal(await codeAfter(one, transfer, 20 * SECOND), "done");
    assert.equal(one.relay.connections.length, 2);
    assert.deepEqual(one.blob.bytes, bytes);
  });

  it("waits for a source that pauses, as long as it pauses; then 60 s count again", async () => {
    const one = scene();
    const bytes = systemRandom(50_000);
    const source = new GrowingSource(bytes, 20_000);
    const transfer = upload(one, source, { claimedBytes: 0 });
    assert.equal(await codeAfter(one, transfer, 400 * SECOND), "goes on");
    assert.equal(one.blob.bytes.length, 20_000);
    source.add(30_000);
    assert.equal(await codeAfter(one, transfer, 90 * SECOND), "goes on");
    assert.deepEqual(one.blob.bytes, bytes);
    one.relay.behaviour = (frame) => (frame.type.startsWith("blob.") ? [] : undefined);
    source.end();
    const code = await codeAfter(one, transfer, 100 * SECOND);
    assert.ok(code === "RELAY_TIMEOUT" || code === "RELAY_UNREACHABLE", code);
    one.pool.close();
  });

  it("rejects when nothing came through for 60 s, and leaves nothing running", async () => {
    const one = scene();
    one.relay.behaviour = (frame) => (frame.type.startsWith("blob.") ? [] : undefined);
    const transfer = upload(one, new GrowingSource(systemRandom(100_000)));
    const code = await codeAfter(one, transfer, 100 * SECOND);
    assert.ok(code === "RELAY_TIMEOUT" || code === "RELAY_UNREACHABLE", code);
    one.pool.close();
    await settled();
    assert.equal(one.clock.waiting, 0);
  });
});

/** The n-th connection breaks after so many messages of the client. */
function cutAfter({ relay }: Setup, lives: readonly number[]): void {
  const honest = relay.behaviour;
  relay.behaviour = (frame, connection) => {
    const answers = honest(frame, connection);
    const life = lives[relay.connections.indexOf(connection)];
    if (life === undefined || connection.raw.length < life) return answers;
    connection.cut();
    return [];
  };
}

describe("a blob the relay refuses", () => {
  const refusals: readonly (readonly [ClientFrame["type"], ErrorCode])[] = [
    ["blob.create", "QUOTA"],
    ["blob.create", "BLOB_TOO_LARGE"],
    ["blob.create", "EXPIRED"],
    ["blob.create", "REFUSED"],
    ["blob.append", "QUOTA"],
    ["blob.append", "WRONG_LENGTH"],
    ["blob.append", "BLOB_TOO_LARGE"],
  ];
  for (const [type, code] of refusals) {
    it(`${code} to ${type} is the end`, async () => {
      const one = scene((frame) =>
        frame.type === type ? errorFrame(frame.requestId, code) : undefined,
      );
      const transfer = upload(one, new GrowingSource(systemRandom(100_000)));
      assert.equal(await codeAfter(one, transfer, 10 * SECOND), code);
      assert.ok(one.blob.asked.length < 10);
    });
  }

  it("REFUSED is the end of reading one", async () => {
    const one = scene(({ type, requestId }) =>
      type === "blob.get" ? errorFrame(requestId, "REFUSED") : undefined,
    );
    assert.equal(await codeAfter(one, download(one), 10 * SECOND), "REFUSED");
  });

  it("for now is tried again after a pause, and comes through", async () => {
    let refusals = 3;
    const one = scene((frame) =>
      frame.type === "blob.append" && refusals-- > 0
        ? errorFrame(frame.requestId, "RATE_LIMITED")
        : undefined,
    );
    const bytes = systemRandom(50_000);
    assert.equal(await codeAfter(one, upload(one, new GrowingSource(bytes))), "done");
    assert.deepEqual(one.blob.bytes, bytes);
  });

  it("until a puzzle is solved: with the solution it is taken, and without end it is refused", async () => {
    const seed = systemRandom(16);
    const nonce = fromHex("0102030405060708");
    const asks = (until: number) => {
      let asked = 0;
      return scene((frame) => {
        if (frame.type !== "blob.create") return undefined;
        if (asked++ >= until) assert.equal(toHex(frame.puzzleNonce), toHex(nonce));
        const puzzle = encodePuzzle({ seed, bits: 4 });
        return asked <= until ? errorFrame(frame.requestId, "PUZZLE_REQUIRED", puzzle) : undefined;
      });
    };
    const source = new GrowingSource(systemRandom(30_000));
    const puzzle: UploadOptions["puzzle"] = async ({ details: { puzzleSeed } }) => {
      assert.equal(puzzleSeed, toHex(seed));
      return nonce;
    };
    const once = asks(1);
    assert.equal(await codeAfter(once, upload(once, source, { puzzle })), "done");
    const always = asks(Number.POSITIVE_INFINITY);
    const never = upload(always, source, { puzzle });
    assert.equal(await codeAfter(always, never, 10 * SECOND), "PUZZLE_REQUIRED");
  });
});

describe("a relay that lies about a blob", () => {
  const state = (requestId: number, storedBytes: number, isComplete = false): RelayFrame => ({
    type: "blob.state",
    requestId,
    storedBytes,
    isComplete,
    quietSeconds: 0,
  });
  const lies: Readonly<Record<string, Lie>> = {
    "has more than there is": ({ type, requestId }) =>
      type === "blob.append" ? state(requestId, 200_000) : undefined,
    "has less than it was just given": ({ type, requestId }) =>
      type === "blob.append" ? state(requestId, 0) : undefined,
    "has all before it was sent": ({ type, requestId }) =>
      type === "blob.create" ? state(requestId, 50, true) : undefined,
    "always wants another place": ({ type, requestId }, blob) =>
      type === "blob.append"
        ? errorFrame(requestId, "WRONG_OFFSET", offsetBytes(blob.bytes.length))
        : undefined,
    "wants a place beyond the end": ({ type, requestId }) =>
      type === "blob.append" ? errorFrame(requestId, "WRONG_OFFSET", offsetBytes(1e9)) : undefined,
    "wants no place at all": ({ type, requestId }) =>
      type === "blob.append" ? errorFrame(requestId, "WRONG_OFFSET") : undefined,
    "always knows a newer one": ({ type, requestId }) =>
      type === "blob.append" ? errorFrame(requestId, "BLOB_SUPERSEDED") : undefined,
  };
  for (const [what, lie] of Object.entries(lies)) {
    it(`${what}: RELAY_FAULT`, async () => {
      const one = scene(lie);
      const transfer = upload(one, new GrowingSource(systemRandom(100_000)));
      assert.equal(await codeAfter(one, transfer, 120 * SECOND), "RELAY_FAULT");
      assert.ok(one.blob.asked.length < 500);
    });
  }

  const slice = (
    frame: ClientFrame,
    changed: Partial<RelayFrame & { readonly type: "blob.slice" }>,
  ): RelayFrame | undefined =>
    frame.type === "blob.get"
      ? {
          type: "blob.slice",
          requestId: frame.requestId,
          offset: frame.offset,
          storedBytes: 100_000,
          isComplete: true,
          quietSeconds: 0,
          bytes: new Uint8Array(frame.length),
          ...changed,
        }
      : undefined;
  const badSlices: Readonly<Record<string, Lie>> = {
    "from another place": (frame) => slice(frame, { offset: 7 }),
    "longer than asked for": (frame) =>
      slice(frame, frame.type === "blob.get" ? { bytes: new Uint8Array(frame.length + 1) } : {}),
    "empty, though there is more": (frame) => slice(frame, { bytes: new Uint8Array(0) }),
    "of what is not there": (frame) => slice(frame, { storedBytes: 10 }),
    "that end before they began": (frame) =>
      slice(frame, frame.type === "blob.get" && frame.offset > 0 ? { storedBytes: 9_000 } : {}),
    "of a complete blob that grows": (frame) =>
      slice(frame, frame.type === "blob.get" ? { storedBytes: 100_000 + frame.offset } : {}),
  };
  for (const [what, lie] of Object.entries(badSlices)) {
    it(`slices ${what}: RELAY_FAULT`, async () => {
      const one = scene(lie);
      assert.equal(await codeAfter(one, download(one), 120 * SECOND), "RELAY_FAULT");
      assert.ok(one.relay.last.frames.length < 200);
    });
  }
});

describe("a transfer that is given up", () => {
  it("rejects with the signal's reason and leaves nothing running, at any moment (property)", async () => {
    const moments = fc.integer({ min: 0, max: 12 });
    await fc.assert(
      fc.asyncProperty(moments, fc.boolean(), async (turns, isUpload) => {
        const one = scene(undefined, isUpload ? undefined : FakeBlob.of(systemRandom(400_000)));
        const giveUp = new AbortController();
        const { signal } = giveUp;
        const transfer = isUpload
          ? upload(one, new GrowingSource(systemRandom(400_000), 300_000), { signal })
          : downloadBlob({
              relay: one.link,
              clock: one.clock,
              blobId: systemRandom(24),
              from: 0,
              signal,
              onSlice: () => settled(),
            });
        const reason = new Error("enough");
        const ended = transfer.then(
          () => "done",
          (error: unknown) => error,
        );
        for (let i = 0; i < turns; i++) await settled();
        giveUp.abort(reason);
        const outcome = await ended;
        assert.ok(outcome === reason || (!isUpload && outcome === "done"), String(outcome));
        await one.clock.advance(SECOND);
        const askedBefore = one.blob.asked.length;
        await one.clock.advance(10 * SECOND);
        assert.equal(one.blob.asked.length, askedBefore);
        one.pool.close();
        assert.equal(one.clock.waiting, 0);
      }),
      { numRuns: 15 },
    );
  });

  it("is not begun with a signal that is aborted", async () => {
    const one = scene();
    const signal = AbortSignal.abort(new Error("before it began"));
    const transfer = upload(one, new GrowingSource(systemRandom(10)), { signal });
    await assert.rejects(transfer, { message: "before it began" });
    assert.equal(one.relay.attempts, 0);
  });

  it("rejects when its source fails", async () => {
    const one = scene();
    const source = new GrowingSource(systemRandom(100_000));
    source.read = () => Promise.reject(new Error("the disk is gone"));
    await assert.rejects(upload(one, source), { message: "the disk is gone" });
  });
});

function offsetBytes(offset: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(offset));
  return bytes;
}
