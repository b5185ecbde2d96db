/** Sizes as literals: what a change of the frame table or the channel would break for others. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY } from "../../../shared/crypto/bytes.ts";
import { encodeFrame } from "../../../shared/wire/frame-codec.ts";
import type { FieldSpec } from "../../../shared/wire/frame-fields.ts";
import { FRAME_SPECS } from "../../../shared/wire/frame-table.ts";
import type { Deposit, Frame } from "../../../shared/wire/frames.ts";
import { depositHash, envelopeId } from "../../../shared/wire/ids.ts";
import {
  CHANNEL_BUCKETS,
  ENVELOPE_BUCKETS,
  MAX_BLOB_SLICE_BYTES,
  MAX_CHANNEL_MESSAGE_BYTES,
} from "../../../shared/wire/limits.ts";
import {
  BLOB_APPEND_HEAD_BYTES,
  BLOB_SLICE_HEAD_BYTES,
  DELIVER_HEAD_BYTES,
  frameRoom,
  packFrames,
  padContent,
  RECORD_HEAD_BYTES,
} from "../../../shared/wire/padding.ts";

/** The longest value of a field. */
function longest(spec: FieldSpec): unknown {
  switch (spec.kind) {
    case "uint":
      return spec.max;
    case "flag":
      return true;
    case "bytes":
      return new Uint8Array(spec.max);
    case "text":
      return "x".repeat(spec.max);
    case "list":
      return Array.from({ length: spec.max }, () => longest(spec.of));
    case "tuple":
      return Object.fromEntries(
        Object.entries(spec.fields).map(([name, field]) => [name, longest(field)]),
      );
  }
}

function longestFrame(type: string): Frame {
  const spec = FRAME_SPECS.find((candidate) => candidate.type === type);
  assert.ok(spec);
  const fields = spec.fields.map(([name, field]) => [name, longest(field)]);
  return { type, requestId: 0xffff_ffff, ...Object.fromEntries(fields) } as Frame;
}

describe("sizes", () => {
  it("buckets and the room in them", () => {
    assert.deepEqual(CHANNEL_BUCKETS, [512, 1536, 4608, 16896, 50688]);
    assert.deepEqual(ENVELOPE_BUCKETS, [1024, 4096, 16384]);
    assert.deepEqual(
      CHANNEL_BUCKETS.map((bucket) => frameRoom("message1", bucket)),
      [445, 1469, 4541, 16829, 50621],
    );
    assert.equal(frameRoom("message1WithoutEpoch", 512), 461);
    assert.equal(frameRoom("message2", 512), 462);
    assert.equal(frameRoom("transport", 512), 494);
  });

  it("the longest frame of each type fits a message of its phase; only slices of blobs need the largest", () => {
    for (const { type, from } of FRAME_SPECS) {
      const { length } = encodeFrame(longestFrame(type));
      const phase = from === "client" ? "message1" : "message2";
      const isSlice = type === "blob.append" || type === "blob.slice";
      const room = isSlice ? frameRoom(phase, MAX_CHANNEL_MESSAGE_BYTES) : frameRoom(phase);
      assert.ok(length <= room, `${type} has ${length} bytes, room is ${room}`);
    }
  });

  it("the longest slice fills the largest message 1 to its last byte", () => {
    const { length } = encodeFrame(longestFrame("blob.append"));
    assert.equal(length, frameRoom("message1", MAX_CHANNEL_MESSAGE_BYTES));
    assert.equal(MAX_BLOB_SLICE_BYTES, 50_549);
  });

  it("a receipt fits the smallest message; so does a subscription with its proof", () => {
    assert.equal(encodeFrame(longestFrame("receipt")).length, 320);
    const together = ["prove", "subscribe"].map((type) => encodeFrame(longestFrame(type)).length);
    assert.deepEqual(together, [107, 78]);
  });

  it("heads of slices at their longest", () => {
    const heads = { deliver: DELIVER_HEAD_BYTES, record: RECORD_HEAD_BYTES };
    for (const [type, head] of Object.entries(heads)) {
      assert.equal(encodeFrame(longestFrame(type)).length - 16384, head, type);
    }
    const ofBlobs = {
      "blob.append": BLOB_APPEND_HEAD_BYTES,
      "blob.slice": BLOB_SLICE_HEAD_BYTES,
    };
    for (const [type, head] of Object.entries(ofBlobs)) {
      assert.equal(encodeFrame(longestFrame(type)).length - MAX_BLOB_SLICE_BYTES, head, type);
    }
  });

  it("an envelope and its deposit frame", () => {
    const deposit = longestFrame("deposit") as Deposit;
    const sizes = ENVELOPE_BUCKETS.map(
      (size) => encodeFrame({ ...deposit, envelope: new Uint8Array(size) }).length - size,
    );
    assert.deepEqual(sizes, [49, 49, 49]);
  });

  it("ids", () => {
    assert.equal(depositHash(new Uint8Array(24)).length, 32);
    assert.equal(envelopeId(new Uint8Array(1024)).length, 24);
  });

  it("packing refuses what fits no message", () => {
    const pack = (sizes: readonly number[]) =>
      packFrames(
        sizes.map((n) => new Uint8Array(n)),
        { ordinary: 7, largest: 20 },
        { ordinary: 10, largest: 30 },
      ).map((group) => group.map((frame) => frame.length));
    assert.deepEqual(pack([]), [[]]);
    assert.deepEqual(pack([6, 5, 5, 1]), [[6], [5, 5], [1]]);
    assert.deepEqual(pack([15, 5, 1]), [[15, 5], [1]]);
    assert.deepEqual(pack([5, 11, 20, 30, 3]), [[5], [11], [20], [30], [3]]);
    assert.deepEqual(pack([25]), [[], [25]]);
    assert.throws(() => pack([31]), RangeError);
    assert.throws(() => padContent([EMPTY], 16, 500), RangeError);
  });

  it("the largest message is for a part that fits no other", () => {
    const [half, more] = [new Uint8Array(9000), new Uint8Array(17_000)];
    assert.throws(() => padContent([half, half], 16), RangeError);
    assert.equal(padContent([more, half], 16).length, MAX_CHANNEL_MESSAGE_BYTES - 17);
    assert.equal(padContent([half, half], 16, MAX_CHANNEL_MESSAGE_BYTES).length, 50_671);
  });
});
