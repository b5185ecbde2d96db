/**
 * Files from one device to another over a relay, three processes, and what it costs each in memory: for a
 * test with small files, and `npm run test:memory` with large ones. Linux only.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileBlobStorage } from "../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../client/vault/node/file-storage.ts";
import { residentBytes } from "./blob-load.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";
import { PeerProcess, type PeerReport } from "./peer-process.ts";
import { acquaint, PASSPHRASE, type Person, person } from "./people.ts";
import { relayProcess, temporaryDirectory } from "./relay.ts";

export interface Load {
  readonly count: number;
  /** Of each. */
  readonly bytes: number;
}

export interface Memory {
  readonly process: "sender" | "reader" | "relay";
  readonly idleBytes: number;
  /** At most, at any moment, beside `idleBytes`. */
  readonly aboveBytes: number;
}

const PATIENCE_MS = 3_600_000;
const GREETING = "Сәлем";

/** One file after the other is sent, fetched when it is all there, read to its end and let go. */
export async function memoryWhile(
  test: Cleanup,
  { count, bytes }: Load,
): Promise<readonly Memory[]> {
  const directory = await temporaryDirectory(test);
  const settings = { BLOB_GRANT_BYTES: 1_000_000_000_000 };
  const relay = await relayProcess(test, { directory: join(directory, "relay"), settings });
  const files = await vaults(test, relay.address, directory);
  const fetched = new Waiting();
  const received = new Waiting();
  const [sender, reader] = files.map((file) => {
    const hear = (report: PeerReport): void => {
      if (report.type === "received" && report.kind === "text") received.add();
      if (report.type === "fetched") fetched.add();
    };
    return new PeerProcess(file, PASSPHRASE, hear);
  });
  if (sender === undefined || reader === undefined) throw new RangeError("two vaults");
  for (const peer of [sender, reader]) {
    atEnd(test, () => peer.kill());
    await peer.start();
  }
  // Idle: all that is needed is loaded and connected.
  sender.send("Bek", [GREETING]);
  await received.reached(1);
  reader.readAll();
  const processes = [
    ["sender", sender.pid],
    ["reader", reader.pid],
    ["relay", relay.child.pid],
  ] as const;
  const idle = processes.map(([name, pid = 0]) => {
    // The most it ever had is counted from here on.
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    return { name, pid, idleBytes: residentBytes(pid, "VmRSS") };
  });
  sender.sendFiles("Bek", count, bytes);
  await fetched.reached(count);
  return idle.map(({ name, pid, idleBytes }) => {
    return { process: name, idleBytes, aboveBytes: residentBytes(pid, "VmHWM") - idleBytes };
  });
}

/** Files of two vaults whose owners know each other. */
async function vaults(
  test: Cleanup,
  relay: string,
  directory: string,
): Promise<readonly [string, string]> {
  const files = [join(directory, "aigul.vault"), join(directory, "bek.vault")] as const;
  const at = (file: string): Promise<Person> => {
    const blobs = new FileBlobStorage(`${file}.blobs`);
    return person(test, relay, { storage: new FileStorage(file), blobs });
  };
  const [aigul, bek] = [await at(files[0]), await at(files[1])];
  await acquaint([aigul, "Aigul"], [bek, "Bek"]);
  await aigul.client.close();
  await bek.client.close();
  return files;
}

/** Counts, and tells when so many are there. */
class Waiting {
  #count = 0;
  #told: () => void = () => undefined;

  add(): void {
    this.#count++;
    this.#told();
  }

  async reached(count: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.#count} of ${count}`)), PATIENCE_MS);
    });
    while (this.#count < count) {
      const more = new Promise<void>((resolve) => {
        this.#told = resolve;
      });
      await Promise.race([more, late]);
    }
    clearTimeout(timer);
  }
}
