/**
 * `tumar fetch`: brings a clip, photo, voice message or file from the relay and writes it to a file, into a
 * folder, or to standard output. `--all` takes everything that is there and not yet in the folder.
 */

import { type Command, Option } from "commander";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { Client } from "../../core/client.ts";
import { fetchAll } from "../fetch-all.ts";
import { type FetchOrder, fetchOne } from "../fetch-media.ts";
import { type FetchTarget, fetchTarget } from "../fetched-file.ts";
import { Invocation } from "../invocation.ts";
import { examples, parseTimeout } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { watching } from "../watching.ts";

const DEFAULT_TIMEOUT_MS = 30_000;

interface FetchOptions {
  readonly out: string;
  readonly preview?: boolean;
  readonly partial?: boolean;
  readonly all?: boolean;
  readonly force?: boolean;
  readonly discard?: boolean;
  readonly timeout?: number;
}

export function defineFetch(program: Command, terminal: Terminal): void {
  program
    .command("fetch")
    .description("bring a clip, photo, voice message or file from the relay, and save it")
    .argument("[id]", "its message: the beginning of an id that `tumar inbox` shows")
    .requiredOption("--out <path>", "a file, a folder, or - for standard output")
    .addOption(new Option("--preview", "the small copy of a photo").conflicts("all"))
    .addOption(
      new Option("--partial", "what is there now, though more is on its way").conflicts("all"),
    )
    .option("--all", "everything that is there and not yet in the folder")
    .addOption(new Option("--force", "replace a file that is there").conflicts("all"))
    .option("--discard", "afterwards delete the sealed copy that is kept beside the vault")
    .option(
      "--timeout <seconds>",
      "how long to wait since the last byte that came (default: 30)",
      parseTimeout,
    )
    .addHelpText(
      "after",
      examples(
        "fetch k4zxq2wm --out .",
        "fetch k4zxq2wm --out badge.jpg --preview",
        "fetch --all --out ./clips --json",
      ),
    )
    .action((id: string | undefined, options: FetchOptions, command: Command) =>
      fetch(new Invocation(command, terminal), id, options),
    );
}

async function fetch(
  invocation: Invocation,
  prefix: string | undefined,
  options: FetchOptions,
): Promise<void> {
  const { all = false, preview = false, timeout: timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const target = await fetchTarget(options.out);
  if (target.kind === "stdout" && invocation.terminal.isScreen) {
    throw new TumarError("USAGE", "a terminal cannot show it: name a file, or pipe it on");
  }
  const order: FetchOrder = {
    part: preview ? "preview" : "whole",
    target,
    isForced: options.force === true,
    isPartial: options.partial === true,
    timeoutMs,
  };
  const work = all ? allInto(invocation, prefix, target, order) : one(invocation, prefix, order);
  await invocation.withClient((client) =>
    watching(invocation, client, async () => {
      for (const id of await work(client)) {
        if (options.discard === true) await client.discardMedia(id);
      }
    }),
  );
}

/** Does it, and answers the ids of what was written. */
type Work = (client: Client) => Promise<readonly Uint8Array[]>;

function one(invocation: Invocation, prefix: string | undefined, order: FetchOrder): Work {
  if (prefix === undefined) throw new TumarError("USAGE", "name a message, or give --all");
  return async (client) => {
    const id = await client.mediaId(prefix);
    // The end of a recording comes as a message of its own.
    client.start();
    await fetchOne(invocation, client, id, order);
    return [id];
  };
}

function allInto(
  invocation: Invocation,
  prefix: string | undefined,
  target: FetchTarget,
  order: FetchOrder,
): Work {
  if (prefix !== undefined) throw new TumarError("USAGE", "give either a message or --all");
  if (target.kind !== "folder") throw new TumarError("USAGE", "--all needs a folder for --out");
  return (client) => fetchAll(invocation, client, target.folder, order);
}
