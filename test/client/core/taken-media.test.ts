/** Manifests and updates in any order, from those who may say them and from those who may not. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { putDoor } from "../../../client/core/state/doors.ts";
import { type HomeRow, putHome } from "../../../client/core/state/homes.ts";
import {
  getReceivedPart,
  putReceivedPart,
  type ReceivedPartRow,
} from "../../../client/core/state/received-media.ts";
import { takeManifest, takeUpdate } from "../../../client/core/taken-media.ts";
import { Draft } from "../../../client/vault/draft.ts";
import { emptyState } from "../../../client/vault/state.ts";
import { EMPTY } from "../../../shared/crypto/bytes.ts";
import { signingKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import { generateBlobKey, paddedBlobBytes } from "../../../shared/e2ee/blob.ts";
import { parseMessageId } from "../../../shared/e2ee/content.ts";
import { parseDeviceId } from "../../../shared/e2ee/device.ts";
import type { DevicePeer } from "../../../shared/e2ee/device-peer.ts";
import {
  type BlobPlace,
  type Media,
  type MediaEnd,
  type MediaUpdate,
  parseBlobId,
} from "../../../shared/e2ee/media.ts";
import { formatRelayAddress, parseRelayHash } from "../../../shared/e2ee/relay-address.ts";

type Party = DevicePeer["party"];

const hash = parseRelayHash(systemRandom(16));
const mailbox = signingKeyPair(systemRandom(32));
const record = {
  id: systemRandom(24),
  readKey: systemRandom(32),
  owner: systemRandom(32),
  version: 0,
  published: 0,
};
const HOME: HomeRow = {
  address: "",
  stage: "leaving",
  order: 1,
  mailbox,
  cardTag: systemRandom(16),
  statusTag: systemRandom(16),
  isRegistered: true,
  reachedMs: 0,
  writer: mailbox,
  front: record,
  status: record,
  generation: record,
};
const sender = party();
const id = parseMessageId(systemRandom(16));
const clip: Media = {
  name: "clip.webm",
  type: "video/webm",
  metadata: "stripped",
  durationMs: 0,
  parts: [
    {
      role: "whole",
      key: generateBlobKey(systemRandom),
      place: placeAt("first.example"),
      dataBytes: 0,
      sealedBytes: 0,
      hash: EMPTY,
    },
  ],
};
const end: MediaEnd = {
  dataBytes: 50_000,
  sealedBytes: paddedBlobBytes(4),
  hash: systemRandom(32),
  durationMs: 41_000,
  isCutOff: true,
};

function party(): Party {
  const deviceId = parseDeviceId(systemRandom(16));
  const root = signingKeyPair(systemRandom(32)).publicKey;
  return { root, deviceId } as Party;
}

function placeAt(host: string): BlobPlace {
  return { relay: { scheme: "https", host, hash }, blobId: parseBlobId(systemRandom(24)) };
}

const HOMES = ["first.example", "second.example", "third.example"] as const;

/** Of a device that has the first as its home, and the others as doors to it. */
function scene(): Draft {
  const tx = new Draft(emptyState());
  const [home, ...doors] = HOMES.map((host) => formatRelayAddress({ scheme: "https", host, hash }));
  putHome(tx, hash, { ...HOME, address: home ?? "" });
  for (const door of doors) putDoor(tx, door);
  return tx;
}

function move(host: string): MediaUpdate {
  return { messageId: id, part: 0, place: placeAt(host), end: null };
}

const ended: MediaUpdate = { messageId: id, part: 0, place: null, end };

function part(tx: Draft): ReceivedPartRow {
  const row = getReceivedPart(tx, id, 0);
  assert.ok(row);
  return row;
}

