/**
 * Runs `tumar` as people and scripts do: a process of its own, with its own stdout and stderr. Keys are
 * derived quickly in it, except in `tumarWithArgon2id`: half of what a command costs is Argon2id.
 */

import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { repositoryRoot } from "../../support/repository.ts";

export const tumarPath: string = join(repositoryRoot, "dist", "bin", "tumar.js");
/** Node's arguments for `tumar` with keys derived quickly. */
export const quickTumar: readonly string[] = [
  "--import",
  new URL("../../support/quick-derive-preload.js", import.meta.url).href,
  tumarPath,
];

export interface Outcome {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

export interface ErrorLine {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

const children = new Set<ChildProcessWithoutNullStreams>();

/** A test that failed leaves nothing running. */
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** A session of its own has no controlling terminal: nothing can ask the person who runs the tests. */
export function startTumar(...typed: readonly string[]): ChildProcessWithoutNullStreams {
  return start([...quickTumar, ...typed], process.env);
}

function start(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [...args], { detached: true, env });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

export async function tumar(...typed: readonly string[]): Promise<Outcome> {
  return await tumarWith("", ...typed);
}

/** As it is: nothing stands in for Argon2id. */
export async function tumarWithArgon2id(...typed: readonly string[]): Promise<Outcome> {
  const child = start([tumarPath, ...typed], process.env);
  child.stdin.end();
  return await outcome(child);
}

/** With this text on standard input. */
export async function tumarWith(input: string, ...typed: readonly string[]): Promise<Outcome> {
  const child = startTumar(...typed);
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  return await outcome(child);
}

/** With these variables beside those of the tests. */
export async function tumarWithin(
  variables: Readonly<Record<string, string>>,
  ...typed: readonly string[]
): Promise<Outcome> {
  const child = start([...quickTumar, ...typed], { ...process.env, ...variables });
  child.stdin.end();
  return await outcome(child);
}

export async function outcome(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const [out, err] = [collected(child.stdout), collected(child.stderr)];
  const [exit] = (await once(child, "close")) as [number | null];
  return { exit, out: out.text, err: err.text };
}

/** The objects on stdout, one per line. */
export function jsonLines<T>({ out }: Outcome): T[] {
  const lines = out.split("\n");
  assert.equal(lines.pop(), "", "stdout ends with a line end, or is empty");
  return lines.map((line) => JSON.parse(line) as T);
}

/** The one object on stdout of a command that must succeed. */
export function result<T>(outcome: Outcome): T {
  assert.equal(outcome.exit, 0, outcome.err);
  const [only, second] = jsonLines<T>(outcome);
  assert.ok(only !== undefined && second === undefined, "one object on stdout");
  return only;
}

/** A failure told as JSON: its exit code, the code, and nothing on stdout. */
export function assertFails(outcome: Outcome, exit: number, code: string): void {
  const told = outcome.err.trimEnd().split("\n").at(-1) ?? "";
  assert.equal(outcome.exit, exit, outcome.err);
  const { error } = JSON.parse(told) as ErrorLine;
  assert.equal(error.code, code, error.message);
  assert.notEqual(error.message, "");
  assert.notEqual(error.hint, "");
  assert.equal(outcome.out, "");
}

export interface RelayProcess {
  readonly address: string;
  readonly port: string;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
}

/** `tumar relay` on a free port, or on the one given; settings as in docs/OPERATIONS.md. */
export async function startRelay(
  data: string,
  port = "0",
  settings: Readonly<Record<string, string>> = {},
): Promise<RelayProcess> {
  const args = [tumarPath, "relay", "--data", data, "--port", port, "--json"];
  const child = start(args, { ...process.env, ...settings });
  const err = collected(child.stderr);
  const closed = once(child, "close") as Promise<[number | null]>;
  const ready = once(createInterface({ input: child.stdout }), "line") as Promise<[string]>;
  const line = await Promise.race([ready.then(([text]) => text), closed.then(() => undefined)]);
  assert.ok(line !== undefined, `the relay ended: ${err.text}`);
  const { event, address } = JSON.parse(line) as { event: string; address: string };
  assert.equal(event, "ready");
  return {
    address,
    port: new URL(address).port,
    stop: async () => {
      child.kill("SIGTERM");
      return (await closed)[0];
    },
  };
}

function collected(stream: NodeJS.ReadableStream): { text: string } {
  const collector = { text: "" };
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    collector.text += chunk;
  });
  return collector;
}
