/** `tumar contacts`: whom you added, and who wrote to you without being added. Works offline. */

import type { Command } from "commander";
import { contactText } from "../human-text.ts";
import { Invocation } from "../invocation.ts";
import { contactJson } from "../json-shapes.ts";
import { examples } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

export function defineContacts(program: Command, terminal: Terminal): void {
  program
    .command("contacts")
    .description("list your contacts, and those who wrote first")
    .addHelpText("after", examples("contacts", "contacts --json"))
    .action((_options: object, command: Command) => contacts(new Invocation(command, terminal)));
}

async function contacts(invocation: Invocation): Promise<void> {
  const all = await invocation.withClient((client) => client.contacts());
  for (const contact of all) {
    await invocation.print(contactJson(contact), () => contactText(contact, invocation.terminal));
  }
  if (all.length === 0) invocation.remark("Nobody yet. `tumar add CARD --as NAME` adds somebody.");
}
