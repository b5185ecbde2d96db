/**
 * client/core, client/media, client/net and client/vault are compiled without Node's types, their Node adapters
 * apart: what Node alone has does not exist for the compiler there.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Cleanup, temporaryDirectory } from "../support/relay.ts";
import { repositoryRoot } from "../support/repository.ts";

function compile(...given: readonly string[]): readonly string[] {
  const tsc = join(repositoryRoot, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, ...given], {
    cwd: repositoryRoot,
    encoding: "utf8",
    maxBuffer: 2 ** 24,
  });
  return stdout.split("\n").filter((line) => line !== "");
}

/** One line each of what only Node has. */
const PROBES = {
  "node modules": 'export { readFileSync as probe } from "node:fs";',
  "bare modules": 'export { EventEmitter as probe } from "events";',
  process: "export const probe: unknown = process.env;",
  Buffer: "export const probe: unknown = Buffer.alloc(1);",
  require: "export const probe: unknown = require;",
  __dirname: "export const probe: unknown = __dirname;",
  setImmediate: "export const probe: unknown = setImmediate;",
  "the NodeJS namespace": "export type Probe = NodeJS.Timeout;",
} as const;

/** Errors in a file for each probe, under the compiler options of `config`, Node's types being installed. */
async function faultsUnder(t: Cleanup, config: string): Promise<readonly string[]> {
  const directory = await temporaryDirectory(t);
  for (const [i, text] of Object.values(PROBES).entries()) {
    await writeFile(join(directory, `probe-${i}.ts`), `${text}\n`);
  }
  const settings = {
    extends: join(repositoryRoot, config),
    compilerOptions: {
      rootDir: directory,
      noEmit: true,
      typeRoots: [join(repositoryRoot, "node_modules", "@types")],
    },
    include: ["probe-*.ts"],
    references: [],
  };
  await writeFile(join(directory, "tsconfig.json"), JSON.stringify(settings));
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  return compile("-p", directory);
}

describe("client/core, client/media, client/net and client/vault without Node", () => {
  it("no file of their project brings Node's types in", () => {
    const files = compile("-p", "client/tsconfig.json", "--listFilesOnly");
    for (const part of [
      "client/core/client.ts",
      "client/net/browser-transport.ts",
      "client/vault/browser-storage.ts",
    ]) {
      assert.ok(
        files.some((file) => file.endsWith(`/${part}`)),
        part,
      );
    }
    const ours = files.filter((file) => file.includes("/client/"));
    assert.deepEqual(
      files.filter((file) => /\/@types\/node\/|\/undici-types\//.test(file)),
      [],
    );
    assert.deepEqual(
      ours.filter((file) => !/\/client\/(?:core|media|net|vault)\/(?!node\/)/.test(file)),
      [],
    );
  });

  it("what only Node has is unknown to the compiler there, and known in the Node adapters", async (t) => {
    const faults = await faultsUnder(t, "client/tsconfig.json");
    for (const [i, what] of Object.keys(PROBES).entries()) {
      const [fault, ...more] = faults.filter((line) => line.includes(`probe-${i}.ts`));
      assert.match(fault ?? "", /error TS(?:2307|2503|2580|2591|2304|2792)/, what);
      assert.deepEqual(more, [], what);
    }
    assert.equal(faults.length, Object.keys(PROBES).length, faults.join("\n"));
    assert.deepEqual(await faultsUnder(t, "client/tsconfig.node.json"), []);
  });
});
