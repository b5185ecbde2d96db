/** Values of options that more than one command takes. */

import { InvalidArgumentError } from "commander";
import { TumarError } from "../../shared/crypto/errors.ts";
import { TRANSPORT_KINDS, type TransportKind } from "../net/connection.ts";

const DAY_SECONDS = 86_400;

/** Seconds as typed, milliseconds as used. */
export function parseTimeout(typed: string): number {
  const seconds = Number(typed);
  if (!/^\d+(\.\d+)?$/.test(typed) || seconds <= 0 || seconds > DAY_SECONDS) {
    throw new InvalidArgumentError(`It is a number of seconds up to ${DAY_SECONDS}.`);
  }
  return Math.round(seconds * 1000);
}

/** Undefined: what works. @throws TumarError USAGE */
export function parseTransport(typed: string): TransportKind | undefined {
  const kind = TRANSPORT_KINDS.find((one) => one === typed);
  if (kind === undefined && typed !== "auto") {
    const all = ["auto", ...TRANSPORT_KINDS].join(", ");
    throw new TumarError("USAGE", `a transport is one of ${all}`);
  }
  return kind;
}

/** What stands under each command's `--help`. */
export function examples(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ tumar ${line}`).join("\n")}\n`;
}
