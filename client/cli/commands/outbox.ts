/**
 * `tumar outbox`: what is written and not yet on a relay, and what each message waits for; offline.
 * `--follow` sends it and keeps the list current until everything has left; `--all` lists what has left too.
 */

import type { Command } from "commander";
import { Option } from "commander";
import { OutboxFollower } from "../follow-outbox.ts";
import { outboxText, outgoingText } from "../human-text.ts";
import { Invocation } from "../invocation.ts";
import { outboxJson, outgoingJson } from "../json-shapes.ts";
import { examples } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { watching } from "../watching.ts";

interface OutboxOptions {
  readonly all?: boolean;
  readonly follow?: boolean;
}

export function defineOutbox(program: Command, terminal: Terminal): void {
  program
    .command("outbox")
    .description("list what waits to be sent, and why it waits")
    .option("--all", "every message you sent, with its state")
    .addOption(
      new Option(
        "--follow",
        "send, and keep the list current until everything has left; Ctrl-C ends it",
      ).conflicts("all"),
    )
    .addHelpText("after", examples("outbox", "outbox --all --json", "outbox --follow"))
    .action((options: OutboxOptions, command: Command) =>
      outbox(new Invocation(command, terminal), options),
    );
}

async function outbox(invocation: Invocation, { all, follow }: OutboxOptions): Promise<void> {
  if (follow === true) return await followOutbox(invocation);
  if (all === true) return await listSent(invocation);
  const { items, expired } = await invocation.withClient(async (client) => ({
    items: await client.outbox(),
    expired: (await client.sent()).filter(({ state }) => state === "expired").length,
  }));
  const nowMs = Date.now();
  for (const item of items) {
    await invocation.print(outboxJson(item), () => outboxText(item, invocation.terminal, nowMs));
  }
  if (items.length === 0) invocation.remark("Nothing waits to be sent.");
  if (expired > 0) invocation.remark(`${expired} expired unsent: \`tumar outbox --all\`.`);
}

async function listSent(invocation: Invocation): Promise<void> {
  const messages = await invocation.withClient((client) => client.sent());
  for (const message of messages) {
    await invocation.print(outgoingJson(message), () => outgoingText(message, invocation.terminal));
  }
  if (messages.length === 0) invocation.remark("You have sent nothing yet.");
}

async function followOutbox(invocation: Invocation): Promise<void> {
  await invocation.withClient((client) =>
    watching(invocation, client, () => new OutboxFollower(invocation, client).run()),
  );
}
