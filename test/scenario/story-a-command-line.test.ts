/**
 * Story (a) on the command line: ten messages go both ways through `tumar`, while the relay is
 * killed and started again on the same port. Every message is in the other's inbox once, in order.
 */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ReceivedJson, SentJson } from "../../client/cli/json-shapes.ts";
import { jsonLines, result, tumar } from "../client/cli/tumar-process.ts";
import { phrase, phrases } from "../support/phrases.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";

const MESSAGES_EACH = 5;
const RELAY_LIFE_MS = 1_500;

/** Kills and restarts the relay until `end`, and then leaves one running. */
class Storm {
  readonly #test: TestContext;
  readonly #directory: string;
  readonly #port: number;
  readonly #done: Promise<RelayProcess>;
  #isOver = false;
  kills = 0;

  constructor(test: TestContext, directory: string, relay: RelayProcess) {
    this.#test = test;
    this.#directory = directory;
    this.#port = relay.port;
    this.#done = this.#blow(relay);
  }

  end(): Promise<RelayProcess> {
    this.#isOver = true;
    return this.#done;
  }

  async #blow(first: RelayProcess): Promise<RelayProcess> {
    let relay = first;
    while (!this.#isOver) {
      await pause(RELAY_LIFE_MS);
      await relay.end("SIGKILL");
      this.kills += 1;
      relay = await relayProcess(this.#test, { directory: this.#directory, port: this.#port });
    }
    return relay;
  }
}

const PEOPLE = [
  { who: "aigul", friend: "bek", name: "Айгүл", friendName: "Бек" },
  { who: "bek", friend: "aigul", name: "Бек", friendName: "Айгүл" },
] as const;

type Run = (who: string, command: string, ...rest: readonly string[]) => ReturnType<typeof tumar>;

/** The command of each person, over a vault of their own. */
function commandIn(folder: string): Run {
  const passphrase = join(folder, "passphrase");
  writeFileSync(passphrase, "correct horse battery\n", { mode: 0o600 });
  return (who, command, ...rest) =>
    tumar(
      command,
      "--json",
      "--vault",
      join(folder, who),
      "--passphrase-file",
      passphrase,
      ...rest,
    );
}

async function succeed(outcome: ReturnType<typeof tumar>): Promise<void> {
  const { exit, err } = await outcome;
  assert.equal(exit, 0, err);
}

async function acquaint(run: Run, relay: string): Promise<void> {
  for (const { who } of PEOPLE) await succeed(run(who, "init", "--relay", relay));
  for (const { who, friend, friendName } of PEOPLE) {
    const { card } = result<{ readonly card: string }>(await run(friend, "card"));
    await succeed(run(who, "add", card, "--as", friendName));
  }
}

/** Stored, or queued because the relay was down for too long. */
async function send(run: Run, who: string, to: string, text: string): Promise<void> {
  const sent = await run(who, "send", to, text, "--timeout", "5");
  if (sent.exit === 4) return;
  assert.equal(result<SentJson>(sent).state, "stored");
}

describe("story (a) on the command line", () => {
  it("ten messages arrive once and in order while the relay is killed", async (t) => {
    const folder = await temporaryDirectory(t);
    const run = commandIn(folder);
    const directory = join(folder, "relay");
    const relay = await relayProcess(t, { directory });
    await acquaint(run, relay.address);

    const storm = new Storm(t, directory, relay);
    for (let i = 0; i < MESSAGES_EACH; i++) {
      for (const { who, name, friendName } of PEOPLE) {
        await send(run, who, friendName, phrase(name, i));
      }
    }
    await storm.end();
    assert.ok(storm.kills >= 3);

    for (const { who } of PEOPLE) await succeed(run(who, "sync"));
    for (const { who, friendName } of PEOPLE) {
      const listed = await run(who, "inbox", "--new");
      assert.equal(listed.exit, 0, listed.err);
      const texts = jsonLines<ReceivedJson>(listed).map(({ text }) => text);
      assert.deepEqual(texts, phrases(friendName, MESSAGES_EACH));
      assert.deepEqual(jsonLines(await run(who, "inbox", "--new")), []);
    }
  });
});
