/**
 * The relay's log: a closed list of events, each with fields from an allow-list.
 *
 * A field is written only if it is on the list and its value is a number or a word of
 * ours (an error code, a setting's name): never an id, a key, an address, a size of somebody's data
 * or a path. Errors are logged by code, and for unexpected ones the place in our code: never their
 * message, which may quote its input. Lines go to standard error as JSON.
 */

import { type DestinationStream, type Logger as Pino, pino } from "pino";
import { ERRORS, TumarError } from "../shared/crypto/errors.ts";

export type LogEvent =
  | "started"
  | "stopping"
  | "stopped"
  | "channel-key-made"
  | "sweep"
  | "sweep-failed"
  | "commit-failed"
  | "commit-recovered"
  | "blobs-full"
  | "connection-cut"
  | "relay-unreached"
  | "unexpected";

const NUMBER_FIELDS = [
  "count",
  "durationMs",
  "mailboxes",
  "envelopes",
  "tombstones",
  "records",
  "prekeys",
  "blobs",
  "connections",
] as const;
/** Why the relay did something, in words of ours. */
const REASONS = ["slow", "silent", "late", "violation"] as const;

export type LogFields = {
  readonly [Name in (typeof NUMBER_FIELDS)[number]]?: number;
} & {
  readonly code?: string;
  readonly reason?: (typeof REASONS)[number];
};

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Codes of the operating system, of Node and of SQLite. */
const SYSTEM_CODE = /^(?:E[A-Z]{2,14}|(?:ERR|SQLITE)(?:_[A-Z]{1,12}){1,4})$/;
/** A frame of a stack: file and line within this program. */
const PLACE = /((?:server|shared|node_modules|node:)[\w./@-]*?:\d+:\d+)\)?$/;
const MAX_PLACES = 8;

export class Logger {
  readonly #pino: Pino;

  constructor(level: string, destination: DestinationStream) {
    this.#pino = pino(
      {
        level,
        base: null,
        messageKey: "event",
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    );
  }

  write(level: LogLevel, event: LogEvent, fields: LogFields = {}): void {
    this.#pino[level](allowed(fields), event);
  }

  /** An error nobody foresaw: its code, and where it was thrown. */
  unexpected(error: unknown, event: LogEvent = "unexpected"): void {
    this.#pino.error({ code: codeOf(error), at: placesOf(error) }, event);
  }
}

/** Exported for its test: what remains of any object given. */
export function allowed(fields: LogFields): Record<string, number | string> {
  const given = fields as Readonly<Record<string, unknown>>;
  const kept: Record<string, number> = {};
  for (const name of NUMBER_FIELDS) {
    const value = given[name];
    if (typeof value === "number" && Number.isFinite(value)) kept[name] = value;
  }
  const { code, reason } = fields;
  const known = REASONS.find((candidate) => candidate === reason);
  return {
    ...kept,
    ...(isCode(code) ? { code } : {}),
    ...(known === undefined ? {} : { reason: known }),
  };
}

function isCode(value: unknown): value is string {
  return typeof value === "string" && (Object.hasOwn(ERRORS, value) || SYSTEM_CODE.test(value));
}

function codeOf(error: unknown): string {
  if (error instanceof TumarError) return error.code;
  const code = (error as { readonly code?: unknown } | null)?.code;
  return isCode(code) ? code : "INTERNAL";
}

function placesOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const lines = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return lines.flatMap((line) => PLACE.exec(line)?.[1] ?? []).slice(0, MAX_PLACES);
}
