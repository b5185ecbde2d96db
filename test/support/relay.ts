/**
 * Relays for tests: in this process, or as a child process that can be killed.
 *
 * Port 0 and a fresh directory each; everything started here is closed by the test that started it.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { SettingValues } from "../../server/config-table.ts";
import { type Relay, type RelayOptions, startRelay } from "../../server/relay.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";
import { repositoryRoot } from "./repository.ts";

export type { Cleanup } from "./cleanup.ts";

export interface TestRelay extends Relay {
  readonly directory: string;
  /** Log lines so far. */
  readonly log: readonly string[];
  /** Called with each new line. */
  readonly logListeners: Set<(line: string) => void>;
}

/** In this process, closed when the test ends. */
export async function relayInProcess(
  test: Cleanup,
  config: Partial<SettingValues> = {},
  options: Omit<RelayOptions, "config"> = {},
): Promise<TestRelay> {
  const directory = config.DATA ?? (await temporaryDirectory(test));
  const log: string[] = [];
  const logListeners = new Set<(line: string) => void>();
  const write = (line: string) => {
    log.push(line);
    for (const listener of logListeners) listener(line);
  };
  const relay = await startRelay({
    log: { write },
    ...options,
    config: { PORT: 0, LOG_LEVEL: "debug", ...config, DATA: directory },
  });
  atEnd(test, () => relay.close());
  return { ...relay, directory, log, logListeners };
}

/** Resolves when a log line holds this text. */
export function logged({ log, logListeners }: TestRelay, text: string): Promise<void> {
  if (log.some((line) => line.includes(text))) return Promise.resolve();
  return new Promise((resolve) => {
    const listener = (line: string) => {
      if (!line.includes(text)) return;
      logListeners.delete(listener);
      resolve();
    };
    logListeners.add(listener);
  });
}

/** Removed when the test ends. */
export async function temporaryDirectory(test: Cleanup): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tumar-relay-"));
  atEnd(test, () => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface RelayProcess {
  readonly address: string;
  readonly port: number;
  readonly child: ChildProcess;
  /** stderr so far. */
  log(): string;
  /** Sends the signal; the exit code, or the signal it died of. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

export interface RelayProcessOptions {
  readonly directory: string;
  /** 0 picks one. */
  readonly port?: number;
  readonly settings?: Partial<SettingValues>;
}

/** `tumar relay` as a child process, once it is ready. Killed when the test ends. */
export async function relayProcess(
  test: Cleanup,
  { directory, port = 0, settings = {} }: RelayProcessOptions,
): Promise<RelayProcess> {
  const environment = Object.entries(settings).map(([name, value]) => [
    `TUMAR_RELAY_${name}`,
    String(value),
  ]);
  const { PATH } = process.env;
  const child = spawn(
    process.execPath,
    [relayScript, "--data", directory, "--port", String(port), "--json"],
    {
      env: { PATH, ...Object.fromEntries(environment) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const exit = once(child, "exit").then(([code, signal]) => code ?? signal);
  atEnd(test, async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const address = await Promise.race([
    firstAddress(child),
    exit.then((code) => Promise.reject(new Error(`the relay ended with ${code}: ${log}`))),
  ]);
  return {
    address,
    port: Number(new URL(address).port),
    child,
    log: () => log,
    end: (signal) => {
      child.kill(signal);
      return exit;
    },
  };
}

const relayScript = join(repositoryRoot, "dist", "test", "support", "relay-process.js");

async function firstAddress(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError("the relay has no stdout");
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, address } = JSON.parse(line) as { event: string; address: string };
    if (event === "ready") return address;
  }
  return await new Promise(() => undefined);
}
