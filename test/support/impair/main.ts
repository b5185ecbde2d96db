/**
 * `npm run impair`: the laboratory by hand. Says which address to use, tells what happens to each
 * connection, and takes another profile's name on stdin. Loopback on both sides; Ctrl-C ends it.
 */

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { ConnectionChange, ConnectionStats } from "./connection.ts";
import { type Impairment, impair, targetOf } from "./impair.ts";
import { isProfileName, PROFILE_NAMES, type ProfileName } from "./profiles.ts";

const USAGE = `Usage: npm run impair -- --profile NAME --to ADDRESS [--port N] [--seed TEXT] [--time-scale N]

ADDRESS is a relay's address (with #k=) or HOST:PORT, on this machine. Profiles:
  ${PROFILE_NAMES.join(", ")}
`;
const EXIT_USAGE = 2;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

interface Typed {
  readonly profile: ProfileName;
  readonly to: string;
  readonly port: number;
  readonly seed: string;
  readonly timeScale: number;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** @throws Error with a sentence for the person */
function typed(argv: readonly string[]): Typed {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      profile: { type: "string", default: "none" },
      to: { type: "string" },
      port: { type: "string", default: "0" },
      seed: { type: "string", default: "1" },
      "time-scale": { type: "string", default: "1" },
    },
  });
  const { profile, to, seed } = values;
  if (!isProfileName(profile)) throw new Error(`there is no profile ${profile}`);
  if (to === undefined) throw new Error("--to is missing");
  if (!LOOPBACK.test(targetOf(to).host)) throw new Error("--to must be on this machine");
  const port = numberOf(values.port, "--port", 0, 0xffff);
  const timeScale = numberOf(values["time-scale"], "--time-scale", 1, 1e6);
  return { profile, to, port, seed, timeScale };
}

function numberOf(text: string, name: string, from: number, to: number): number {
  const value = Number(text);
  if (text === "" || !(value >= from && value <= to)) {
    throw new Error(`${name} must be a number from ${from} to ${to}`);
  }
  return value;
}

function tell({ id, route, upBytes, downBytes }: ConnectionStats, change: ConnectionChange): void {
  if (change === "opened") say(`#${id} opened`);
  else say(`#${id} ${change}: ${upBytes} bytes up, ${downBytes} down, to ${route}`);
}

function summary(network: Impairment): string {
  const { connections, open, stalls, resets, losses, upBytes, downBytes } = network.stats();
  return [
    `${connections} connections (${open} open), ${stalls} stalled, ${resets} reset`,
    `${losses} packets lost, ${upBytes} bytes up, ${downBytes} down`,
  ].join("; ");
}

function onLine(network: Impairment, line: string): void {
  const name = line.trim();
  if (name === "") say(summary(network));
  else if (isProfileName(name)) {
    network.setProfile(name);
    say(`now ${name}`);
  } else say(`There is no profile ${name}. There are: ${PROFILE_NAMES.join(", ")}`);
}

async function main(): Promise<void> {
  const given = typed(process.argv.slice(2));
  const network = await impair({ ...given, onChange: tell });
  const isWithKey = given.to.includes("#k=");
  say(`${given.profile} on the way to ${given.to}`);
  say(`Use instead: ${isWithKey ? network.address(given.to) : `127.0.0.1:${network.port}`}`);
  say("Type a profile's name to change it, Enter for what happened so far; Ctrl-C ends.");
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => onLine(network, line));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      lines.close();
      process.stdin.destroy();
      say(summary(network));
      void network.close();
    });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
}
