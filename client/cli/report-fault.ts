/**
 * Whatever went wrong, told once on stderr: two plain lines for people (what happened, what to do next), or
 * one JSON object for scripts. Answers the exit code.
 */

import type { CommanderError } from "commander";
import { type ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import { EXIT, type ExitCode, exitOf } from "./exit-codes.ts";
import { peerLine } from "./peer-text.ts";
import { OutputClosed, type Terminal } from "./terminal.ts";

export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export function reportFault(fault: unknown, terminal: Terminal, isJson: boolean): ExitCode {
  if (fault instanceof OutputClosed) return EXIT.ok;
  if (isCommanderError(fault)) {
    if (fault.exitCode === 0) return EXIT.ok;
    // `tumar` alone: commander has written the whole help to stderr.
    if (fault.code === "commander.help" && !isJson) return EXIT.usage;
  }
  const report = errorReport(fault);
  terminal.notice(isJson ? JSON.stringify({ error: report }) : faultText(report, terminal));
  return exitOf(report.code);
}

export function errorReport(fault: unknown): ErrorReport {
  const error = asTumarError(fault);
  return { code: error.code, message: error.message, hint: error.hint };
}

function faultText({ message, hint }: ErrorReport, terminal: Terminal): string {
  const what = peerLine(message, false);
  return `${terminal.styledNotice("red", "tumar:")} ${what}\n       ${hint}`;
}

function asTumarError(fault: unknown): TumarError {
  if (fault instanceof TumarError) return fault;
  if (isCommanderError(fault)) return new TumarError("USAGE", usageText(fault), { cause: fault });
  const what = fault instanceof Error ? `${fault.name}: ${fault.message}` : "no error was given";
  return new TumarError("INTERNAL", `something failed that should not fail (${what})`, {
    cause: fault,
  });
}

/** By its code, so that the error path of a fault in our own code does not load commander. */
function isCommanderError(fault: unknown): fault is CommanderError {
  return fault instanceof Error && "code" in fault && String(fault.code).startsWith("commander.");
}

function usageText(fault: CommanderError): string {
  if (fault.code === "commander.help") return "no command was named";
  return fault.message.replace(/^error: /, "").replaceAll("\n", " ");
}
