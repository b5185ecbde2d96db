/**
 * Ten blobs pass at the same time, up and down, and the relay stays small. Small blobs here; with ten of
 * 200 MB it is `npm run test:memory`.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BareClient } from "../../support/bare-client.ts";
import { newMailbox, register } from "../../support/bare-mailbox.ts";
import { passBlob, residentBytes } from "../../support/blob-load.ts";
import { relayProcess, temporaryDirectory } from "../../support/relay.ts";

const BLOBS = 10;
const BLOB_BYTES = 3_000_000;
const MOST_BYTES: number = 64 * 1024 * 1024;

describe("memory of a relay", () => {
  it("is at most 64 MiB above idle while ten blobs pass", async (t) => {
    const relay = await relayProcess(t, { directory: await temporaryDirectory(t) });
    const owner = await BareClient.connect(relay.address);
    const { depositId } = await register(owner, newMailbox());
    const pid = relay.child.pid ?? 0;
    const idle = residentBytes(pid, "VmRSS");
    await Promise.all(
      Array.from({ length: BLOBS }, () => passBlob(relay.address, depositId, BLOB_BYTES)),
    );
    const above = residentBytes(pid, "VmHWM") - idle;
    assert.ok(above < MOST_BYTES, `${Math.round(above / 1024 / 1024)} MiB above idle`);
    await owner.close();
  });
});
