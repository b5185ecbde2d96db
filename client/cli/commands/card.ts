/** `tumar card`: what you hand to others so that they can write to you. */

import type { Command } from "commander";
import { Invocation } from "../invocation.ts";
import { examples } from "../option-values.ts";
import { drawQrCode, saveQrCode } from "../qr-code.ts";
import type { Terminal } from "../terminal.ts";

interface CardOptions {
  readonly qr?: boolean;
  readonly png?: string;
}

export function defineCard(program: Command, terminal: Terminal): void {
  program
    .command("card")
    .description("print your card: whoever has it can write to you")
    .option("--qr", "draw it as a QR code in the terminal, too")
    .option("--png <file>", "save it as a QR code; never over another file")
    .addHelpText("after", examples("card", "card --qr --png ./my-card.png"))
    .action((options: CardOptions, command: Command) =>
      card(new Invocation(command, terminal), options),
    );
}

async function card(invocation: Invocation, { qr, png }: CardOptions): Promise<void> {
  const link = await invocation.withClient((client) => client.card());
  if (png !== undefined) await saveQrCode(link, png);
  const { terminal, isJson } = invocation;
  await invocation.print({ card: link }, () => link);
  if (qr !== true) return;
  // With --json stdout is for the object alone.
  if (isJson) terminal.notice(await drawQrCode(link, terminal.isProgressScreen));
  else await terminal.print(await drawQrCode(link, terminal.isScreen));
}
