/** `tumar add`: gives a local name to a card, or to somebody who wrote first. Works offline. */

import type { Command } from "commander";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { Client } from "../../core/client.ts";
import type { Contact } from "../../core/types.ts";
import { contactText } from "../human-text.ts";
import { readText } from "../input.ts";
import { Invocation } from "../invocation.ts";
import { contactJson } from "../json-shapes.ts";
import { examples } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

interface AddOptions {
  readonly as: string;
  readonly identity?: string;
}

export function defineAdd(program: Command, terminal: Terminal): void {
  program
    .command("add")
    .description("add somebody by their card, or name somebody who wrote first")
    .argument("[card]", "their card; - reads it from standard input")
    .requiredOption("--as <name>", "the name you give them; only you see it")
    .option("--identity <prefix>", "name somebody who wrote first, by how their identity begins")
    .addHelpText(
      "after",
      examples(
        "add 'https://relay.example/c#1AAAAAAAA' --as Bek",
        "add --identity k4zxq2wm7d3hnb5t --as Bek",
      ),
    )
    .action((card: string | undefined, options: AddOptions, command: Command) =>
      add(new Invocation(command, terminal), card, options),
    );
}

async function add(
  invocation: Invocation,
  card: string | undefined,
  { as: name, identity }: AddOptions,
): Promise<void> {
  const addTo = await adder(card, identity, name);
  const contact = await invocation.withClient(addTo);
  await invocation.print(contactJson(contact), () => contactText(contact, invocation.terminal));
  invocation.remark("Next: `tumar verify NAME` shows the number to compare with them.");
}

/** Reads and checks the card before the vault is opened, since opening writes to it. */
async function adder(
  card: string | undefined,
  identity: string | undefined,
  name: string,
): Promise<(client: Client) => Promise<Contact>> {
  if (card !== undefined && identity === undefined) {
    const link = card === "-" ? (await readText(process.stdin)).trim() : card;
    const { parseCard } = await import("../../../shared/e2ee/card.ts");
    parseCard(link);
    return (client) => client.addContact(link, name);
  }
  if (card === undefined && identity !== undefined) {
    return (client) => client.nameContact(identity, name);
  }
  throw new TumarError("USAGE", "give either a card or --identity");
}
