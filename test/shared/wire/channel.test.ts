/** A channel from announcement to transport, and everything somebody between the two ends can do to it. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY } from "../../../shared/crypto/bytes.ts";
import { dhKeyPair, signingKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  announcementMessage,
  MESSAGE_KINDS,
  refusalMessage,
} from "../../../shared/wire/channel.ts";
import {
  type Announcement,
  keyAfterRefusal,
  signChannelKey,
  verifyAnnouncement,
} from "../../../shared/wire/channel-key.ts";
import { ClientChannel, NO_EPOCH } from "../../../shared/wire/client-channel.ts";
import { encodeFrame } from "../../../shared/wire/frame-codec.ts";
import type { BlobAppend, ClientFrame, Deposit, Hello, Ok } from "../../../shared/wire/frames.ts";
import { relayHash } from "../../../shared/wire/ids.ts";
import {
  CHANNEL_BUCKETS,
  MAX_BLOB_SLICE_BYTES,
  MAX_CHANNEL_MESSAGE_BYTES,
} from "../../../shared/wire/limits.ts";
import { makeProof, verifyProof } from "../../../shared/wire/proof.ts";
import {
  acceptChannel,
  type Message1,
  type RelayChannel,
} from "../../../shared/wire/relay-channel.ts";

const identity = signingKeyPair(systemRandom(32));
const pinned = relayHash(identity.publicKey);
const channelKey = dhKeyPair(systemRandom(32));
const epoch = systemRandom(16);
const announcement: Announcement = {
  ...signChannelKey(identity, channelKey.publicKey, 500_000),
  epoch,
};
const hello: Hello = { type: "hello", requestId: 1, version: 1 };
const ok: Ok = { type: "ok", requestId: 1 };

function depositOf(size: number, requestId = 2): Deposit {
  return {
    type: "deposit",
    requestId,
    depositId: systemRandom(24),
    urgent: false,
    expiryDay: 21_000,
    puzzleNonce: EMPTY,
    envelope: systemRandom(size),
  };
}

function accept(message: Uint8Array, keys = [channelKey]): Message1 {
  return acceptChannel(message, identity.publicKey, keys, systemRandom);
}

function connect(): { readonly client: ClientChannel; readonly relay: RelayChannel } {
  const client = ClientChannel.start(announcement, systemRandom);
  const { channel: relay } = accept(client.seal([hello]));
  assert.deepEqual(client.open(relay.seal([ok])), { kind: "frames", frames: [ok] });
  return { client, relay };
}

function flip(message: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(message);
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
}

describe("channel", () => {
  it("carries frames both ways, in messages of one of five sizes (property)", () => {
    const { client, relay } = connect();
    const frames = fc.array(fc.constantFrom<ClientFrame>(hello, depositOf(1024), depositOf(4096)), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(frames, (sent) => {
        const messages = client.sealAll(sent);
        assert.ok(messages.every((message) => CHANNEL_BUCKETS.includes(message.length)));
        assert.deepEqual(
          messages.flatMap((message) => relay.open(message).frames),
          sent,
        );
        const answers = sent.map((frame) => ({ ...ok, requestId: frame.requestId }));
        const received = relay.sealAll(answers).flatMap((message) => {
          const input = client.open(message);
          assert.equal(input.kind, "frames");
          return input.kind === "frames" ? input.frames : [];
        });
        assert.deepEqual(received, answers);
      }),
      { numRuns: 30 },
    );
  });

  it("message 1 holds first frames; each envelope bucket has a message with room to spare", () => {
    const sizes = [1024, 4096, 16384].map((size) => {
      const client = ClientChannel.start(announcement, systemRandom);
      return client.seal([hello, depositOf(size)]).length;
    });
    assert.deepEqual(sizes, [1536, 4608, 16896]);
  });

  it("gives the relay the epoch, the ephemeral key and the hash that proofs are over", () => {
    const client = ClientChannel.start(announcement, systemRandom);
    const key = signingKeyPair(systemRandom(32));
    const first = client.proofHash;
    const prove = makeProof(9, key, identity.publicKey, first);
    const accepted = accept(client.seal([prove]));
    assert.deepEqual(accepted.epoch, epoch);
    assert.equal(accepted.ephemeralKey.length, 32);
    assert.deepEqual(accepted.frames, [prove]);
    assert.deepEqual(verifyProof(prove, identity.publicKey, accepted.proofHash), key.publicKey);
    assert.throws(() => client.proofHash, RangeError);
    client.open(accepted.channel.seal([]));
    const later = makeProof(10, key, identity.publicKey, client.proofHash);
    const { frames, proofHash } = accepted.channel.open(client.seal([later]));
    assert.deepEqual(frames, [later]);
    assert.deepEqual(verifyProof(later, identity.publicKey, proofHash), key.publicKey);
    assert.throws(() => verifyProof(prove, identity.publicKey, proofHash), { code: "BAD_PROOF" });
  });

  it("starts without an epoch", () => {
    const client = ClientChannel.start(announcement, systemRandom, NO_EPOCH);
    assert.equal(client.frameRoom(512), 461);
    const padding = new Uint8Array(0);
    assert.deepEqual(accept(client.seal([hello])).epoch, padding);
  });

  it("a recorded message 1 opens again with the same ephemeral key and cannot be carried on", () => {
    const client = ClientChannel.start(announcement, systemRandom);
    const recorded = client.seal([hello]);
    const once = accept(recorded);
    const again = accept(recorded);
    assert.deepEqual(again.ephemeralKey, once.ephemeralKey);
    client.open(once.channel.seal([]));
    again.channel.seal([]);
    const next = client.seal([hello]);
    assert.throws(() => again.channel.open(next), { code: "CHANNEL_BROKEN" });
    assert.deepEqual(once.channel.open(next).frames, [hello]);
  });

  it("refuses cut, extended, flipped, replayed and reordered messages, and goes on after them", () => {
    const { client, relay } = connect();
    const [one, two] = [client.seal([hello]), client.seal([ok as unknown as Hello])];
    const bad = [EMPTY, one.subarray(0, 511), concat(one, EMPTY, new Uint8Array(1024)), two];
    for (let bit = 0; bit < one.length * 8; bit += 7) bad.push(flip(one, bit));
    for (const message of bad) {
      assert.throws(() => relay.open(message), { code: "CHANNEL_BROKEN" });
    }
    assert.deepEqual(relay.open(one).frames, [hello]);
    assert.throws(() => relay.open(one), { code: "CHANNEL_BROKEN" });
    const [fault] = relay.open(two).frames;
    assert.equal(fault?.type === "fault" && fault.error.code, "UNKNOWN_FRAME");
    const answer = relay.seal([ok]);
    assert.throws(() => client.open(flip(answer, 999)), { code: "CHANNEL_BROKEN" });
    assert.throws(() => client.open(announcementMessage(announcement)), { code: "CHANNEL_BROKEN" });
    assert.throws(() => client.open(refusalMessage(announcement)), { code: "CHANNEL_BROKEN" });
    assert.deepEqual(client.open(answer), { kind: "frames", frames: [ok] });
  });

  it("refuses a changed message 1 and a changed message 2", () => {
    const client = ClientChannel.start(announcement, systemRandom);
    const first = client.seal([hello]);
    for (let bit = 8; bit < first.length * 8; bit += 13) {
      assert.throws(() => accept(flip(first, bit)), { code: "CHANNEL_KEY_UNKNOWN" });
    }
    assert.throws(() => accept(flip(first, 7)), { code: "CHANNEL_BROKEN" });
    assert.throws(() => accept(first.subarray(1)), { code: "CHANNEL_BROKEN" });
    const second = accept(first).channel.seal([ok]);
    for (let bit = 8; bit < second.length * 8; bit += 13) {
      assert.throws(() => client.open(flip(second, bit)), { code: "CHANNEL_BROKEN" });
    }
    assert.deepEqual(client.open(second), { kind: "frames", frames: [ok] });
  });

  it("retries once with the newer key a relay shows that cannot open message 1", () => {
    const old = dhKeyPair(systemRandom(32));
    const stale = { ...signChannelKey(identity, old.publicKey, 499_000), epoch };
    const client = ClientChannel.start(stale, systemRandom);
    assert.throws(() => accept(client.seal([hello])), { code: "CHANNEL_KEY_UNKNOWN" });
    const answer = client.open(refusalMessage(announcement));
    assert.ok(answer.kind === "refused");
    const newer = keyAfterRefusal(answer.announcement, pinned, stale);
    assert.deepEqual(accept(ClientChannel.start(newer, systemRandom).seal([hello])).frames, [
      hello,
    ]);
    assert.throws(() => keyAfterRefusal(answer.announcement, pinned, newer), {
      code: "CHANNEL_REFUSED",
    });
  });

  it("opens with the previous key too", () => {
    const newest = dhKeyPair(systemRandom(32));
    const client = ClientChannel.start(announcement, systemRandom);
    assert.deepEqual(accept(client.seal([hello]), [newest, channelKey]).frames, [hello]);
  });

  it("takes the relay's greeting before message 2, whenever it comes", () => {
    const client = ClientChannel.start(announcement, systemRandom);
    const greeting = announcementMessage(announcement);
    const first = client.open(greeting);
    assert.ok(first.kind === "announcement");
    assert.deepEqual(verifyAnnouncement(first.announcement, pinned), announcement);
    const early = Uint8Array.of(MESSAGE_KINDS.refused);
    assert.throws(() => client.open(early), { code: "CHANNEL_BROKEN" });
    client.seal([hello]);
    assert.equal(client.open(greeting).kind, "announcement");
  });

  it("keeps the order of calls", () => {
    const client = ClientChannel.start(announcement, systemRandom);
    const { channel } = accept(client.seal([hello]));
    assert.throws(() => client.seal([hello]), RangeError);
    assert.throws(() => channel.open(new Uint8Array(512).fill(1)), { code: "CHANNEL_BROKEN" });
    assert.equal(channel.isOpen, false);
    channel.seal([]);
    assert.equal(channel.isOpen, true);
  });

  it("refuses frames that do not fit, and sizes that are no bucket", () => {
    const client = ClientChannel.start(announcement, systemRandom);
    const large = depositOf(16384);
    assert.throws(() => client.seal([large, large]), RangeError);
    assert.throws(() => client.sealAll([large, large]), RangeError);
    assert.throws(() => client.seal([hello], 513), RangeError);
    assert.throws(() => client.seal([depositOf(1024)], 512), RangeError);
    assert.equal(client.seal([hello], 4608).length, 4608);
  });

  it("fills a message to its last byte", () => {
    const { client, relay } = connect();
    for (const bucket of CHANNEL_BUCKETS) {
      const count = Math.floor(client.frameRoom(bucket) / encodeFrame(hello).length);
      const message = client.seal(
        Array.from({ length: count }, () => hello),
        bucket,
      );
      assert.equal(message.length, bucket);
      assert.equal(relay.open(message).frames.length, count);
    }
  });

  it("the largest size carries slices of blobs, both ways, and answers that are asked to have it", () => {
    const append: BlobAppend = {
      type: "blob.append",
      requestId: 3,
      depositId: systemRandom(24),
      uploadId: systemRandom(24),
      offset: Number.MAX_SAFE_INTEGER,
      isLast: true,
      bytes: systemRandom(MAX_BLOB_SLICE_BYTES),
    };
    const asking = ClientChannel.start(announcement, systemRandom);
    const message = asking.seal([append]);
    assert.equal(message.length, MAX_CHANNEL_MESSAGE_BYTES);
    const { frames, channel } = accept(message);
    assert.deepEqual(frames, [append]);
    const answer = channel.seal([], MAX_CHANNEL_MESSAGE_BYTES);
    assert.equal(answer.length, MAX_CHANNEL_MESSAGE_BYTES);
    assert.equal(asking.openAnswer(answer, MAX_CHANNEL_MESSAGE_BYTES).kind, "frames");

    const { client, relay } = connect();
    const sizes = client.sealAll([hello, append, depositOf(16384), depositOf(16384)]).map((one) => {
      relay.open(one);
      return one.length;
    });
    assert.deepEqual(sizes, [512, 50688, 16896, 16896]);
  });

  it("a message 1 without an epoch item is malformed", () => {
    const client = ClientChannel.start(announcement, systemRandom, new Uint8Array(15));
    assert.throws(() => accept(client.seal([hello])), { code: "MALFORMED" });
  });
});
