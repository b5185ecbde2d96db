/**
 * Sealing and opening a file, ours beside `age`, each a process of its own, and the peak memory of both
 * over the size of the file (docs/BENCHMARKS.md). `node bench/seal.mjs`.
 */

import { execFileSync } from "node:child_process";
import { createHash, randomFillSync } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ratios, rounds, spread } from "./lib/measure.mjs";
import { BENCH } from "./lib/paths.mjs";
import { table } from "./lib/report.mjs";
import { measured, requireCommands } from "./seal/process.mjs";

const MB = 1_000_000;
const FULL = { rounds: 7, megabytes: 200, memory: [0, 20, 200, 1000] };
const QUICK = { rounds: 2, megabytes: 4, memory: [0, 2, 8] };
const WARM_UPS = 1;
const PROGRAM = join(BENCH, "seal", "tumar-file.mjs");

/** Random bytes: what a camera makes does not compress either. */
function makeFile(path, bytes) {
  const file = openSync(path, "w");
  const block = Buffer.alloc(MB);
  for (let left = bytes; left > 0; left -= block.length) {
    writeSync(file, randomFillSync(block), 0, Math.min(left, block.length));
  }
  closeSync(file);
}

function hashOf(path) {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  const block = Buffer.alloc(MB);
  for (let read = readSync(file, block); read > 0; read = readSync(file, block)) {
    hash.update(block.subarray(0, read));
  }
  closeSync(file);
  return hash.digest("hex");
}

/** A file through a contender and back: two samples; what comes back must be what went in. */
function passes(scratch) {
  const identity = join(scratch, "age.key");
  execFileSync("age-keygen", ["-o", identity], { stdio: "ignore" });
  const recipient = /age1\w+/.exec(readFileSync(identity, "utf8"))[0];
  const [store, sealed, back] = ["store", "sealed", "back"].map((name) => join(scratch, name));
  const run = (file, command, ...args) => measured(scratch, file, command, args);
  const contenders = {
    ours: (input) => {
      mkdirSync(store, { recursive: true });
      const nameOf = (output) => output.trim().split(" ");
      const file = (output) => join(store, nameOf(output)[0]);
      const seal = run(file, process.execPath, PROGRAM, "seal", input, store);
      const place = nameOf(seal.output);
      const open = run(() => back, process.execPath, PROGRAM, "open", store, ...place, back);
      return { seal, open };
    },
    peer: (input) => ({
      seal: run(() => sealed, "age", "-r", recipient, "-o", sealed, input),
      open: run(() => back, "age", "-d", "-i", identity, "-o", back, sealed),
    }),
  };
  const checked = (pass) => (input, hash) => {
    const samples = pass(input);
    if (hashOf(back) !== hash) throw new Error("what came back is not what went in");
    for (const path of [store, sealed, back]) rmSync(path, { recursive: true, force: true });
    return samples;
  };
  return { ours: checked(contenders.ours), peer: checked(contenders.peer) };
}

const sampleOf = (bytes, { wallMs, cpuMs }) => ({
  wallRate: bytes / wallMs / 1000,
  cpuRate: bytes / cpuMs / 1000,
});

async function ratesOf(pass, scratch, size) {
  const [input, bytes] = [join(scratch, "input"), size.megabytes * MB];
  makeFile(input, bytes);
  const hash = hashOf(input);
  const kept = await rounds(size.rounds, WARM_UPS, {
    ours: () => pass.ours(input, hash),
    peer: () => pass.peer(input, hash),
  });
  const results = {};
  for (const action of ["seal", "open"]) {
    const [ours, peer] = ["ours", "peer"].map((name) =>
      kept[name].map((one) => sampleOf(bytes, one[action])),
    );
    const fields = (samples) => ({
      wallRate: spread(samples, "wallRate"),
      cpuRate: spread(samples, "cpuRate"),
    });
    results[action] = {
      ours: fields(ours),
      peer: fields(peer),
      wallRatio: ratios(ours, peer, "wallRate"),
      cpuRatio: ratios(ours, peer, "cpuRate"),
    };
  }
  return results;
}

function memoryOf(pass, scratch, size) {
  return size.memory.map((megabytes) => {
    const input = join(scratch, "input");
    makeFile(input, Math.max(1, megabytes * MB));
    const hash = hashOf(input);
    const peaks = ({ seal, open }) => ({ seal: seal.peakMiB, open: open.peakMiB });
    const [ours, peer] = [peaks(pass.ours(input, hash)), peaks(pass.peer(input, hash))];
    return { megabytes, ours, peer };
  });
}

export async function sealBench(isQuick) {
  requireCommands(["age", "--version"], ["/usr/bin/time", "--version"]);
  const size = isQuick ? QUICK : FULL;
  const scratch = mkdtempSync(join(tmpdir(), "tumar-bench-seal-"));
  try {
    const pass = passes(scratch);
    return {
      rounds: size.rounds,
      megabytes: size.megabytes,
      age: execFileSync("age", ["--version"], { encoding: "utf8" }).trim(),
      rates: await ratesOf(pass, scratch, size),
      memory: memoryOf(pass, scratch, size),
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const range = ({ median, least, most }, digits = 0) =>
  `${median.toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;

export function sealReport({ rounds: count, megabytes, age, rates, memory }) {
  const rateRow = ([action, { ours, peer, wallRatio, cpuRatio }]) => [
    action,
    range(ours.wallRate),
    range(peer.wallRate),
    range(wallRatio, 2),
    range(ours.cpuRate),
    range(peer.cpuRate),
    range(cpuRatio, 2),
  ];
  const memoryRow = ({ megabytes: size, ours, peer }) => [
    size === 0 ? "1 byte" : `${size} MB`,
    ...[ours.seal, ours.open, peer.seal, peer.open].map((peak) => peak.toFixed(1)),
  ];
  return [
    `## Sealing a file of ${megabytes} MB, beside age ${age}`,
    "",
    `MB/s, processes from start to end with what they wrote on the disk; median of ${count} rounds (least to most).`,
    "",
    table(
      ["", "tumar, wall", "age, wall", "ratio", "tumar, CPU", "age, CPU", "ratio"],
      Object.entries(rates).map(rateRow),
    ),
    "",
    "Peak memory of the process, MiB, by the size of the file:",
    "",
    table(["file", "tumar seals", "tumar opens", "age seals", "age opens"], memory.map(memoryRow)),
  ].join("\n");
}
