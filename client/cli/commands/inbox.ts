/**
 * `tumar inbox`: fetches, then lists each message once. `--new` lists those not printed before and marks
 * each only after its line was taken; `--follow` stays until it is interrupted, and lists a clip, photo,
 * voice message or file once more when its state changes.
 */

import type { Command } from "commander";
import { toBase32 } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { Client } from "../../core/client.ts";
import type { ReceivedMedia, ReceivedMessage } from "../../core/types.ts";
import { changedMedia } from "../changed-media.ts";
import { EXIT, exitOf } from "../exit-codes.ts";
import { receivedText } from "../human-text.ts";
import { Invocation } from "../invocation.ts";
import { receivedJson } from "../json-shapes.ts";
import { examples, parseTimeout } from "../option-values.ts";
import { untilInterrupted } from "../signals.ts";
import type { Terminal } from "../terminal.ts";
import { watching } from "../watching.ts";
import { tellWay } from "../way.ts";

const DEFAULT_TIMEOUT_MS = 10_000;

interface InboxOptions {
  readonly new?: boolean;
  readonly follow?: boolean;
  readonly timeout?: number;
}

export function defineInbox(program: Command, terminal: Terminal): void {
  program
    .command("inbox")
    .description("fetch from the relay and list the messages, each once")
    .option("--new", "only those not listed by `inbox --new` before")
    .option("--follow", "stay and list messages as they come; Ctrl-C ends it")
    .option("--timeout <seconds>", "how long to try to reach a relay (default: 10)", parseTimeout)
    .addHelpText("after", examples("inbox --new", "inbox --new --follow --json"))
    .action((options: InboxOptions, command: Command) =>
      inbox(new Invocation(command, terminal), options),
    );
}

async function inbox(invocation: Invocation, options: InboxOptions): Promise<void> {
  await invocation.withClient(async (client) => {
    const list = new Listing(invocation, client, options.new === true);
    await watching(invocation, client, () =>
      options.follow === true
        ? follow(invocation, client, list)
        : listOnce(invocation, client, list, options.timeout ?? DEFAULT_TIMEOUT_MS),
    );
  });
}

/** Prints what is there whatever the relay says; only a relay out of reach is no failure. */
async function listOnce(
  invocation: Invocation,
  client: Client,
  list: Listing,
  timeoutMs: number,
): Promise<void> {
  invocation.terminal.progress("fetching …");
  const fault = await faultOf(client.sync({ timeoutMs }));
  await list.printStored();
  if (fault instanceof TumarError && exitOf(fault.code) === EXIT.network) {
    invocation.warn(fault.code, `${fault.message}; this is what was here already`);
  } else if (fault !== undefined) {
    throw fault;
  } else if (list.isEmpty) {
    invocation.remark("No messages.");
  }
}

async function follow(invocation: Invocation, client: Client, list: Listing): Promise<void> {
  await list.printStored();
  const stop = tellWay(invocation, client);
  try {
    await untilInterrupted(async (signal) => {
      client.start();
      const failing = new AbortController();
      const either = AbortSignal.any([signal, failing.signal]);
      const told = [printMessages(client, list, either), printChanges(client, list, either)];
      try {
        await Promise.all(told);
      } finally {
        failing.abort();
        await Promise.allSettled(told);
      }
    });
  } finally {
    stop();
  }
}

async function printMessages(client: Client, list: Listing, signal: AbortSignal): Promise<void> {
  for await (const message of client.messages({ signal })) {
    // It may have changed while it waited to be printed.
    await list.print(message.media === null ? message : await client.receivedMessage(message.id));
  }
}

async function printChanges(client: Client, list: Listing, signal: AbortSignal): Promise<void> {
  for await (const id of changedMedia(client, signal)) {
    if (list.hasPrinted(id)) await list.print(await client.receivedMessage(id));
  }
}

/** Prints each message once, media once for each state, and marks it afterwards when asked to. */
class Listing {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #onlyNew: boolean;
  /** By id what was printed last of it. */
  readonly #printed = new Map<string, string>();

  constructor(invocation: Invocation, client: Client, onlyNew: boolean) {
    this.#invocation = invocation;
    this.#client = client;
    this.#onlyNew = onlyNew;
  }

  get isEmpty(): boolean {
    return this.#printed.size === 0;
  }

  hasPrinted(id: Uint8Array): boolean {
    return this.#printed.has(toBase32(id));
  }

  async printStored(): Promise<void> {
    const messages = await this.#client.received({ onlyNew: this.#onlyNew });
    for (const message of messages) await this.print(message);
  }

  async print(message: ReceivedMessage): Promise<void> {
    const key = toBase32(message.id);
    const state = message.media === null ? "" : stateKey(message.media);
    if (this.#printed.get(key) === state) return;
    const { terminal } = this.#invocation;
    await this.#invocation.print(receivedJson(message), () => receivedText(message, terminal));
    const isFirst = !this.#printed.has(key);
    this.#printed.set(key, state);
    if (this.#onlyNew && isFirst) await this.#client.markShown(message.id);
  }
}

/** That a clip is some bytes further is no news. */
function stateKey({ state, cutOffAtMs }: ReceivedMedia): string {
  return `${state} ${cutOffAtMs ?? ""}`;
}

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (fault) {
    return fault;
  }
}
