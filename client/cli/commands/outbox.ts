/** `tumar outbox`: what is written and not yet on a relay, and what each message waits for. Works offline. */

import type { Command } from "commander";
import { outboxText } from "../human-text.ts";
import { Invocation } from "../invocation.ts";
import { outboxJson } from "../json-shapes.ts";
import { examples } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

export function defineOutbox(program: Command, terminal: Terminal): void {
  program
    .command("outbox")
    .description("list what waits to be sent, and why it waits")
    .addHelpText("after", examples("outbox", "outbox --json"))
    .action((_options: object, command: Command) => outbox(new Invocation(command, terminal)));
}

async function outbox(invocation: Invocation): Promise<void> {
  const items = await invocation.withClient((client) => client.outbox());
  for (const item of items) {
    await invocation.print(outboxJson(item), () => outboxText(item, invocation.terminal));
  }
  if (items.length === 0) invocation.remark("Nothing waits to be sent.");
}
