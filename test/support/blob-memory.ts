/**
 * `npm run test:memory`: ten blobs of 200 MB pass a relay process at the same time, up and down; then ten
 * files of 200 MB go from one device to another, each in a process of its own. Fails when relay, sender or
 * reader is 64 MiB above idle at any moment. `-- COUNT MEGABYTES` for other numbers. Linux only.
 */

import { BareClient } from "./bare-client.ts";
import { newMailbox, register } from "./bare-mailbox.ts";
import { passBlob, residentBytes } from "./blob-load.ts";
import { memoryWhile } from "./client-load.ts";
import { relayProcess, temporaryDirectory } from "./relay.ts";

const MOST_MIB = 64;
const MIB = 1024 * 1024;
const [count = 10, megabytes = 200] = process.argv.slice(2).map(Number);

const ends: (() => unknown)[] = [];
const cleanup = { after: (end: () => unknown) => void ends.push(end) };
const directory = await temporaryDirectory(cleanup);
const settings = { BLOB_GRANT_BYTES: 1_000_000_000_000 };
const relay = await relayProcess(cleanup, { directory, settings });
const owner = await BareClient.connect(relay.address);
const { depositId } = await register(owner, newMailbox());
const pid = relay.child.pid ?? 0;
const idle = residentBytes(pid, "VmRSS");
const beganMs = performance.now();
await Promise.all(
  Array.from({ length: count }, () => passBlob(relay.address, depositId, megabytes * 1_000_000)),
);
const seconds = Math.round((performance.now() - beganMs) / 1000);
const above = Math.round((residentBytes(pid, "VmHWM") - idle) / MIB);
process.stdout.write(
  `${count} blobs of ${megabytes} MB up and down in ${seconds} s: the relay, ${Math.round(idle / MIB)} MiB when idle, had ${above} MiB more at most (${MOST_MIB} allowed)\n`,
);
await owner.close();

const fromMs = performance.now();
const memories = await memoryWhile(cleanup, { count, bytes: megabytes * 1_000_000 });
const tookSeconds = Math.round((performance.now() - fromMs) / 1000);
process.stdout.write(
  `${count} files of ${megabytes} MB sent, fetched and read in ${tookSeconds} s:\n`,
);
for (const { process: name, idleBytes, aboveBytes } of memories) {
  const [idleMib, aboveMib] = [idleBytes, aboveBytes].map((bytes) => Math.round(bytes / MIB));
  process.stdout.write(`  ${name}: ${idleMib} MiB when idle, ${aboveMib} MiB more at most\n`);
}
for (const end of ends.reverse()) await end();
const isWithin = memories.every(({ aboveBytes }) => aboveBytes <= MOST_MIB * MIB);
process.exitCode = above <= MOST_MIB && isWithin ? 0 : 1;
