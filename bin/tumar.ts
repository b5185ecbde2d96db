#!/usr/bin/env node
/**
 * The `tumar` command, and the only file that knows both sides: `relay` goes to the relay, all else to the
 * command line of the client. Each is loaded only when it is meant.
 */

const [first, second, ...rest] = process.argv.slice(2);

if (first === "relay") await relay(second === undefined ? [] : [second, ...rest]);
else if (first === "help" && second === "relay") await relay(["--help"]);
else await client(process.argv.slice(2));

async function relay(typed: readonly string[]): Promise<void> {
  const { main } = await import("../server/main.ts");
  await main(typed);
}

async function client(typed: readonly string[]): Promise<void> {
  const { main } = await import("../client/cli/program.ts");
  await main(typed);
  // A connection that was left open must not keep a finished command alive.
  process.exit();
}
