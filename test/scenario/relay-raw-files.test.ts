/**
 * Story (f): what was acknowledged is gone from the raw files of the relay within a sweep, and after
 * SIGTERM; what was not acknowledged stays; no identifier is ever in them.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { BareClient } from "../support/bare-client.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  depositFrame,
  newMailbox,
  register,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { countInFiles } from "../support/raw-files.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";

const SIZES = [1024, 4096, 16_384];
const EACH = 8;
/** A sweep each second, and time for a slow machine. */
const PATIENCE_MS = 30_000;

interface Scene {
  readonly directory: string;
  readonly relay: RelayProcess;
  readonly mailbox: BareMailbox;
  readonly acknowledged: readonly Uint8Array[];
  readonly kept: readonly Uint8Array[];
}

/** Half of what was deposited is acknowledged; all of it was in the files before. */
async function play(t: TestContext, sweepSeconds: number): Promise<Scene> {
  const directory = await temporaryDirectory(t);
  const settings = { SWEEP_SECONDS: sweepSeconds };
  const relay = await relayProcess(t, { directory, settings });
  const owner = await BareClient.connect(relay.address);
  const sender = await BareClient.connect(relay.address);
  const mailbox = await register(owner, newMailbox());
  const envelopes = SIZES.flatMap((size) => Array.from({ length: EACH }, () => systemRandom(size)));
  await Promise.all(
    sender.requestAll(envelopes.map((envelope) => depositFrame(mailbox, envelope))),
  );
  assert.equal(await countInFiles(directory, envelopes), envelopes.length);
  await owner.request(subscribeFrame(mailbox));
  await owner.delivered(envelopes.length);
  const acknowledged = envelopes.filter((_, i) => i % 2 === 0);
  const kept = envelopes.filter((_, i) => i % 2 === 1);
  await owner.request(acknowledgeFrame(mailbox, acknowledged.map(envelopeId)));
  await owner.close();
  await sender.close();
  return { directory, relay, mailbox, acknowledged, kept };
}

async function assertNoIdentifiers({
  directory,
  mailbox,
  acknowledged,
  kept,
}: Scene): Promise<void> {
  const ids = [...acknowledged, ...kept].map(envelopeId);
  assert.equal(await countInFiles(directory, [mailbox.mailbox, mailbox.depositId, ...ids]), 0);
}

describe("raw files of a relay", () => {
  it("hold no acknowledged envelope after a sweep", async (t) => {
    const scene = await play(t, 1);
    const { directory, acknowledged, kept } = scene;
    const untilMs = Date.now() + PATIENCE_MS;
    while ((await countInFiles(directory, acknowledged)) > 0 && Date.now() < untilMs) {
      await delay(100);
    }
    assert.equal(await countInFiles(directory, acknowledged), 0);
    assert.equal(await countInFiles(directory, kept), kept.length);
    await assertNoIdentifiers(scene);
  });

  it("hold no acknowledged envelope after SIGTERM", async (t) => {
    const scene = await play(t, 3600);
    const { directory, relay, acknowledged, kept } = scene;
    assert.equal(await relay.end("SIGTERM"), 0);
    assert.equal(await countInFiles(directory, acknowledged), 0);
    assert.equal(await countInFiles(directory, kept), kept.length);
    await assertNoIdentifiers(scene);
  });
});
