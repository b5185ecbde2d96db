/** docs/CLI.md and README.md name what the command has: commands, options, fields and exit codes. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { EXIT } from "../../../client/cli/exit-codes.ts";
import { buildProgram } from "../../../client/cli/program.ts";
import { type OutputStream, Terminal } from "../../../client/cli/terminal.ts";
import { repositoryRoot } from "../../support/repository.ts";

const page = readFileSync(join(repositoryRoot, "docs", "CLI.md"), "utf8");
const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8");
const silent: OutputStream = { write: () => true, on: () => undefined };
const program = buildProgram(new Terminal(silent, silent), true);

describe("docs/CLI.md", () => {
  it("names every command and option", () => {
    for (const { options } of [program, ...program.commands]) {
      for (const { long } of options) {
        if (long !== "--version") assert.ok(page.includes(`${long}`), `${long} is missing`);
      }
    }
    for (const command of program.commands) {
      assert.match(page, new RegExp(`^\\| \`${command.name()}[ \`]`, "m"));
    }
  });

  it("has one row for every exit code", () => {
    const rows = [...page.matchAll(/^\| (\d) \| \S/gm)].map(([, exit]) => Number(exit));
    assert.deepEqual(rows, Object.values(EXIT));
  });
});

describe("README.md", () => {
  it("types only commands and options that exist", async () => {
    const lines = [...readme.matchAll(/^ {4}npx --no tumar (.*)$/gm)].map(([, line]) => line ?? "");
    assert.ok(lines.length >= 8);
    for (const command of program.commands) command.action(() => undefined);
    for (const line of lines) {
      const words = (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ""));
      await program.parseAsync(words, { from: "user" });
    }
  });
});
