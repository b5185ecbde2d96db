/** SIGKILL in the middle of a load: what was answered is there, once, and nothing else is missing. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Store } from "../../../server/store/store.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { deposit, must, named, openIn, temporaryDirectory } from "./fixtures.ts";

const child = fileURLToPath(new URL("./kill-child.js", import.meta.url));

/** Runs the child until it has printed `lines` lines, kills it, and gives all it printed. */
async function loadThenKill(directory: string, start: number, lines: number): Promise<string[]> {
  const process = spawn(globalThis.process.execPath, [child, directory, String(start)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(process, "close");
  const said: string[] = [];
  for await (const line of createInterface({ input: process.stdout })) {
    said.push(line);
    if (said.length === lines) process.kill("SIGKILL");
  }
  assert.deepEqual(await closed, [null, "SIGKILL"]);
  return said;
}

interface Answered {
  readonly deposited: Set<string>;
  readonly acknowledged: Set<string>;
}

function note(answered: Answered, lines: readonly string[]): void {
  for (const line of lines) {
    const [what, number = ""] = line.split(" ");
    (what === "deposited" ? answered.deposited : answered.acknowledged).add(number);
  }
}

/** Everything answered is there, once; what was acknowledged stays away. */
async function check(store: Store, { deposited, acknowledged }: Answered): Promise<void> {
  const waiting = await store.waiting(named("m", 32), 0, 10_000);
  const ids = waiting.map(({ envelopeId }) => toHex(envelopeId));
  const present = new Set(ids);
  assert.equal(present.size, ids.length);
  for (const number of deposited) {
    const operation = deposit("g", `n${number}`);
    assert.ok((await must(store, operation)).duplicate, `${number} is lost`);
    const isPresent = present.has(toHex(operation.envelopeId));
    if (acknowledged.has(number)) assert.ok(!isPresent, `${number} came back`);
    else if (Number(number) % 10 !== 0) assert.ok(isPresent, `${number} is not delivered`);
  }
}

describe("kill -9", () => {
  it("loses nothing that was answered and stores nothing twice", async (t) => {
    const directory = temporaryDirectory(t);
    const answered: Answered = { deposited: new Set(), acknowledged: new Set() };
    for (const [round, lines] of [150, 31, 220, 77, 110].entries()) {
      note(answered, await loadThenKill(directory, round * 10_000, lines));
      const store = openIn(directory);
      await check(store, answered);
      await store.close();
    }
    assert.ok(answered.deposited.size >= 500 && answered.acknowledged.size > 0);
  });
});
