/**
 * `tumar inbox`: fetches, then lists each message once. `--new` lists those not printed before and marks
 * each only after its line was taken; `--follow` stays until it is interrupted.
 */

import type { Command } from "commander";
import { toBase32 } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { Client } from "../../core/client.ts";
import type { ReceivedMessage } from "../../core/types.ts";
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
      for await (const message of client.messages({ signal })) await list.print(message);
    });
  } finally {
    stop();
  }
}

/** Prints each message once, and marks it afterwards when asked to. */
class Listing {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #onlyNew: boolean;
  readonly #printed = new Set<string>();

  constructor(invocation: Invocation, client: Client, onlyNew: boolean) {
    this.#invocation = invocation;
    this.#client = client;
    this.#onlyNew = onlyNew;
  }

  get isEmpty(): boolean {
    return this.#printed.size === 0;
  }

  async printStored(): Promise<void> {
    const messages = await this.#client.received({ onlyNew: this.#onlyNew });
    for (const message of messages) await this.print(message);
  }

  async print(message: ReceivedMessage): Promise<void> {
    const key = toBase32(message.id);
    if (this.#printed.has(key)) return;
    const { terminal } = this.#invocation;
    await this.#invocation.print(receivedJson(message), () => receivedText(message, terminal));
    this.#printed.add(key);
    if (this.#onlyNew) await this.#client.markShown(message.id);
  }
}

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (fault) {
    return fault;
  }
}
