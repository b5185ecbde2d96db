/**
 * Test vectors made by others, which the repository does not carry. They are read from the folder
 * TUMAR_VECTORS names, or from shared/vectors beside the checkout; a test without its file is
 * reported as skipped, with one line that says where to get it.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { repositoryRoot } from "./repository.ts";

const { TUMAR_VECTORS } = process.env;
const folder = TUMAR_VECTORS ?? join(repositoryRoot, "..", "shared", "vectors");

/** One test over one file; `origin` is the public repository and path it comes from. */
export function itWithVectors(
  name: string,
  file: string,
  origin: string,
  check: (vectors: unknown) => void,
): void {
  const path = join(folder, file);
  const options = existsSync(path)
    ? {}
    : { skip: `get ${origin} as ${file} into ../shared/vectors, or set TUMAR_VECTORS` };
  it(name, options, () => check(JSON.parse(readFileSync(path, "utf8"))));
}
