/**
 * Story: what became of my message, on the command line. An alert leaves first and is told as one; a
 * person reads and says so, though their command is killed again and again; the sender sees every state.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type {
  OutboxJson,
  OutgoingJson,
  ReadJson,
  ReceivedJson,
  SentJson,
} from "../../client/cli/json-shapes.ts";
import {
  assertFails,
  jsonLines,
  type Outcome,
  outcome,
  result,
  startTumar,
  tumar,
} from "../client/cli/tumar-process.ts";
import type { Cleanup } from "../support/cleanup.ts";
import { type LyingRelay, lyingRelay } from "../support/lying-relay.ts";
import { temporaryDirectory } from "../support/relay.ts";

const KILL_AFTER_MS = [400, 900] as const;

type Who = "aigul" | "bek";

class Commands {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    writeFileSync(join(folder, "passphrase"), "correct horse battery\n", { mode: 0o600 });
  }

  typed(who: Who, command: string, ...rest: readonly string[]): readonly string[] {
    const vault = join(this.#folder, `${who}.vault`);
    const pass = join(this.#folder, "passphrase");
    return [command, "--vault", vault, "--passphrase-file", pass, ...rest];
  }

  run(who: Who, command: string, ...rest: readonly string[]): Promise<Outcome> {
    return tumar(...this.typed(who, command, "--json", ...rest));
  }

  async states(): Promise<readonly (readonly [text: string, state: string])[]> {
    await this.run("aigul", "sync");
    const sent = jsonLines<OutgoingJson>(await this.run("aigul", "outbox", "--all"));
    return sent.map(({ text, state }) => [text, state]);
  }
}

interface Scene extends LyingRelay {
  readonly commands: Commands;
}

async function acquainted(t: Cleanup): Promise<Scene> {
  const { relay, store } = await lyingRelay(t);
  const commands = new Commands(await temporaryDirectory(t));
  const made = await Promise.all(
    (["aigul", "bek"] as const).map((who) => commands.run(who, "init", "--relay", relay.address)),
  );
  assert.ok(made.every(({ exit }) => exit === 0));
  const cardOf = async (who: Who) => result<{ card: string }>(await commands.run(who, "card")).card;
  await commands.run("aigul", "add", await cardOf("bek"), "--as", "Бек");
  await commands.run("bek", "add", await cardOf("aigul"), "--as", "ئايگۈل");
  return { commands, relay, store };
}

describe("story: what became of my message", () => {
  const ends: (() => Promise<void>)[] = [];
  let scene: Scene;

  before(async () => {
    scene = await acquainted({ after: (end) => ends.push(end) });
  });

  after(async () => {
    for (const end of ends) await end();
  });

  it("an alert, its reader who is killed while saying so, and the states the sender sees", async () => {
    const { commands, store } = scene;
    const text = result<SentJson>(await commands.run("aigul", "send", "Бек", "I am at gate 12"));
    const urgent = ["send", "--urgent", "Бек", "They are taking me"] as const;
    const alert = result<SentJson>(await commands.run("aigul", ...urgent));
    const heads = (await tumar(...commands.typed("bek", "inbox"))).out.split("\n");
    assert.match(heads[0] ?? "", new RegExp(`  ئايگۈل  ${text.id.slice(0, 8)}$`, "u"));
    assert.match(heads[2] ?? "", new RegExp(`  ALERT from ئايگۈل  ${alert.id.slice(0, 8)}$`, "u"));
    assertFails(await commands.run("bek", "read", "zzzz"), 2, "MESSAGE_UNKNOWN");
    await commands.run("bek", "sync");
    const known = store.deposits.length;
    for (const ms of KILL_AFTER_MS) {
      const reading = startTumar(...commands.typed("bek", "read", alert.id.slice(0, 8)));
      const ended = once(reading, "exit");
      await pause(ms);
      reading.kill("SIGKILL");
      await ended;
    }
    const read = result<ReadJson>(await commands.run("bek", "read", alert.id.slice(0, 8)));
    assert.equal(read.id, alert.id);
    const again = result<ReadJson>(await commands.run("bek", "read", alert.id));
    assert.equal(again.sender, "told-before");
    // The same bytes, however often: the relay knows the envelope and keeps one.
    assert.equal(new Set(store.deposits.slice(known).map(String)).size, 1);
    assert.deepEqual(await commands.states(), [
      ["I am at gate 12", "stored"],
      ["They are taking me", "read"],
    ]);
    const [, shown] = jsonLines<ReceivedJson>(await commands.run("bek", "inbox"));
    assert.deepEqual([shown?.kind, shown?.read], ["alert", true]);
  });

  it("the outbox tells why a message waits, follows it until it has left, and ends", async () => {
    const { commands, relay } = scene;
    await commands.run("aigul", "send", "--no-wait", "Бек", "later");
    await commands.run("aigul", "send", "--no-wait", "--urgent", "Бек", "first");
    const waiting = jsonLines<OutboxJson>(await commands.run("aigul", "outbox"));
    assert.deepEqual(
      waiting.map(({ text, lane, state, trying }) => [text, lane, state, trying]),
      [
        ["first", "urgent", "written", null],
        ["later", "text", "written", null],
      ],
    );
    const following = startTumar(...commands.typed("aigul", "outbox", "--follow", "--json"));
    const followed = await outcome(following);
    assert.equal(followed.exit, 0, followed.err);
    const last = new Map(jsonLines<OutgoingJson>(followed).map(({ text, state }) => [text, state]));
    assert.deepEqual([...last.values()], ["stored", "stored"]);
    await relay.close();
    await commands.run("aigul", "send", "--no-wait", "Бек", "nobody answers");
    const stuck = startTumar(...commands.typed("aigul", "outbox", "--follow", "--json"));
    const lines: OutboxJson[] = [];
    for await (const chunk of stuck.stdout.setEncoding("utf8")) {
      for (const line of String(chunk).split("\n").filter(Boolean)) lines.push(JSON.parse(line));
      if ((lines.at(-1)?.trying ?? null) === null) continue;
      stuck.kill("SIGINT");
    }
    assert.deepEqual([lines.at(-1)?.text, lines.at(-1)?.state], ["nobody answers", "written"]);
    assert.match(lines.at(-1)?.trying ?? "", /\w/);
  });
});
