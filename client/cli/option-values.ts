/** Values of options that more than one command takes. */

import { InvalidArgumentError } from "commander";

const DAY_SECONDS = 86_400;

/** Seconds as typed, milliseconds as used. */
export function parseTimeout(typed: string): number {
  const seconds = Number(typed);
  if (!/^\d+(\.\d+)?$/.test(typed) || seconds <= 0 || seconds > DAY_SECONDS) {
    throw new InvalidArgumentError(`It is a number of seconds up to ${DAY_SECONDS}.`);
  }
  return Math.round(seconds * 1000);
}

/** What stands under each command's `--help`. */
export function examples(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ tumar ${line}`).join("\n")}\n`;
}
