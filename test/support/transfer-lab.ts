/**
 * What a transfer of one blob costs in a network of the laboratory, before a relay process:
 *
 *     node dist/test/support/transfer-lab.js reset-random 20 up
 *     node dist/test/support/transfer-lab.js curtain16 0.5 down thrifty
 *
 * Prints one line of JSON: the goodput, what was put on the line for it, and the line's own share.
 */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { downloadBlob } from "../../client/net/blob-download.ts";
import { uploadBlob } from "../../client/net/blob-upload.ts";
import { systemClock } from "../../client/net/clock.ts";
import { TRANSPORT_KINDS, type TransportKind } from "../../client/net/connection.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { RelayPool } from "../../client/net/relay-pool.ts";
import type { Relay } from "../../client/net/requests.ts";
import { windowsOf } from "../../client/net/transfers.ts";
import { signingKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { blobIdOf, depositHash } from "../../shared/wire/ids.ts";
import { GrowingSource } from "./blob-source.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";
import { impair } from "./impair/impair.ts";
import { isProfileName, type ProfileName, profileOf } from "./impair/profiles.ts";
import { throughNetwork } from "./impair/transport.ts";
import { relayProcess } from "./relay.ts";

export interface TransferCost {
  readonly profile: string;
  readonly direction: "up" | "down";
  readonly transport: string;
  readonly bytes: number;
  readonly seconds: number;
  /** Of the blob, in a second. */
  readonly goodput: number;
  /** Goodput beside the line's rate; undefined when it has none. */
  readonly share: number | undefined;
  /** Put on the line in the transfer's direction beside the blob's length. */
  readonly overhead: number;
  readonly connections: number;
  readonly resets: number;
  readonly stalls: number;
  /** The largest chunk in flight. */
  readonly window: number;
}

export interface TransferPlan {
  readonly profile: ProfileName;
  readonly bytes: number;
  readonly direction: "up" | "down";
  readonly kind?: TransportKind;
  readonly seed?: string;
}

/** Uploads over a good network first when it is the download that is measured. */
export async function measureTransfer(test: Cleanup, plan: TransferPlan): Promise<TransferCost> {
  const { profile, direction, kind, seed = "1" } = plan;
  const directory = await mkdtemp(join(tmpdir(), "tumar-lab-"));
  atEnd(test, () => rm(directory, { recursive: true, force: true }));
  const relay = await relayProcess(test, { directory });
  const network = await impair({ to: relay.address, profile: "none", seed });
  atEnd(test, () => network.close());
  const link = (isImpaired: boolean): Relay => {
    const direct = nodeTransport();
    const transport = isImpaired ? throughNetwork(network, relay.address, direct) : direct;
    const forced = kind === undefined || !isImpaired ? {} : { transportKind: kind };
    const pool = new RelayPool(
      { transport, ...forced },
      { announcementOf: () => undefined, keepAnnouncement: () => {} },
    );
    atEnd(test, () => pool.close());
    return pool.relay(parseRelayAddress(relay.address));
  };
  const depositId = await newGrant(link(false));
  const bytes = systemRandom(plan.bytes);
  const uploadId = systemRandom(24);
  const clock = systemClock;
  const upload = (over: Relay) =>
    uploadBlob({
      relay: over,
      clock,
      depositId,
      uploadId,
      expiryDay: Math.floor(Date.now() / 86_400_000) + 7,
      claimedBytes: bytes.length,
      source: new GrowingSource(bytes),
      puzzle: () => Promise.reject(new Error("no puzzle")),
      onStored: () => {},
    });
  if (direction === "down") await upload(link(false));
  network.setProfile(profile);
  const over = link(true);
  const window = windowsOf(over, clock)[direction];
  let mostInFlight = 0;
  const stopLooking = window.onRoom(() => {
    mostInFlight = Math.max(mostInFlight, window.bytes);
  });
  const startMs = performance.now();
  if (direction === "up") await upload(over);
  else {
    let at = 0;
    const onSlice = async (offset: number, slice: Uint8Array) => {
      assert.equal(offset, at);
      assert.deepEqual(slice, bytes.subarray(at, at + slice.length));
      at += slice.length;
    };
    await downloadBlob({ relay: over, clock, blobId: blobIdOf(uploadId), from: 0, onSlice });
    assert.equal(at, bytes.length);
  }
  const seconds = (performance.now() - startMs) / 1000;
  stopLooking();
  const stats = network.stats();
  const rate = profileOf(profile).rate;
  const kbps = direction === "up" ? rate?.upKbps : rate?.downKbps;
  const goodput = bytes.length / seconds;
  return {
    profile,
    direction,
    transport: kind ?? `(${over.state().transport})`,
    bytes: bytes.length,
    seconds,
    goodput,
    share: kbps === undefined ? undefined : goodput / (kbps * 125),
    overhead: (direction === "up" ? stats.sentUpBytes : stats.downBytes) / bytes.length,
    connections: stats.connections,
    resets: stats.resets,
    stalls: stats.stalls,
    window: mostInFlight,
  };
}

async function newGrant(link: Relay): Promise<Uint8Array> {
  const key = signingKeyPair(systemRandom(32));
  const mailbox = key.publicKey;
  const depositId = systemRandom(24);
  const grant = { perDay: 0, card: false, mayBeUrgent: false, tag: systemRandom(16) };
  await link.owner.request({ type: "mailbox.create", mailbox, kind: 0 }, { proveWith: key });
  await link.owner.request(
    { type: "mailbox.grant", mailbox, depositHash: depositHash(depositId), ...grant },
    { proveWith: key },
  );
  return depositId;
}

async function main([profile = "", megabytes = "1", direction = "up", kind]: readonly string[]) {
  if (!isProfileName(profile)) throw new RangeError("no such profile");
  const ends: (() => Promise<void>)[] = [];
  const test: Cleanup = { after: (end) => void ends.push(end) };
  const known = TRANSPORT_KINDS.find((one) => one === kind);
  const cost = await measureTransfer(test, {
    profile,
    bytes: Math.round(Number(megabytes) * 1e6),
    direction: direction === "down" ? "down" : "up",
    ...(known === undefined ? {} : { kind: known }),
  });
  process.stdout.write(`${JSON.stringify(cost)}\n`);
  for (const end of ends) await end();
}

if (process.argv[1]?.endsWith("transfer-lab.js")) await main(process.argv.slice(2));
