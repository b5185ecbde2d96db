/**
 * The relay has no code that could decrypt: both the compiler and the linter refuse an import of
 * shared/e2ee from server/, and the linter refuses the other wrong directions, `import()` included.
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repositoryRoot } from "../support/repository.ts";

let tree = "";

before(() => {
  tree = mkdtempSync(join(tmpdir(), "tumar-boundary-"));
  const listed = execFileSync(
    "git",
    [
      "ls-files",
      "-z",
      "--cached",
      "--others",
      "--exclude-standard",
      "shared",
      "server",
      "client",
      "*.json",
    ],
    { cwd: repositoryRoot, encoding: "utf8" },
  );
  for (const file of listed.split("\0")) {
    const source = join(repositoryRoot, file);
    if (file !== "" && existsSync(source)) cpSync(source, join(tree, file));
  }
  symlinkSync(join(repositoryRoot, "node_modules"), join(tree, "node_modules"));
  execFileSync("git", ["init", "-q"], { cwd: tree });
});

after(() => rmSync(tree, { recursive: true, force: true }));

function compile(project: string): { readonly status: number | null; readonly output: string } {
  const tsc = join(repositoryRoot, "node_modules", "typescript", "bin", "tsc");
  const result = spawnSync(process.execPath, [tsc, "-b", project], { cwd: tree, encoding: "utf8" });
  return { status: result.status, output: result.stdout + result.stderr };
}

/** One run of the linter for all of them: it reads the whole tree each time. */
function lint(...files: string[]): { readonly status: number | null; readonly output: string } {
  const biome = join(repositoryRoot, "node_modules", "@biomejs", "biome", "bin", "biome");
  const options = ["--error-on-warnings", "--reporter=concise", "--max-diagnostics=none"];
  const result = spawnSync(process.execPath, [biome, "lint", ...options, ...files], {
    cwd: tree,
    encoding: "utf8",
  });
  return { status: result.status, output: result.stdout + result.stderr };
}

const WRONG_IMPORTS = [
  ["server", "../shared/e2ee/card.ts"],
  ["server", "../client/core/client.ts"],
  ["shared/wire", "../e2ee/card.ts"],
  ["shared/e2ee", "../wire/frames.ts"],
  ["shared/crypto", "../wire/frames.ts"],
  ["client/core", "../../server/relay.ts"],
  ["client/net", "libsodium-wrappers"],
  ["shared/e2ee", "libsodium-wrappers"],
] as const;

describe("server/ cannot import shared/e2ee/", () => {
  it("the untouched tree compiles and lints", () => {
    assert.deepEqual(compile("server"), { status: 0, output: "" });
    const { status, output } = lint("server");
    assert.equal(status, 0, output);
  });

  it("the compiler refuses it", () => {
    const probe = join(tree, "server", "probe.ts");
    writeFileSync(probe, 'import "../shared/e2ee/card.ts";\n');
    const { status, output } = compile("server");
    rmSync(probe);
    assert.notEqual(status, 0);
    assert.match(output, /server\/probe\.ts.*e2ee\/card\.ts/s);
  });

  it("the linter refuses all wrong directions, also by import()", () => {
    const probes = WRONG_IMPORTS.flatMap(([place, specifier], i) => {
      mkdirSync(join(tree, place), { recursive: true });
      return [
        `import "${specifier}";\n`,
        `export const late: Promise<unknown> = import("${specifier}");\n`,
      ].map((text, at) => {
        const name = `${place}/probe-${i}-${at}.ts`;
        writeFileSync(join(tree, name), text);
        return { name, text };
      });
    });
    const { status, output } = lint(...probes.map(({ name }) => name));
    for (const { name } of probes) rmSync(join(tree, name));
    assert.notEqual(status, 0);
    const lines = output.split("\n");
    for (const { name, text } of probes) {
      const isRefused = (line: string) =>
        line.includes(name) && line.includes("noRestrictedImports");
      assert.ok(lines.some(isRefused), `${name} passed: ${text}${output}`);
    }
  });
});
