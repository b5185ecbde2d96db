/**
 * Builds a page's scripts with Vite, from the TypeScript sources, and refuses what a browser lacks:
 * an import of a Node module anywhere below the entry ends the build.
 */

import { readdir, readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";
import { type Cleanup, temporaryDirectory } from "./relay.ts";
import { repositoryRoot } from "./repository.ts";

export interface Bundle {
  readonly directory: string;
  /** What a page loads first; the rest comes by `import()` when it is needed. */
  readonly script: string;
}

export interface BundleSize {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

const SCRIPT = "page.js";

/** `entry` is a path in the repository. Removed when the test ends. @throws on any Node import */
export async function bundle(test: Cleanup, entry: string): Promise<Bundle> {
  const directory = await temporaryDirectory(test);
  await build({
    configFile: false,
    envDir: false,
    publicDir: false,
    root: repositoryRoot,
    logLevel: "silent",
    plugins: [refuseNode()],
    build: {
      target: "esnext",
      outDir: directory,
      emptyOutDir: true,
      rolldownOptions: {
        input: join(repositoryRoot, entry),
        output: { entryFileNames: SCRIPT },
      },
    },
  });
  return { directory, script: SCRIPT };
}

export async function sizesOf({ directory }: Bundle): Promise<readonly BundleSize[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = files.map(async ({ name, parentPath }) => {
    const bytes = await readFile(join(parentPath, name));
    return { name, bytes: bytes.length, gzipBytes: gzipSync(bytes, { level: 9 }).length };
  });
  return Promise.all(sizes);
}

const NOTHING = "\0nothing";

/**
 * libsodium asks for Node's generator where `crypto.getRandomValues` is missing, which is in no
 * browser: that one call finds nothing.
 */
function refuseNode(): Plugin {
  return {
    name: "refuse-node",
    enforce: "pre",
    resolveId(specifier, importer = "") {
      if (!isBuiltin(specifier)) return null;
      if (specifier === "crypto" && importer.endsWith("/libsodium.mjs")) return NOTHING;
      return this.error(`${importer} imports ${specifier}, which no browser has`);
    },
    load: (id) => (id === NOTHING ? "export {};" : null),
  };
}
