/**
 * `npm test`: lint, then every test. The unit tests of shared/ and server/ run under coverage, which
 * must reach 95 % of lines in shared/ and server/store; stories and browsers run without it.
 * `npm test -- PATTERN` runs only the test files whose path holds PATTERN, each in a process of its own,
 * without lint and coverage.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tumar-test-"));
const bin = (...parts) => join(root, "node_modules", ...parts);
const failures = [];
let runs = 0;

function run(what, args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) failures.push(what);
}

function testFiles() {
  return readdirSync(join(root, "dist", "test"), { recursive: true })
    .filter((name) => name.endsWith(".test.js"))
    .map((name) => join("dist", "test", name))
    .sort();
}

/**
 * Half of what a small test file costs is the start of its process: neighbours in these folders share one.
 * A file with hooks outside every `describe` keeps its own, since they would be hooks of its neighbours too.
 */
const SHARING = /^dist\/test\/(adversary|client\/core|client\/net|server|shared|vectors)\//;
const HOOK_OF_A_FILE = /^(before|after)(Each)?\(/m;
const MOST_IN_ONE = 8;

function mayShare(file) {
  return SHARING.test(file) && !HOOK_OF_A_FILE.test(readFileSync(join(root, file), "utf8"));
}

/** Of files in one folder: the file to run for each `MOST_IN_ONE` of them. */
function sharedProcesses(folder, files) {
  const name = relative(join("dist", "test"), folder).replaceAll("/", "-");
  const count = Math.ceil(files.length / MOST_IN_ONE);
  return Array.from({ length: count }, (_, i) => {
    const path = join(scratch, `${name}-${i + 1}.mjs`);
    const own = files.filter((_, at) => at % count === i);
    const urls = own.map((file) => pathToFileURL(join(root, file)).href);
    writeFileSync(path, urls.map((url) => `import ${JSON.stringify(url)};\n`).join(""));
    return path;
  });
}

/** What to run, so that each of these files runs once. */
function inProcesses(files) {
  const byFolder = new Map();
  for (const file of files.filter(mayShare)) {
    const folder = dirname(file);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), file]);
  }
  const alone = files.filter((file) => !mayShare(file));
  return [...alone, ...[...byFolder].flatMap(([folder, own]) => sharedProcesses(folder, own))];
}

/** The spec reporter for people, and counts into a file for the last line. */
function nodeTest(files) {
  runs += 1;
  return [
    "--enable-source-maps",
    "--test",
    "--test-concurrency=2",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${join(root, "scripts", "count-reporter.mjs")}`,
    `--test-reporter-destination=${join(scratch, `count-${runs}.json`)}`,
    ...files,
  ];
}

function withCoverage(args) {
  return [
    bin("c8", "bin", "c8.js"),
    "--all",
    "--exclude-after-remap",
    "--include=shared/**",
    "--include=server/store/**",
    "--check-coverage",
    "--lines=95",
    "--reporter=text-summary",
    "--reporter=html",
    process.execPath,
    ...args,
  ];
}

function totals() {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (let i = 1; i <= runs; i++) {
    const file = join(scratch, `count-${i}.json`);
    const counts = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
    for (const key of Object.keys(sum)) sum[key] += counts[key] ?? 0;
  }
  return sum;
}

const pattern = process.argv[2];
const files = testFiles();
if (pattern !== undefined) {
  run("tests", nodeTest(files.filter((file) => file.includes(pattern))));
} else {
  const isUnit = (file) => /^dist\/test\/(shared|server|vectors|fuzz)\//.test(file);
  run("lint", [bin("@biomejs", "biome", "bin", "biome"), "check", "--error-on-warnings", "."]);
  run("unit tests or their coverage", withCoverage(nodeTest(inProcesses(files.filter(isUnit)))));
  run("stories", nodeTest(inProcesses(files.filter((file) => !isUnit(file)))));
}
const sum = totals();
rmSync(scratch, { recursive: true, force: true });
if (failures.length > 0) process.stdout.write(`\nNot green: ${failures.join("; ")}\n`);
process.stdout.write(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
