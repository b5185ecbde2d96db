/** A text that is written while a blob is uploaded over a slow line waits for the chunk in flight and for no more. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { uploadBlob } from "../../../client/net/blob-upload.ts";
import { systemClock } from "../../../client/net/clock.ts";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import { LEAST_WINDOW_BYTES } from "../../../client/net/transfer-window.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { linkTo, newMailbox } from "../../client/net/mailboxes.ts";
import { GrowingSource } from "../../support/blob-source.ts";
import { impair } from "../../support/impair/impair.ts";
import { PROFILES } from "../../support/impair/profiles.ts";
import { throughNetwork } from "../../support/impair/transport.ts";
import { relayInProcess } from "../../support/relay.ts";

/** A channel message that holds an envelope of 1 KiB, as it is on the line. */
const OWN_BYTES = 1536 + 14;
/** Of the machine that runs the test: timers, and a disk that others use too. */
const MACHINE_MS = 750;

it("over 32 kbit/s a deposit is stored within 3 round trips, its own bytes and the chunk in flight", async (test) => {
  const relay = await relayInProcess(test);
  const network = await impair({ to: relay.address, profile: "none" });
  test.after(() => network.close());
  const transport = throughNetwork(network, relay.address, nodeTransport());
  const alice = linkTo(test, relay.address, { transport, transportKind: "websocket" });
  const { depositId } = await newMailbox(linkTo(test, relay.address));
  const { rttMs, rate } = PROFILES.throttle;
  assert.ok(rate);
  network.setProfile("throttle");
  const expiryDay = Math.floor(Date.now() / 86_400_000) + 7;
  const giveUp = new AbortController();
  const isUnderWay = new Promise<void>((resolve) => {
    const source = new GrowingSource(systemRandom(1_000_000));
    uploadBlob({
      relay: alice,
      clock: systemClock,
      depositId,
      uploadId: systemRandom(24),
      expiryDay,
      claimedBytes: source.availableBytes(),
      source,
      signal: giveUp.signal,
      puzzle: () => Promise.reject(new Error("no puzzle is asked for")),
      onStored: (bytes) => {
        if (bytes > 8_000) resolve();
      },
    }).catch(() => undefined);
  });
  await isUnderWay;
  const body = { type: "deposit", depositId, urgent: false, expiryDay } as const;
  const startMs = performance.now();
  await alice.sender.request({
    ...body,
    puzzleNonce: new Uint8Array(0),
    envelope: systemRandom(1024),
  });
  const tookMs = performance.now() - startMs;
  giveUp.abort();
  const lineMs = (bytes: number) => (bytes * 8) / rate.upKbps;
  const mostMs = 3 * rttMs + lineMs(OWN_BYTES) + lineMs(LEAST_WINDOW_BYTES);
  assert.ok(tookMs < mostMs + MACHINE_MS, `${tookMs} ms of ${mostMs}`);
  assert.ok(tookMs > lineMs(OWN_BYTES), "it did go over the line");
});
