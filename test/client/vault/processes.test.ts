/** Real processes on one file: killed at any instant, and several at once. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { FileStorage } from "../../../client/vault/node/file-storage.ts";
import { createVault, openVault } from "./support.ts";

const directory = await mkdtemp(join(tmpdir(), "tumar-vault-"));
after(() => rm(directory, { recursive: true }));

const SCRIPT = fileURLToPath(import.meta.resolve("./committer.js"));

async function newVault(name: string): Promise<string> {
  const path = join(directory, name);
  await (await createVault(new FileStorage(path))).close();
  return path;
}

function start(path: string, name: string, times: number, size: number): ChildProcess {
  const args = [SCRIPT, path, name, String(times), String(size)];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

/** Reads lines until the process ends; `onLine` may kill it. Resolves to the last line. */
async function follow(child: ChildProcess, onLine: (line: string) => void): Promise<string> {
  let last = "";
  assert.ok(child.stdout);
  const closed = once(child, "close");
  for await (const line of createInterface(child.stdout)) {
    last = line;
    onLine(line);
  }
  await closed;
  return last;
}

interface Counts {
  readonly count: number;
  readonly generation: number;
}

async function counts(path: string): Promise<Counts> {
  const vault = await openVault(new FileStorage(path));
  const [count, mirror] = await vault.read((view) =>
    ["count", "mirror"].map((key) => view.get(key)),
  );
  assert.deepEqual(count, mirror);
  const { generation } = vault;
  await vault.close();
  return { count: count ? new DataView(count.buffer).getUint32(0) : 0, generation };
}

describe("processes on one vault", () => {
  it("killed with SIGKILL at any instant: what was answered is there, and the lock is free", async () => {
    const path = await newVault("killed");
    let answered = 0;
    for (let round = 0; round < 8; round++) {
      const before = (await counts(path)).count;
      const child = start(path, "victim", 10_000, 200 + 6_000 * (round % 4));
      let done = 0;
      await follow(child, (line) => {
        if (line !== "open") done = Number(line);
        if (line === "open" || done === 1) setTimeout(() => child.kill("SIGKILL"), 5 + 23 * round);
      });
      const { count, generation } = await counts(path);
      assert.ok(
        count === before + done || count === before + done + 1,
        `${before}+${done}: ${count}`,
      );
      assert.equal(generation, count);
      answered += done;
    }
    assert.ok(answered > 8);
  });

  it("two at once lose no update", async () => {
    const path = await newVault("shared");
    const children = ["a", "b"].map((name) => start(path, name, 40, 1_500));
    const last = await Promise.all(children.map((child) => follow(child, () => undefined)));
    assert.deepEqual(last, ["40", "40"]);
    assert.deepEqual(await counts(path), { count: 80, generation: 80 });
  });

  it("one dies while it holds the lock and the other goes on", async () => {
    const path = await newVault("widow");
    const victim = start(path, "victim", 10_000, 9_000);
    const survivor = start(path, "survivor", 60, 500);
    let killed = 0;
    const [, last] = await Promise.all([
      follow(victim, (line) => {
        if (line === "open") return;
        killed = Number(line);
        if (killed === 5) victim.kill("SIGKILL");
      }),
      follow(survivor, () => undefined),
    ]);
    assert.equal(last, "60");
    const { count } = await counts(path);
    assert.ok(count === 60 + killed || count === 61 + killed);
  });
});
