/**
 * `npm start`: a relay on 127.0.0.1:8787 with its store in ./data, its address, and the next three commands
 * to type. What follows `--` goes to the relay: `npm start -- --port 9000`.
 */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tumar = join(root, "dist", "bin", "tumar.js");
const given = process.argv.slice(2);

function nextCommands(address) {
  const command = "npx --no tumar";
  const init = (name) => `${command} init --vault ${name}.vault --relay '${address}'`;
  return [
    `The relay runs at ${address}`,
    "It keeps its store in ./data. Ctrl-C ends it.",
    "",
    "Try it: three commands to type in another terminal, in this folder. Each asks for a passphrase.",
    "",
    "1. Two people, each with a vault of their own. Each is shown 8 words to write on paper:",
    `   ${init("aigul")} && ${init("bek")}`,
    "2. Aigul adds Bek by his card:",
    `   ${command} add --vault aigul.vault --as Bek "$(${command} card --vault bek.vault)"`,
    "3. Aigul writes, Bek reads:",
    `   ${command} send --vault aigul.vault Bek 'Сәлем!' && ${command} inbox --vault bek.vault`,
    "",
  ].join("\n");
}

const relay = spawn(
  process.execPath,
  [tumar, "relay", "--data", "./data", "--port", "8787", "--json", ...given],
  // A group of its own: Ctrl-C reaches this process, which passes it on once.
  { cwd: root, stdio: ["ignore", "pipe", "inherit"], detached: true },
);

let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (!isEnding) relay.kill("SIGTERM");
    isEnding = true;
  });
}

createInterface({ input: relay.stdout }).on("line", (line) => {
  const event = JSON.parse(line);
  if (event.event === "ready") process.stdout.write(`${nextCommands(event.address)}\n`);
});
relay.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 0);
});
