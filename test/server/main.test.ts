/** `tumar relay` as a process: ready line, faults, drain on SIGTERM, a second signal. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { BareClient } from "../support/bare-client.ts";
import { depositFrame, newMailbox, register, subscribeFrame } from "../support/bare-mailbox.ts";
import { relayProcess, temporaryDirectory } from "../support/relay.ts";
import { repositoryRoot } from "../support/repository.ts";

const script = join(repositoryRoot, "dist", "test", "support", "relay-process.js");

function run(args: readonly string[], env: Record<string, string> = {}) {
  const { PATH = "" } = process.env;
  return spawnSync(process.execPath, [script, ...args], {
    encoding: "utf8",
    env: { PATH, ...env },
    timeout: 30_000,
  });
}

describe("tumar relay", () => {
  it("drains on SIGTERM: what was received is stored and answered, connections close with 1001", async (t) => {
    const directory = await temporaryDirectory(t);
    const relay = await relayProcess(t, { directory });
    const owner = await BareClient.connect(relay.address);
    const mailbox = await register(owner, newMailbox());
    const sender = await BareClient.connect(relay.address);
    await sender.request({ type: "hello", version: 1 });
    const envelopes = Array.from({ length: 50 }, () => systemRandom(1024));
    const answers = sender.requestAll(envelopes.map((one) => depositFrame(mailbox, one)));
    await answers[0];
    const exit = relay.end("SIGTERM");
    const settled = await Promise.allSettled(answers);
    assert.equal(await sender.closed, 1001);
    assert.equal(await owner.closed, 1001);
    assert.equal(await exit, 0);
    assert.match(relay.log(), /"stopped"/);
    const stored = settled.filter(({ status }) => status === "fulfilled").length;
    assert.ok(stored > 0);

    const again = await relayProcess(t, { directory, port: relay.port });
    assert.equal(again.address, relay.address);
    const reader = await BareClient.connect(again.address);
    await reader.prove(mailbox.key);
    await reader.request(subscribeFrame(mailbox));
    assert.ok((await reader.delivered(stored)).length === stored);
  });

  it("still ends on SIGTERM when nobody reads its output any more", async (t) => {
    const relay = await relayProcess(t, { directory: await temporaryDirectory(t) });
    relay.child.stdout?.destroy();
    relay.child.stderr?.destroy();
    assert.equal(await relay.end("SIGTERM"), 0);
  });

  it("ends at once at the second signal", async (t) => {
    const directory = await temporaryDirectory(t);
    const relay = await relayProcess(t, { directory });
    const owner = await BareClient.connect(relay.address);
    owner.socket.pause();
    const ended = relay.end("SIGTERM");
    relay.child.kill("SIGINT");
    assert.equal(await ended, 1);
    owner.socket.terminate();
  });

  it("reports every fault of its settings at once, with exit 2", () => {
    const faults = run(["--port", "nine", "--json"], { TUMAR_RELAY_WINDOWS: "1" });
    assert.equal(faults.status, 2);
    assert.equal(faults.stdout, "");
    const { error } = JSON.parse(faults.stderr) as { error: { code: string; message: string } };
    assert.deepEqual(Object.keys(error), ["code", "message", "hint"]);
    assert.equal(error.code, "BAD_CONFIG");
    assert.match(error.message, /TUMAR_RELAY_PORT.*TUMAR_RELAY_WINDOWS|WINDOWS.*PORT/);
    const plain = run(["--port", "nine"]);
    assert.match(plain.stderr, /^tumar: .*TUMAR_RELAY_PORT/);
  });

  it("has help with an example, and refuses what it does not know", () => {
    const help = run(["--help"]);
    assert.equal(help.status, 0);
    assert.match(help.stdout, /Example:\n {2}tumar relay/);
    for (const args of [["--unknown"], ["extra"], ["--port"]]) {
      const refused = run([...args, "--json"]);
      assert.equal(refused.status, 2, args.join(" "));
      assert.match(refused.stderr, /"code":"(?:USAGE|BAD_CONFIG)"/);
    }
  });

  it("says in plain words where it is", async (t) => {
    const directory = await temporaryDirectory(t);
    const relay = await relayProcess(t, { directory, settings: { ADDRESS: "https://a.example" } });
    assert.match(relay.address, /^https:\/\/a\.example#k=[\w-]{22}$/);
  });
});
