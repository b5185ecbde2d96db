/** `tumar verify`: the number two people compare, so that nobody stands between them. */

import type { Command } from "commander";
import { Invocation } from "../invocation.ts";
import { safetyNumberJson } from "../json-shapes.ts";
import { examples } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

const GROUPS_PER_ROW = 4;

interface VerifyOptions {
  readonly confirm?: boolean;
}

export function defineVerify(program: Command, terminal: Terminal): void {
  program
    .command("verify")
    .description("show the safety number: 60 digits, the same on both sides")
    .argument("<name>", "a contact's name, or how their identity begins")
    .option("--confirm", "you compared it with them and it is the same: mark them as verified")
    .addHelpText("after", examples("verify Bek", "verify Bek --confirm"))
    .action((name: string, options: VerifyOptions, command: Command) =>
      verify(new Invocation(command, terminal), name, options),
    );
}

async function verify(
  invocation: Invocation,
  name: string,
  { confirm }: VerifyOptions,
): Promise<void> {
  const safetyNumber = await invocation.withClient(async (client) => {
    const digits = await client.safetyNumber(name);
    if (confirm === true) await client.confirmSafetyNumber(name);
    return digits;
  });
  await invocation.print(safetyNumberJson(safetyNumber), () => rows(safetyNumber).join("\n"));
  invocation.remark(
    confirm === true
      ? "Marked as verified."
      : "Compare it face to face or by voice. If it is the same: the same command with --confirm.",
  );
}

function rows(safetyNumber: string): readonly string[] {
  const groups = safetyNumber.split(" ");
  const count = Math.ceil(groups.length / GROUPS_PER_ROW);
  return Array.from({ length: count }, (_, row) =>
    groups.slice(row * GROUPS_PER_ROW, (row + 1) * GROUPS_PER_ROW).join(" "),
  );
}
