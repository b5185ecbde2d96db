/**
 * `tumar read`: tells the senders that a person has read their messages. Nothing else ever tells it:
 * listing the inbox does not.
 */

import type { Command } from "commander";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { ReadSummary } from "../../core/types.ts";
import { EXIT, exitOf } from "../exit-codes.ts";
import { readText } from "../human-text.ts";
import { Invocation } from "../invocation.ts";
import { readJson } from "../json-shapes.ts";
import { examples, parseTimeout } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

const DEFAULT_TIMEOUT_MS = 20_000;

interface ReadOptions {
  /** `--no-wait` makes it false. */
  readonly wait: boolean;
  readonly timeout?: number;
}

export function defineRead(program: Command, terminal: Terminal): void {
  program
    .command("read")
    .description("tell the senders that you have read these messages; nothing else tells them")
    .argument("<id...>", "how the ids begin, as `tumar inbox` shows them")
    .option("--no-wait", "queue it and return at once; `tumar sync` sends it")
    .option("--timeout <seconds>", "how long to try to reach a relay (default: 20)", parseTimeout)
    .addHelpText("after", examples("read k4zxq2wm", "read k4zx b3nq --no-wait"))
    .action((prefixes: readonly string[], options: ReadOptions, command: Command) =>
      read(new Invocation(command, terminal), prefixes, options),
    );
}

async function read(
  invocation: Invocation,
  prefixes: readonly string[],
  { wait, timeout = DEFAULT_TIMEOUT_MS }: ReadOptions,
): Promise<void> {
  await invocation.withClient(async (client) => {
    const ids: Uint8Array[] = [];
    for (const prefix of prefixes) ids.push(await client.receivedId(prefix));
    const summary = await client.markRead(ids);
    await print(invocation, summary);
    // Also what an earlier run left queued.
    if (!wait || summary.told.length + summary.toldBefore.length === 0) return;
    invocation.terminal.progress("sending …");
    await client.sync({ timeoutMs: timeout }).catch((cause) => {
      if (!(cause instanceof TumarError) || exitOf(cause.code) !== EXIT.network) throw cause;
      const message = `${cause.message}; it is queued and goes out with the next sync`;
      throw new TumarError(cause.code, message, { cause });
    });
  });
}

async function print(invocation: Invocation, summary: ReadSummary): Promise<void> {
  for (const line of readJson(summary)) await invocation.print(line, () => readText(line));
}
