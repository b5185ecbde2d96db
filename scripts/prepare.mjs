/**
 * Runs before `npm start` and `npm test`: installs when the lockfile changed, builds always, and with
 * `--test` makes sure of what the suite needs from the system. Uses nothing but Node itself.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = join(root, "node_modules", ".tumar-lockfile");

function say(text) {
  process.stderr.write(`${text}\n`);
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (result.status !== 0) {
    say(`tumar: \`${command} ${args.join(" ")}\` failed; the lines above say why.`);
    process.exit(result.status ?? 1);
  }
}

function install() {
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .update(process.version)
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  say("tumar: installing, about two minutes …");
  run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, hash);
}

function build() {
  rmSync(join(root, "dist", "test"), { recursive: true, force: true });
  rmSync(join(root, "dist", ".tsbuildinfo", "test.json"), { force: true });
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"]);
  // npm makes a command executable when it links it, not when it is built anew.
  chmodSync(join(root, "dist", "bin", "tumar.js"), 0o755);
}

function isOnPath(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What the suite starts that npm cannot bring: command, Debian package, environment override. */
const SYSTEM_PARTS = [
  ["chromium", "chromium", "TUMAR_CHROMIUM"],
  ["microsocks", "microsocks", "TUMAR_MICROSOCKS"],
  ["ffmpeg", "ffmpeg", "TUMAR_FFMPEG"],
];

function aptInstall(packages) {
  if (process.getuid?.() !== 0 || !isOnPath("apt-get")) return false;
  say(`tumar: installing ${packages.join(", ")} for the tests …`);
  const options = {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  const apt = (...args) => spawnSync("apt-get", ["-qq", ...args], options).status === 0;
  return apt("update") && apt("install", "-y", "--no-install-recommends", ...packages);
}

function systemParts() {
  const missing = SYSTEM_PARTS.filter(
    ([command, , override]) => process.env[override] === undefined && !isOnPath(command),
  );
  const packages = missing.map(([, name]) => name);
  if (missing.length === 0 || aptInstall(packages)) return;
  const names = missing.map(([command, , override]) => `${command} (or set ${override})`);
  say(`tumar: npm test needs ${names.join(", ")}: apt-get install ${packages.join(" ")}`);
  process.exit(1);
}

install();
build();
if (process.argv.includes("--test")) systemParts();
