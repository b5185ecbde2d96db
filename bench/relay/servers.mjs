/** The two servers under load, each a child process, and the CPU time they have used. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { BENCH } from "../lib/paths.mjs";

/** Limits that protect a relay from one client; here one address is all clients. */
const NO_LIMITS = {
  TUMAR_RELAY_CONNECTIONS_PER_ADDRESS: "1000",
  TUMAR_RELAY_FRAMES_PER_SECOND: "100000",
  TUMAR_RELAY_BYTES_PER_SECOND: "1000000000",
  TUMAR_RELAY_LOG_LEVEL: "warn",
};

export async function startServer(args, env) {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    exit.then(([code]) => Promise.reject(new Error(`a server ended with ${code}`))),
  ]);
  const end = async (signal) => {
    child.kill(signal);
    await exit;
  };
  return { address: JSON.parse(line).address, pid: child.pid, end };
}

/** On the disk the repository is on, not in a temporary folder that may be memory. */
export function newDirectory() {
  const data = join(BENCH, "data");
  mkdirSync(data, { recursive: true });
  return mkdtempSync(join(data, "relay-"));
}

export async function startRelay(nodeOptions = []) {
  const directory = newDirectory();
  const script = join(BENCH, "relay", "relay-process.mjs");
  const args = [...nodeOptions, script, "--data", directory, "--port", "0", "--json"];
  const relay = await startServer(args, NO_LIMITS).catch((error) => {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  return {
    ...relay,
    end: async () => {
      await relay.end("SIGTERM");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function startForwarder() {
  const forwarder = await startServer([join(BENCH, "peers", "ws-forwarder.mjs")], {});
  return { ...forwarder, end: () => forwarder.end("SIGKILL") };
}

const TICKS_PER_SECOND = 100;

/** Seconds of CPU, user and system, of all threads; NaN where there is no /proc. */
export function cpuSecondsOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}
