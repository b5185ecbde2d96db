/**
 * The passphrase of a vault: asked for in the terminal, or read from a file. Never an argument or an
 * environment variable: other processes can read those.
 */

import { createReadStream } from "node:fs";
import { TumarError } from "../../shared/crypto/errors.ts";
import { checkPassphrase, PASSPHRASE_MIN_CHARACTERS } from "../vault/passphrase.ts";
import { boundedBytes } from "./input.ts";

/** More than anyone types; keeps a wrong file name from filling the memory. */
const FILE_MAX_BYTES = 4096;

export type AskSecret = (
  question: string,
  validate: (answer: string) => true | string,
) => Promise<string>;

/** One trailing line end is not part of it. @throws TumarError PASSPHRASE_FILE, PASSPHRASE_EMPTY */
export async function passphraseFromFile(path: string): Promise<string> {
  return parsePassphraseFile(await readBounded(path));
}

/** @throws TumarError PASSPHRASE_FILE, PASSPHRASE_EMPTY */
export function parsePassphraseFile(bytes: Uint8Array): string {
  if (bytes.length > FILE_MAX_BYTES) throw badFile("the passphrase file is too long");
  const passphrase = decode(bytes).replace(/\r?\n$/, "");
  if (passphrase === "") throw new TumarError("PASSPHRASE_EMPTY", "the passphrase file is empty");
  if (/[\r\n]/.test(passphrase)) throw badFile("the passphrase file has more than one line");
  return passphrase;
}

export function askPassphrase(ask: AskSecret): Promise<string> {
  return ask("Passphrase of the vault:", (answer) => answer !== "" || "It is not empty.");
}

/** Twice, because nobody can look up what was mistyped. */
export async function askNewPassphrase(ask: AskSecret): Promise<string> {
  const passphrase = await ask(
    "New passphrase for this vault:",
    (answer) => isLongEnough(answer) || `At least ${PASSPHRASE_MIN_CHARACTERS} characters.`,
  );
  await ask("The same once more:", (answer) => answer === passphrase || "It is not the same.");
  return passphrase;
}

export interface PromptStreams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/**
 * Stars on stderr, wiped when done, so that the screen does not keep the length; stdout stays clean.
 * @throws TumarError PASSPHRASE_NEEDED without a terminal, or when the question is broken off
 */
export function askInTerminal(
  streams: PromptStreams = { input: process.stdin, output: process.stderr },
): AskSecret {
  const { input, output } = streams;
  return async (question, validate) => {
    if (input.isTTY !== true || output.isTTY !== true) {
      throw new TumarError("PASSPHRASE_NEEDED", "there is no terminal to ask for the passphrase");
    }
    const { password } = await import("@inquirer/prompts");
    try {
      return await password(
        { message: question, mask: "*", validate },
        { input, output, clearPromptOnDone: true },
      );
    } catch (cause) {
      throw new TumarError("PASSPHRASE_NEEDED", "no passphrase was typed", { cause });
    }
  };
}

function isLongEnough(passphrase: string): boolean {
  try {
    checkPassphrase(passphrase);
    return true;
  } catch {
    return false;
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badFile("the passphrase file is not text", cause);
  }
}

/** Works for pipes too (`<(…)`), which have no size. */
async function readBounded(path: string): Promise<Uint8Array> {
  try {
    return await boundedBytes(createReadStream(path), FILE_MAX_BYTES);
  } catch (cause) {
    throw badFile("the passphrase file cannot be read", cause);
  }
}

function badFile(message: string, cause?: unknown): TumarError {
  return new TumarError("PASSPHRASE_FILE", message, cause === undefined ? {} : { cause });
}
