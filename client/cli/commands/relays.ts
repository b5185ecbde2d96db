/** `tumar relays`: the relays an inbox lives at: listed, added, removed. */

import type { Command } from "commander";
import type { Client } from "../../core/client.ts";
import type { OwnRelay } from "../../core/types.ts";
import { Invocation } from "../invocation.ts";
import { relayJson } from "../json-shapes.ts";
import { examples, parseTimeout } from "../option-values.ts";
import { relayText } from "../relay-text.ts";
import type { Terminal } from "../terminal.ts";

const DEFAULT_TIMEOUT_MS = 10_000;
/** A list is shown after so long, whatever did not answer. */
const LIST_MS = 5_000;

interface TimeoutOption {
  readonly timeout?: number;
}

export function defineRelays(program: Command, terminal: Terminal): void {
  const relays = program
    .command("relays")
    .description("the relays your inbox lives at, up to three")
    .addHelpText("after", examples("relays list", "relays add ADDRESS", "relays remove HOST"));
  relays
    .command("list")
    .description("list them: whether they answer, the way they are reached, what they hold")
    .addHelpText("after", examples("relays list", "relays list --json"))
    .action((_options: object, command: Command) => list(new Invocation(command, terminal)));
  relays
    .command("add <address>")
    .description("live at this relay too and tell your contacts; or use a door to one of yours")
    .option("--timeout <seconds>", "how long to wait for it (default: 10)", parseTimeout)
    .addHelpText("after", examples("relays add 'https://two.example#k=AAAAAAAAAAAAAAAAAAAAAA'"))
    .action((address: string, options: TimeoutOption, command: Command) =>
      add(new Invocation(command, terminal), address, options.timeout ?? DEFAULT_TIMEOUT_MS),
    );
  relays
    .command("remove <address>")
    .description("move away from this relay, dead or alive, and tell your contacts")
    .option("--timeout <seconds>", "how long to wait for it (default: 10)", parseTimeout)
    .addHelpText("after", examples("relays remove two.example"))
    .action((address: string, options: TimeoutOption, command: Command) =>
      remove(new Invocation(command, terminal), address, options.timeout ?? DEFAULT_TIMEOUT_MS),
    );
}

async function list(invocation: Invocation): Promise<void> {
  const relays = await invocation.withClient(relaysWhenAsked);
  for (const relay of relays) await print(invocation, relay);
}

/** Each is asked at once; none is waited for beyond a few seconds. */
async function relaysWhenAsked(client: Client): Promise<readonly OwnRelay[]> {
  client.start();
  // What does not answer in time is listed as it is.
  await client.reachRelays({ timeoutMs: LIST_MS });
  return await client.relays();
}

async function add(invocation: Invocation, address: string, timeoutMs: number): Promise<void> {
  await invocation.withClient(async (client) => {
    const relay = await client.addRelay(address, { timeoutMs });
    await tellContacts(client, timeoutMs);
    await print(invocation, relay);
    if (relay.stage === "live") invocation.remark("Contacts are told. Your card names it too.");
    else invocation.remark("It is not set up yet; `tumar sync` goes on with it.");
  });
}

async function remove(invocation: Invocation, address: string, timeoutMs: number): Promise<void> {
  await invocation.withClient(async (client) => {
    const left = await client.removeRelay(address, { timeoutMs });
    await tellContacts(client, timeoutMs);
    const relays = await client.relays();
    for (const relay of relays) await print(invocation, relay);
    if (left?.stage === "leaving") {
      invocation.remark("It does not answer: its mailbox is emptied and deleted when it does.");
    }
    invocation.remark("Contacts are told. Hand out your card anew: `tumar card`.");
  });
}

/** What cannot be told now waits in the outbox. */
async function tellContacts(client: Client, timeoutMs: number): Promise<void> {
  await client.sync({ timeoutMs }).catch(() => undefined);
}

function print(invocation: Invocation, relay: OwnRelay): Promise<void> {
  return invocation.print(relayJson(relay), () => relayText(relay));
}
