/** A fetched file stands where it was wanted, whole, and over nothing; a killed one leaves nothing. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fetchTarget, markedName, writeInto } from "../../../client/cli/fetched-file.ts";
import { safeName } from "../../../client/media/safe-name.ts";
import { temporaryDirectory } from "../../support/relay.ts";

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const NEW = { isForced: false };
const FORCED = { isForced: true };
const refused = { code: "FILE_NOT_WRITTEN" };

describe("fetched file", () => {
  it("is whole, private, and the only thing left in its folder", async (t) => {
    const folder = await temporaryDirectory(t);
    const written = await writeInto(folder, "clip.webm", pieces("seen ", "at gate 12"), NEW);
    assert.deepEqual(written, { path: join(folder, "clip.webm"), bytes: 15 });
    assert.equal(readFileSync(written.path, "utf8"), "seen at gate 12");
    assert.equal(statSync(written.path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ["clip.webm"]);
  });

  it("is never written over anything, unless forced", async (t) => {
    const folder = await temporaryDirectory(t);
    writeFileSync(join(folder, "here"), "old");
    await assert.rejects(writeInto(folder, "here", pieces("new"), NEW), refused);
    assert.equal(readFileSync(join(folder, "here"), "utf8"), "old");
    await writeInto(folder, "here", pieces("new"), FORCED);
    assert.equal(readFileSync(join(folder, "here"), "utf8"), "new");
    assert.deepEqual(readdirSync(folder), ["here"]);
  });

  it("appears over nothing that came while it was written", async (t) => {
    const folder = await temporaryDirectory(t);
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("new");
      writeFileSync(join(folder, "clip"), "came between");
    }
    await assert.rejects(writeInto(folder, "clip", slow(), NEW), refused);
    assert.equal(readFileSync(join(folder, "clip"), "utf8"), "came between");
    assert.deepEqual(readdirSync(folder), ["clip"]);
  });

  it("follows no link in the way", async (t) => {
    const folder = await temporaryDirectory(t);
    const outside = join(await temporaryDirectory(t), "outside");
    writeFileSync(outside, "precious");
    for (const [name, aim] of [
      ["aims", outside],
      ["dangles", join(folder, "nowhere")],
    ] as const) {
      const path = join(folder, name);
      symlinkSync(aim, path);
      await assert.rejects(writeInto(folder, name, pieces("new"), NEW), refused);
      assert.equal(readlinkSync(path), aim);
      await writeInto(folder, name, pieces("new"), FORCED);
      assert.equal(statSync(path).isFile(), true);
    }
    assert.equal(readFileSync(outside, "utf8"), "precious");
    assert.deepEqual(readdirSync(folder), ["aims", "dangles"]);
  });

  it("stays in its folder, whatever the sender called it", async (t) => {
    const [parent, folder] = [await temporaryDirectory(t), "inner"];
    const inner = join(parent, folder);
    mkdirSync(inner);
    const evil = ["../x", "..", "/etc/passwd", "a\\..\\b", ".bashrc", "\u0000", "-rf", "con.txt"];
    const names = fc.oneof(fc.constantFrom(...evil), fc.string({ unit: "binary" }));
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const { path } = await writeInto(inner, safeName(name, "clip"), pieces("x"), FORCED);
        assert.equal(join(inner, readdirSync(inner)[0] ?? ""), path);
        rmSync(path);
      }),
      { numRuns: 60 },
    );
    assert.deepEqual(readdirSync(parent), [folder]);
    for (const name of ["../x", "a/b", "..", ".", ""]) {
      await assert.rejects(writeInto(inner, name, pieces("x"), FORCED), refused);
    }
  });

  it("leaves nothing when its source fails, and says why", async (t) => {
    const folder = await temporaryDirectory(t);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new RangeError("the source failed");
    }
    await assert.rejects(writeInto(folder, "clip", failing(), NEW), /the source failed/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it("clears away what a killed fetch left, and nothing of one that lives", async (t) => {
    const folder = await temporaryDirectory(t);
    const { pid: dead } = spawnSync(process.execPath, ["--version"]);
    const random = "0123456789abcdef";
    const living = `.tumar-fetch-${process.pid}-${random}.part`;
    const others = [living, ".tumar-fetch-notes", "keep"];
    for (const name of [`.tumar-fetch-${dead}-${random}.part`, ...others]) {
      writeFileSync(join(folder, name), "half");
    }
    await writeInto(folder, "clip", pieces("x"), NEW);
    assert.deepEqual(readdirSync(folder).sort(), [...others, "clip"].sort());
  });
});

describe("where to", () => {
  it("a folder, a file, or standard output", async (t) => {
    const folder = await temporaryDirectory(t);
    assert.deepEqual(await fetchTarget("-"), { kind: "stdout" });
    assert.deepEqual(await fetchTarget(folder), { kind: "folder", folder });
    const file = await fetchTarget(join(folder, "x.webm"));
    assert.deepEqual(file, { kind: "file", folder, name: "x.webm" });
    for (const nowhere of [join(folder, "no", "x"), `${folder}/no/`, `${folder}/no/..`]) {
      await assert.rejects(fetchTarget(nowhere), refused);
    }
  });

  it("the gap is in the name, before what says its type", () => {
    assert.equal(markedName("clip.webm", "cut-off-at-0m41s"), "clip.cut-off-at-0m41s.webm");
    assert.equal(markedName("clip", "cut-off-at-0m41s"), "clip.cut-off-at-0m41s");
    assert.equal(markedName(".webm", "x"), ".webm.x");
  });
});
