/** Runs a command and measures it: wall time, CPU time of its threads, peak memory (GNU time). */

import { execFileSync } from "node:child_process";
import { closeSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

const TIME = "/usr/bin/time";

/** `file` is durable when it is over: a command that does not see to that has it done for it, on its time. */
export function measured(scratch, file, command, args) {
  const report = `${scratch}/time`;
  const format = ["-q", "-o", report, "-f", "%U %S %M"];
  const start = performance.now();
  const output = execFileSync(TIME, [...format, command, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const handle = openSync(file(output), "r");
  fsyncSync(handle);
  closeSync(handle);
  const wallMs = performance.now() - start;
  const [user, system, peakKiB] = readFileSync(report, "utf8").trim().split(" ").map(Number);
  return { output, wallMs, cpuMs: (user + system) * 1000, peakMiB: peakKiB / 1024 };
}

/** Says what is missing before anything is measured. */
export function requireCommands(...commands) {
  for (const [command, ...args] of commands) {
    try {
      execFileSync(command, args, { stdio: "ignore" });
    } catch (cause) {
      throw new Error(`bench seal needs ${command}: apt-get install age time`, { cause });
    }
  }
}
