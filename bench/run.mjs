/**
 * `npm run bench`: every bench, or those named (`npm run bench -- session`). Installs what bench/
 * alone needs, builds, measures, and writes bench/results/<date>-<commit>.json and .md. `--quick`
 * only shows that everything runs: its figures mean nothing, and nothing is written.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commit, machine } from "./lib/machine.mjs";
import { BENCH, ROOT } from "./lib/paths.mjs";

/** File and the prefix of its two exports. */
const BENCHES = ["session", "relay", "network", "seal", "upload"];

function run(command, args, cwd) {
  const { status } = spawnSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`\`${command} ${args.join(" ")}\` failed in ${cwd}`);
}

/** The peers go into bench/node_modules, never into the main tree. */
function install() {
  const stamp = join(BENCH, "node_modules", ".tumar-lockfile");
  const lockfile = readFileSync(join(BENCH, "package-lock.json"));
  const hash = createHash("sha256").update(lockfile).update(process.version).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  console.error("bench: installing the peers ...");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], BENCH);
  writeFileSync(stamp, hash);
}

function build() {
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  if (existsSync(compiler)) run(process.execPath, [compiler, "-b"], ROOT);
  else run(process.execPath, [join(ROOT, "scripts", "prepare.mjs")], ROOT);
}

function page(at, where, reports) {
  const { cpu, cores, memoryGiB, system, node, load } = where.machine;
  return [
    `# Benchmarks, ${at.slice(0, 10)}, commit ${where.commit}`,
    "",
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}; load at the start ${load.toFixed(2)}.`,
    "Written by `npm run bench`; docs/BENCHMARKS.md says what is measured.",
    "",
    reports.join("\n\n"),
    "",
  ].join("\n");
}

async function measure(names, isQuick) {
  const results = {};
  const reports = [];
  for (const name of names) {
    console.error(`bench: ${name} ...`);
    const bench = await import(`./${name}.mjs`);
    results[name] = await bench[`${name}Bench`](isQuick);
    const report = bench[`${name}Report`](results[name]);
    console.log(`${report}\n`);
    reports.push(report);
  }
  return { results, reports };
}

async function main(given) {
  const isQuick = given.includes("--quick");
  const named = given.filter((name) => name !== "--quick");
  const unknown = named.filter((name) => !BENCHES.includes(name));
  if (unknown.length > 0) {
    console.error(`bench: no ${unknown.join(", ")}; there is ${BENCHES.join(", ")}`);
    process.exitCode = 2;
    return;
  }
  install();
  build();
  const names = named.length > 0 ? named : BENCHES;
  const where = { machine: machine(), commit: commit() };
  const { results, reports } = await measure(names, isQuick);
  if (isQuick) return;
  const at = new Date().toISOString();
  const part = named.length > 0 ? `-${named.join("-")}` : "";
  const file = join(BENCH, "results", `${at.slice(0, 10)}-${where.commit}${part}`);
  mkdirSync(join(BENCH, "results"), { recursive: true });
  writeFileSync(`${file}.json`, `${JSON.stringify({ at, ...where, ...results }, null, 2)}\n`);
  writeFileSync(`${file}.md`, page(at, where, reports));
  console.error(`bench: wrote ${file}.json and .md`);
}

await main(process.argv.slice(2));
