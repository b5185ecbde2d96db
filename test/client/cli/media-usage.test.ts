/** What is typed wrong around media is refused before a vault is opened, with a code and a way on. */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { temporaryDirectory } from "../../support/relay.ts";
import { assertFails, tumar } from "./tumar-process.ts";

describe("media typed wrong", () => {
  it("is refused and nothing is opened", async (t) => {
    const folder = await temporaryDirectory(t);
    const [clip, missing] = [join(folder, "clip.webm"), join(folder, "missing")];
    writeFileSync(clip, "x");
    mkdirSync(join(folder, "clips"));
    const wrong: readonly (readonly [code: string, ...typed: string[]])[] = [
      ["USAGE", "send", "Bek", "a text", "--clip", clip],
      ["USAGE", "send", "Bek", "--clip", clip, "--photo", clip],
      ["USAGE", "send", "Bek", "--clip", clip, "--urgent"],
      ["USAGE", "send", "Bek", "a text", "--keep-metadata"],
      ["USAGE", "send", "Bek", "--photo", "-"],
      ["FILE_NOT_READ", "send", "Bek", "--file", missing],
      ["FILE_NOT_READ", "send", "Bek", "--file", folder],
      ["USAGE", "fetch", "--out", folder],
      ["USAGE", "fetch", "k4zxq2wm"],
      ["USAGE", "fetch", "k4zxq2wm", "--all", "--out", folder],
      ["USAGE", "fetch", "--all", "--out", clip],
      ["USAGE", "fetch", "--all", "--out", folder, "--preview"],
      ["FILE_NOT_WRITTEN", "fetch", "k4zxq2wm", "--out", join(missing, "clip.webm")],
    ];
    for (const [code, ...typed] of wrong) {
      assertFails(await tumar(...typed, "--json", "--vault", join(folder, "no-vault")), 2, code);
    }
    const vault = ["--json", "--vault", join(folder, "no-vault")];
    const right = await tumar("send", "Bek", "--clip", clip, ...vault);
    assertFails(right, 3, "VAULT_MISSING");
    assert.ok(!right.err.includes("\u001b"));
  });
});
