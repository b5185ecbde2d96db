/** `tumar sync`: sends what is queued, fetches what waits, ends. */

import type { Command } from "commander";
import { toBase32 } from "../../../shared/crypto/bytes.ts";
import type { Client } from "../../core/client.ts";
import type { SyncSummary } from "../../core/types.ts";
import { Invocation } from "../invocation.ts";
import { examples, parseTimeout } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";
import { watching } from "../watching.ts";
import { tellWay } from "../way.ts";

const DEFAULT_TIMEOUT_MS = 20_000;

interface SyncOptions {
  readonly timeout?: number;
}

export function defineSync(program: Command, terminal: Terminal): void {
  program
    .command("sync")
    .description("send what is queued, fetch what waits, and end")
    .option("--timeout <seconds>", "how long to try to reach a relay (default: 20)", parseTimeout)
    .addHelpText("after", examples("sync", "sync --timeout 60"))
    .action((options: SyncOptions, command: Command) =>
      sync(new Invocation(command, terminal), options.timeout ?? DEFAULT_TIMEOUT_MS),
    );
}

async function sync(invocation: Invocation, timeoutMs: number): Promise<void> {
  await invocation.withClient((client) =>
    watching(invocation, client, async () => {
      const { sent, received, queued, unreachable } = await syncWithProgress(
        invocation,
        client,
        timeoutMs,
      );
      for (const relay of unreachable) {
        invocation.warn(
          "RELAY_UNREACHABLE",
          `${new URL(relay).host} does not answer; another does`,
        );
      }
      await invocation.print(
        { sent, received, queued },
        () => `Sent ${sent}, received ${received}, still queued ${queued}.`,
      );
      if (received > 0) invocation.remark("`tumar inbox --new` shows what came.");
    }),
  );
}

/** Counts messages, as people do: an envelope may carry none. */
async function syncWithProgress(
  invocation: Invocation,
  client: Client,
  timeoutMs: number,
): Promise<SyncSummary> {
  const [stored, came] = [new Set<string>(), new Set<string>()];
  let trying = "";
  const show = (): void => {
    const done = `sent ${stored.size}, received ${came.size}`;
    invocation.terminal.progress(`syncing … ${trying === "" ? done : `${done}; ${trying}`}`);
  };
  show();
  const stopTelling = tellWay(invocation, client);
  const stop = client.on((event) => {
    if (event.type === "stored") stored.add(toBase32(event.id));
    else if (event.type === "message") came.add(toBase32(event.id));
    else if (event.type === "connection") trying = event.trying;
    show();
  });
  try {
    const { queued, unreachable } = await client.sync({ timeoutMs });
    return { sent: stored.size, received: came.size, queued, unreachable };
  } finally {
    stop();
    stopTelling();
  }
}
