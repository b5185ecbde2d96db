/** `npm run impair` as a person uses it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import { relayInProcess } from "../relay.ts";
import { repositoryRoot } from "../repository.ts";
import { within } from "../stories.ts";

const PROGRAM = join(repositoryRoot, "dist", "test", "support", "impair", "main.js");

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: "pipe" });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await within("a line", lines.next())).value ?? "";
  return { child, next };
}

describe("npm run impair", () => {
  it("says what to use instead, takes another profile, sums up, and ends", async (test) => {
    const relay = await relayInProcess(test);
    const { child, next } = start("--profile", "captive", "--to", relay.address);
    test.after(() => child.kill("SIGKILL"));
    assert.equal(await next(), `captive on the way to ${relay.address}`);
    const used = (await next()).replace("Use instead: ", "");
    assert.equal(new URL(used).hash, new URL(relay.address).hash);
    assert.notEqual(used, relay.address);
    await next();
    child.stdin.write("no-such\n");
    assert.match(await next(), /^There is no profile no-such\. There are: none, edge/);
    child.stdin.write("curtain16\n");
    assert.equal(await next(), "now curtain16");
    const { signal } = new AbortController();
    const url = `${new URL(used).origin}/v1/channel-key`;
    const key = await nodeTransport().get(url, { signal, timeoutMs: 10_000, maxBytes: 1000 });
    assert.ok(key.length > 0);
    assert.match(await next(), /^#0 opened$/);
    assert.match(await next(), /^#0 closed: \d+ bytes up, \d+ down, to target$/);
    child.stdin.write("\n");
    assert.match(await next(), /^1 connections \(0 open\), 0 stalled, 0 reset; 0 packets lost, /);
    const exit = once(child, "exit");
    child.kill("SIGINT");
    assert.match(await next(), /^1 connections/);
    assert.deepEqual(await exit, [0, null]);
  });

  it("refuses what it cannot do, with its usage", async () => {
    for (const [args, says] of [
      [["--profile", "5g", "--to", "127.0.0.1:1"], "there is no profile 5g"],
      [["--to", "https://relay.example"], "--to must be on this machine"],
    ] as const) {
      const { child } = start(...args);
      let words = "";
      child.stderr.on("data", (chunk: Buffer) => {
        words += chunk;
      });
      const [code] = await once(child, "close");
      assert.equal(code, 2);
      assert.ok(words.startsWith(`${says}\n\nUsage: npm run impair`), words);
    }
  });
});
