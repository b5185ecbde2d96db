/**
 * A process for kill.test.ts: deposits numbered envelopes through GroupCommit until it is killed,
 * acknowledging each tenth, and prints a number only once its commit has resolved.
 */

import { writeSync } from "node:fs";
import { GroupCommit } from "../../../server/store/group-commit.ts";
import { acknowledge, createMailbox, deposit, openIn, putGrant } from "./fixtures.ts";

const [directory = "", start = "0"] = process.argv.slice(2);
const store = openIn(directory, { busyMs: 5000 });
const group = new GroupCommit(store, { signReceipts: (deposits) => deposits });
const say = (line: string): number => writeSync(1, `${line}\n`);

async function depositFrom(first: number): Promise<void> {
  for (let i = first; ; i += 8) {
    const stored = await group.submit(deposit("g", `n${i}`));
    if (!stored.ok) throw new Error(stored.code);
    say(`deposited ${i}`);
    if (i % 10 !== 0) continue;
    const gone = await group.submit(acknowledge("m", `n${i}`));
    if (!gone.ok) throw new Error(gone.code);
    say(`acknowledged ${i}`);
  }
}

await Promise.all([group.submit(createMailbox()), group.submit(putGrant())]);
await Promise.all(Array.from({ length: 8 }, (_, lane) => depositFrom(Number(start) + lane)));
