/**
 * A Chromium with a profile on disk that can be killed like a phone whose battery is pulled:
 * SIGKILL to the browser and all its processes, then another one on the same profile.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type BrowserContext, chromium } from "playwright-core";
import { CHROMIUM_ARGUMENTS, chromiumPath } from "./browser.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";

export interface BrowserProcess {
  /** The profile's own, kept on disk. */
  readonly context: BrowserContext;
  /** Resolves when the process is gone. */
  kill(): Promise<void>;
}

/** Killed when the test ends. `profile` is a directory. */
export async function browserProcess(test: Cleanup, profile: string): Promise<BrowserProcess> {
  const child = spawn(
    chromiumPath(),
    [...CHROMIUM_ARGUMENTS, "--remote-debugging-port=0", `--user-data-dir=${profile}`],
    // What a killed browser leaves in TMPDIR goes with the profile.
    {
      detached: true,
      env: { ...process.env, TMPDIR: profile },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const exit = once(child, "exit");
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) killGroup(child);
    await exit;
  };
  atEnd(test, kill);
  const browser = await chromium.connectOverCDP(await debuggingAddress(child));
  const [context] = browser.contexts();
  if (context === undefined) throw new TypeError("the browser has no context");
  return { context, kill };
}

/** A detached child leads a group of its own: renderers and helpers die with it. */
function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
}

async function debuggingAddress({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new TypeError("the browser has no stderr");
  const seen: string[] = [];
  for await (const line of createInterface({ input: stderr })) {
    const address = /^DevTools listening on (ws:.*)$/.exec(line)?.[1];
    if (address !== undefined) {
      stderr.resume();
      return address;
    }
    seen.push(line);
  }
  throw new Error(`the browser ended: ${seen.join("\n")}`);
}
