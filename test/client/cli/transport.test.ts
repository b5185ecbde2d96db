/** `--transport` and TUMAR_TRANSPORT; and what is said where WebSockets are refused. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type Impairment, impair } from "../../support/impair/impair.ts";
import { PROFILES } from "../../support/impair/profiles.ts";
import { assertFails, type RelayProcess, startRelay, tumar, tumarWithin } from "./tumar-process.ts";

const folder = mkdtempSync(join(tmpdir(), "tumar-cli-transport-"));
const vault = ["--vault", join(folder, "aigul"), "--passphrase-file", join(folder, "pass")];

let relay: RelayProcess;
let network: Impairment;

before(async () => {
  writeFileSync(join(folder, "pass"), "correct horse\n");
  relay = await startRelay(join(folder, "data"));
  const profile = { ...PROFILES["ws-killed"], upgrades: "refuse" } as const;
  network = await impair({ to: relay.address, profile });
});

after(async () => {
  await network.close();
  await relay.stop();
  rmSync(folder, { recursive: true });
});

describe("where WebSockets are refused", () => {
  it("everything works, and sync says over what", async () => {
    const address = network.address(relay.address);
    const made = await tumar("init", ...vault, "--relay", address, "--transport", "thrifty");
    assert.equal(made.exit, 0, made.err);
    const synced = await tumar("sync", ...vault);
    assert.equal(synced.exit, 0, synced.err);
    assert.match(synced.err, /^WebSocket blocked here, using HTTP\.$/m);
  });

  it("the one kind that was asked for is the only one used", async () => {
    const only = { TUMAR_TRANSPORT: "websocket" };
    const failed = await tumarWithin(only, "sync", ...vault, "--json", "--timeout", "2");
    assertFails(failed, 4, "NOT_A_RELAY");
  });
});

it("a kind that is none is told before the passphrase is asked for", async () => {
  assertFails(await tumar("sync", "--json", "--transport", "pigeon"), 2, "USAGE");
  assertFails(await tumarWithin({ TUMAR_TRANSPORT: "pigeon" }, "sync", "--json"), 2, "USAGE");
});