describe("updates of media", () => {
  it("to a relay that is not ours change nothing", () => {
    const tx = scene();
    takeManifest(tx, sender, id, clip);
    const other = parseRelayHash(systemRandom(16));
    const ours = placeAt("first.example").relay;
    for (const relay of [
      { ...ours, host: "trap.example" },
      { ...ours, hash: other },
    ]) {
      const place = { ...placeAt("first.example"), relay };
      assert.deepEqual(takeUpdate(tx, sender, 2, { ...move("first.example"), place }), []);
    }
    assert.match(part(tx).relay, /first\.example/);
    takeUpdate(tx, sender, 2, move("second.example"));
    assert.match(part(tx).relay, /second\.example/);
  });

  it("lead to the same in whatever order they come, before the manifest or after", () => {
    const moves = [move("second.example"), move("third.example")] as const;
    const said = [
      { seq: 1, what: clip },
      { seq: 2, what: moves[0] },
      { seq: 3, what: ended },
      { seq: 4, what: moves[1] },
    ] as const;
    const order = fc.shuffledSubarray([...said, ...said], { minLength: 8 });
    fc.assert(
      fc.property(order, (arriving) => {
        const tx = scene();
        for (const { seq, what } of arriving) {
          if ("parts" in what) takeManifest(tx, sender, id, what);
          else takeUpdate(tx, sender, seq, what);
        }
        const row = part(tx);
        const place = moves[1].place;
        assert.ok(place);
        assert.equal(row.relay, formatRelayAddress(place.relay));
        assert.deepEqual(row.blobId, place.blobId);
        assert.deepEqual([row.sealedBytes, row.isCutOff], [end.sealedBytes, true]);
      }),
    );
  });

  it("of another device or identity change nothing, before the manifest or after", () => {
    const sibling: Party = { ...sender, deviceId: parseDeviceId(systemRandom(16)) };
    for (const liar of [party(), sibling]) {
      const tx = scene();
      takeUpdate(tx, liar, 9, ended);
      takeManifest(tx, sender, id, clip);
      assert.deepEqual(takeUpdate(tx, liar, 10, move("trap.example")), []);
      assert.equal(part(tx).sealedBytes, 0);
      assert.match(part(tx).relay, /first\.example/);
    }
  });

  it("do not change an end that is known, and a second manifest changes nothing", () => {
    const tx = scene();
    takeManifest(tx, sender, id, clip);
    assert.deepEqual(takeUpdate(tx, sender, 2, ended), [{ type: "media", id }]);
    const longer = { ...end, dataBytes: 90_000, sealedBytes: paddedBlobBytes(6) };
    assert.deepEqual(takeUpdate(tx, sender, 3, { ...ended, end: longer }), []);
    takeManifest(tx, party(), id, { ...clip, name: "other" });
    assert.equal(part(tx).sealedBytes, end.sealedBytes);
  });

  it("that tell the end have what came before checked against it", () => {
    const tx = scene();
    takeManifest(tx, sender, id, clip);
    for (const more of [0, 40_000]) {
      putReceivedPart(tx, id, 0, {
        ...part(tx),
        sealedBytes: 0,
        fetchedBytes: end.sealedBytes + more,
      });
      takeUpdate(tx, sender, 2, ended);
      assert.equal(part(tx).fetchedBytes, end.sealedBytes - 1);
    }
  });

  it("of a part that is not there change nothing", () => {
    const tx = scene();
    takeManifest(tx, sender, id, clip);
    assert.deepEqual(takeUpdate(tx, sender, 2, { ...ended, part: 1 }), []);
  });

  it("that wait for messages that never come are few", () => {
    const tx = scene();
    for (let seq = 1; seq <= 500; seq++) {
      takeUpdate(tx, sender, seq, { ...ended, messageId: parseMessageId(systemRandom(16)) });
    }
    assert.ok(tx.keys("media-early/").length <= 32);
    takeUpdate(tx, sender, 501, ended);
    takeManifest(tx, sender, id, clip);
    assert.equal(part(tx).sealedBytes, end.sealedBytes, "the newest are kept");
  });
});
