/** `--help` of every command has an example that can be typed, and costs next to nothing to show. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import type { Command } from "commander";
import { buildProgram } from "../../../client/cli/program.ts";
import { type OutputStream, Terminal } from "../../../client/cli/terminal.ts";
import { tumar, tumarPath } from "./tumar-process.ts";

const NAMES = [
  "relay",
  "init",
  "relays",
  "card",
  "add",
  "verify",
  "contacts",
  "send",
  "inbox",
  "fetch",
  "read",
  "sync",
  "outbox",
];

/** Refuses every module that only work needs. */
const HEAVY = "libsodium|hash-wasm|@inquirer|qrcode|fastify|better-sqlite3|server/|core/client";
const hook = `export async function resolve(specifier, context, next) {
  if (new RegExp("${HEAVY}").test(specifier)) throw new Error("loaded " + specifier);
  return next(specifier, context);
}`;
const refuseHeavy = `data:text/javascript,${encodeURIComponent(
  `import { register } from "node:module";
   register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));`,
)}`;

/** The words of a shell line, quotes taken off, redirections left out. */
function words(line: string): string[] {
  const [typed = ""] = line.split(" < ");
  return (typed.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, "$1"));
}

function examplesIn(help: string): string[] {
  return [...help.matchAll(/^ {2}(?:\$ )?tumar (.*)$/gm)].map(([, line]) => line ?? "");
}

const silent: OutputStream = { write: () => true, on: () => undefined };

/** Parses without doing: the same tree with actions that do nothing. */
async function parses(line: string): Promise<void> {
  const program = buildProgram(new Terminal(silent, silent), true);
  const idle = (command: Command): void => {
    command.action(() => undefined);
    command.commands.forEach(idle);
  };
  program.commands.forEach(idle);
  await program.parseAsync(words(line), { from: "user" });
}

describe("--help", () => {
  it("lists every command of the contract", () => {
    const program = buildProgram(new Terminal(silent, silent), false);
    assert.deepEqual(
      program.commands.map((command) => command.name()),
      NAMES,
    );
  });

  for (const name of NAMES) {
    it(`of ${name} is on stdout, with an example that parses`, async () => {
      const { exit, out, err } = await tumar(name, "--help");
      assert.deepEqual([exit, err], [0, ""]);
      const examples = examplesIn(out);
      assert.notEqual(examples.length, 0, out);
      for (const line of examples) {
        assert.equal(words(line)[0], name);
        await parses(line);
      }
    });
  }

  it("loads nothing that only work needs", () => {
    for (const typed of [["--help"], ["send", "--help"], ["--version"], ["nonsense"]]) {
      const args = ["--import", refuseHeavy, tumarPath, ...typed];
      const { stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      assert.doesNotMatch(stderr, /loaded /);
    }
    const { stderr } = spawnSync(
      process.execPath,
      ["--import", refuseHeavy, tumarPath, "relay", "--help"],
      { encoding: "utf8" },
    );
    assert.match(stderr, /loaded .*server\/main/);
  });
});
