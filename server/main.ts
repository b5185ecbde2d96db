/**
 * `tumar relay`: reads the environment and the command line, starts a relay, or a door to one, and
 * drains it on SIGTERM or SIGINT. A second signal ends the process at once.
 *
 * stdout carries the result only: with --json one line {"event":"ready","address":…}. Faults go to
 * stderr, with --json as {"error":{code,message,hint}}. Exit: 0 ok, 1 unexpected, 2 usage.
 */

import { Command, CommanderError, Option } from "commander";
import { TumarError } from "../shared/crypto/errors.ts";
import { type Overrides, readConfig } from "./config.ts";
import { SETTINGS, type SettingValues } from "./config-table.ts";

const EXIT = { ok: 0, unexpected: 1, usage: 2 } as const;

interface Typed {
  readonly data?: string;
  readonly host?: string;
  readonly port?: string;
  readonly address?: string;
  readonly metricsPort?: string;
  readonly door?: string;
  readonly json?: boolean;
}

/** `argv` without the word `relay`. Resolves when the relay is ready, or has failed to start. */
export async function main(argv: readonly string[]): Promise<void> {
  const isJson = argv.includes("--json");
  try {
    const typed = parseArguments(argv);
    const config = readConfig(process.env, overridesOf(typed));
    if (config.DOOR === "") await runRelay(config, isJson);
    else await runDoor(config, isJson);
  } catch (error) {
    process.exitCode = reportFault(error, isJson);
  }
}

async function runRelay(config: SettingValues, isJson: boolean): Promise<void> {
  const { startRelay } = await import("./relay.ts");
  const relay = await startRelay({ config });
  closeOnSignal(relay);
  const { address } = relay;
  writeReady({ address }, isJson, [
    `The relay is ready. Its address, for \`tumar init --relay\`:\n\n  ${address}\n`,
    `Keys and store are in ${config.DATA}. Ctrl-C ends it.`,
  ]);
}

async function runDoor(config: SettingValues, isJson: boolean): Promise<void> {
  const { startDoor } = await import("./door/door.ts");
  const door = await startDoor({ config });
  closeOnSignal(door);
  const { address, isRelayThere } = door;
  writeReady({ address, isRelayThere }, isJson, [
    `The door is ready. Its address, to be used like the relay's:\n\n  ${address}\n`,
    isRelayThere ? "The relay answers." : "The relay does not answer now; the door waits for it.",
    "Ctrl-C ends it.",
  ]);
}

function parseArguments(argv: readonly string[]): Typed {
  return relayCommand()
    .parse([...argv], { from: "user" })
    .opts<Typed>();
}

function relayCommand(): Command {
  const { DATA, HOST, PORT, ADDRESS, METRICS_PORT, DOOR } = SETTINGS;
  return new Command("tumar relay")
    .description("Runs a relay: stores and forwards ciphertext. Settings: docs/OPERATIONS.md.")
    .addOption(new Option("--data <dir>", `${DATA.doc} (default ${DATA.default})`))
    .addOption(new Option("--host <address>", `${HOST.doc} (default ${HOST.default})`))
    .addOption(new Option("--port <n>", `${PORT.doc} (default ${PORT.default})`))
    .addOption(new Option("--address <url>", ADDRESS.doc))
    .addOption(new Option("--metrics-port <n>", METRICS_PORT.doc))
    .addOption(new Option("--door <address>", DOOR.doc))
    .option("--json", "print one line of JSON when ready")
    .addHelpText(
      "after",
      "\nExample:\n  tumar relay --data ./data --port 8787\n  tumar relay --door 'https://relay.example#k=AAAAAAAAAAAAAAAAAAAAAA' --port 8788",
    )
    .allowExcessArguments(false)
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
}

function overridesOf(typed: Typed): Overrides {
  return {
    DATA: typed.data,
    HOST: typed.host,
    PORT: typed.port,
    ADDRESS: typed.address,
    METRICS_PORT: typed.metricsPort,
    DOOR: typed.door,
  };
}

function closeOnSignal(relay: { close(): Promise<void> }): void {
  process.stdout.on("error", () => undefined);
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(EXIT.unexpected);
    relay.close().then(
      () => process.exit(EXIT.ok),
      () => process.exit(EXIT.unexpected),
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

function writeReady(ready: object, isJson: boolean, lines: readonly string[]): void {
  process.stdout.write(
    isJson ? `${JSON.stringify({ event: "ready", ...ready })}\n` : `${lines.join("\n")}\n`,
  );
}

function reportFault(error: unknown, isJson: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  const { code, message, hint } = asTumarError(error);
  process.stderr.write(
    isJson
      ? `${JSON.stringify({ error: { code, message, hint } })}\n`
      : `tumar: ${message}\n       ${hint}\n`,
  );
  return code === "USAGE" || code === "BAD_CONFIG" ? EXIT.usage : EXIT.unexpected;
}

function asTumarError(error: unknown): TumarError {
  if (error instanceof TumarError) return error;
  if (error instanceof CommanderError) {
    return new TumarError("USAGE", error.message.replace(/^error: /, ""), { cause: error });
  }
  const what = error instanceof Error ? error.message : "no error was given";
  return new TumarError("INTERNAL", what, { cause: error });
}
