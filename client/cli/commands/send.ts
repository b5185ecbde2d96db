/**
 * `tumar send`: writes a message into the vault, then waits until the relay has it. What the relay did not
 * take in time is queued, never lost: exit 4 says so. A clip, photo, voice message or file is send-media.ts.
 */

import { type Command, Option } from "commander";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { Client } from "../../core/client.ts";
import type { MediaKind, SentMessage } from "../../core/types.ts";
import { EXIT, exitOf } from "../exit-codes.ts";
import { sentText } from "../human-text.ts";
import { readText } from "../input.ts";
import { Invocation } from "../invocation.ts";
import { sentJson } from "../json-shapes.ts";
import { examples, parseTimeout } from "../option-values.ts";
import { type MediaOrder, sendMedia } from "../send-media.ts";
import type { Terminal } from "../terminal.ts";

const DEFAULT_TIMEOUT_MS = 30_000;

const MEDIA_OPTIONS: Readonly<Record<MediaKind, string>> = {
  clip: "a video",
  photo: "a photo; a small copy of it goes first",
  voice: "a voice recording",
  file: "any file; never shown, only saved",
};

interface SendOptions extends Readonly<Partial<Record<MediaKind, string>>> {
  /** `--no-wait` makes it false. */
  readonly wait: boolean;
  readonly timeout: number;
  readonly urgent?: boolean;
  readonly keepMetadata?: boolean;
  readonly name?: string;
}

export function defineSend(program: Command, terminal: Terminal): void {
  const command = program
    .command("send")
    .description("send a message, a clip, a photo or a file, and wait until the relay has it")
    .argument("<name>", "a contact's name, or how their identity begins")
    .argument("[text]", "the message; - or nothing reads it from standard input")
    .option("--urgent", "an alert: it leaves first and is shown at once")
    .option("--no-wait", "queue it and return at once; `tumar sync` sends it")
    .option(
      "--timeout <seconds>",
      "how long to wait, of a file since the last byte that got through (default: 30)",
      parseTimeout,
    );
  for (const option of mediaOptions()) command.addOption(option);
  command
    .option("--keep-metadata", "leave in it where, when and with what it was taken")
    .option(
      "--name <name>",
      "what it is called at the other side (default: a file by its own name, all else by its kind)",
    )
    .addHelpText(
      "after",
      examples(
        "send Bek 'I am at gate 12.'",
        "send --urgent Bek 'They are taking me.'",
        "send Bek - < letter.txt",
        "send Bek --photo ./badge.jpg",
        "send Bek --clip ./gate-12.mp4 --keep-metadata",
        "send Bek --clip - < recording.webm",
      ),
    )
    .action((name: string, text: string | undefined, options: SendOptions, command: Command) =>
      send(new Invocation(command, terminal), name, text, options),
    );
}

function mediaOptions(): readonly Option[] {
  const kinds = Object.keys(MEDIA_OPTIONS) as MediaKind[];
  return kinds.map((kind) => {
    const source = kind === "photo" ? "" : "; - is standard input, sent while it grows";
    const others = kinds.filter((other) => other !== kind);
    return new Option(`--${kind} <path>`, `send ${MEDIA_OPTIONS[kind]}${source}`).conflicts([
      ...others,
      "urgent",
    ]);
  });
}

function send(
  invocation: Invocation,
  name: string,
  typed: string | undefined,
  options: SendOptions,
): Promise<void> {
  const order = mediaOrder(options);
  if (order === undefined) return sendText(invocation, name, typed, options);
  if (typed === undefined) return sendMedia(invocation, name, order);
  throw new TumarError("USAGE", `a ${order.kind} has no text: send the text on its own`);
}

/** @throws TumarError USAGE */
function mediaOrder(options: SendOptions): MediaOrder | undefined {
  const { wait, timeout = DEFAULT_TIMEOUT_MS, keepMetadata = false, name } = options;
  for (const kind of Object.keys(MEDIA_OPTIONS) as MediaKind[]) {
    const path = options[kind];
    if (path !== undefined) return { kind, path, name, keepMetadata, wait, timeoutMs: timeout };
  }
  if (keepMetadata || name !== undefined) {
    throw new TumarError("USAGE", "--keep-metadata and --name are for clips, photos and files");
  }
  return undefined;
}

async function sendText(
  invocation: Invocation,
  name: string,
  typed: string | undefined,
  { wait, urgent = false, timeout = DEFAULT_TIMEOUT_MS }: SendOptions,
): Promise<void> {
  const isPiped = process.stdin.isTTY !== true;
  const fromInput = typed === undefined || typed === "-";
  // A pipe is read before the vault is opened; a person types after the passphrase.
  const early = fromInput && isPiped ? await readText(process.stdin) : undefined;
  await invocation.withClient(async (client) => {
    const text = fromInput ? (early ?? (await typedMessage(invocation))) : typed;
    const written = await client.send(name, text, { urgent });
    if (!wait) return await printSent(invocation, written);
    await printSent(invocation, await waitForRelay(invocation, client, written, timeout));
  });
}

async function typedMessage(invocation: Invocation): Promise<string> {
  invocation.terminal.notice("Type the message. Ctrl-D on an empty line ends it.");
  return await readText(process.stdin);
}

/** @throws TumarError of the network, after printing that the message is written */
async function waitForRelay(
  invocation: Invocation,
  client: Client,
  written: SentMessage,
  timeoutMs: number,
): Promise<SentMessage> {
  invocation.terminal.progress("sending …");
  client.start();
  try {
    return await client.stored(written.id, { timeoutMs });
  } catch (cause) {
    await printSent(invocation, written);
    if (!(cause instanceof TumarError) || exitOf(cause.code) !== EXIT.network) throw cause;
    const message = `${cause.message}; the message is queued: it goes out with the next sync`;
    throw new TumarError(cause.code, message, { cause });
  }
}

function printSent(invocation: Invocation, message: SentMessage): Promise<void> {
  return invocation.print(sentJson(message), () => sentText(message, invocation.terminal));
}
