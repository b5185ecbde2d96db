/** The command tree of `tumar`: what can be typed, and how faults in typing it are told. */

import { Command } from "commander";
import { PROGRAM_VERSION } from "../core/program-version.ts";
import { defineAdd } from "./commands/add.ts";
import { defineCard } from "./commands/card.ts";
import { defineContacts } from "./commands/contacts.ts";
import { defineFetch } from "./commands/fetch.ts";
import { defineInbox } from "./commands/inbox.ts";
import { defineInit } from "./commands/init.ts";
import { defineOutbox } from "./commands/outbox.ts";
import { defineRead } from "./commands/read.ts";
import { defineRelay } from "./commands/relay.ts";
import { defineRelays } from "./commands/relays.ts";
import { defineSend } from "./commands/send.ts";
import { defineSync } from "./commands/sync.ts";
import { defineVerify } from "./commands/verify.ts";
import { reportFault } from "./report-fault.ts";
import { Terminal } from "./terminal.ts";

const COMMANDS = [
  defineRelay,
  defineInit,
  defineRelays,
  defineCard,
  defineAdd,
  defineVerify,
  defineContacts,
  defineSend,
  defineInbox,
  defineFetch,
  defineRead,
  defineSync,
  defineOutbox,
] as const;

/** Runs what was typed after `tumar`; sets the exit code and never throws. All output was taken then. */
export async function main(typed: readonly string[]): Promise<void> {
  const terminal = new Terminal(process.stdout, process.stderr);
  const isJson = asksForJson(typed);
  try {
    await buildProgram(terminal, isJson).parseAsync([...typed], { from: "user" });
  } catch (fault) {
    process.exitCode = reportFault(fault, terminal, isJson);
  } finally {
    terminal.endProgress();
    await terminal.flushed();
  }
}

/** Throws commander's faults instead of ending the process. */
export function buildProgram(terminal: Terminal, isJson: boolean): Command {
  const program = new Command("tumar")
    .description("Messages that only the two of you can read, through a relay that cannot.")
    .option("--vault <file>", "the vault (default: $XDG_DATA_HOME/tumar/vault)")
    .option("--passphrase-file <file>", "read the passphrase from this file instead of asking")
    .option("--proxy <url>", "reach relays through it: socks5://HOST:PORT or http://HOST:PORT")
    .option("--transport <kind>", "auto (what works), websocket, exchange or thrifty")
    .option("--json", "results on stdout as one JSON object per line, errors on stderr as JSON")
    .version(PROGRAM_VERSION, "-V, --version")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      // The fault is told once, by reportFault.
      outputError: () => undefined,
      writeErr: (text) => {
        if (!isJson) terminal.notice(text.trimEnd());
      },
    })
    .exitOverride()
    .addHelpText(
      "after",
      "\nExample:\n  $ tumar init --relay 'https://relay.example#k=AAAAAAAAAAAAAAAAAAAAAA'\n",
    );
  for (const define of COMMANDS) define(program, terminal);
  return program;
}

/** Needed before parsing, since a fault of parsing is told as JSON too. */
function asksForJson(typed: readonly string[]): boolean {
  const end = typed.indexOf("--");
  return typed.slice(0, end < 0 ? typed.length : end).includes("--json");
}
