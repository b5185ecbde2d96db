/** Aigul and Bek on the command line, through a real relay: each command, its JSON, and who is told what. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import type {
  ContactJson,
  IdentityJson,
  OutboxJson,
  ReceivedJson,
  SafetyNumberJson,
  SentJson,
} from "../../../client/cli/json-shapes.ts";
import type { SyncSummary } from "../../../client/core/types.ts";
import {
  assertFails,
  jsonLines,
  outcome,
  type RelayProcess,
  result,
  startRelay,
  startTumar,
  tumar,
  tumarWith,
} from "./tumar-process.ts";

const BASE32 = /^[a-z2-7]+$/;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z$/;

const folder = mkdtempSync(join(tmpdir(), "tumar-cli-"));
const at = (...names: readonly string[]): string => join(folder, ...names);
const vaults = { aigul: at("aigul", "vault"), bek: at("bek.vault") } as const;
type Person = keyof typeof vaults;

let relay: RelayProcess;
let aigul: IdentityJson;

function options(who: Person): readonly string[] {
  return ["--vault", vaults[who], "--passphrase-file", at("passphrase")];
}

function as(who: Person, command: string, ...rest: readonly string[]): ReturnType<typeof tumar> {
  return tumar(command, "--json", ...options(who), ...rest);
}

async function newMessages(who: Person): Promise<ReceivedJson[]> {
  const listed = await as(who, "inbox", "--new");
  assert.equal(listed.exit, 0, listed.err);
  return jsonLines<ReceivedJson>(listed);
}

before(async () => {
  writeFileSync(at("passphrase"), "correct horse\n", { mode: 0o600 });
  relay = await startRelay(at("data"));
});

after(async () => {
  await relay.stop();
  rmSync(folder, { recursive: true });
});

describe("tumar", () => {
  it("init prints the identity and the recovery phrase, once", async () => {
    aigul = result<IdentityJson>(await as("aigul", "init", "--relay", relay.address));
    assert.deepEqual(Object.keys(aigul), ["identity", "phrase", "digits"]);
    assert.match(aigul.identity, BASE32);
    assert.equal(aigul.phrase.split(" ").length, 8);
    assert.match(aigul.digits, /^(\d{4} ){7}\d{4}$/);
    assert.equal(statSync(vaults.aigul).mode & 0o777, 0o600);
    assert.equal(statSync(at("aigul")).mode & 0o777, 0o700);
  });

  it("init for people numbers the words, in the language asked for", async () => {
    const made = await tumar(
      "init",
      ...options("bek"),
      "--relay",
      relay.address,
      "--list",
      "czech",
    );
    assert.equal(made.exit, 0, made.err);
    assert.match(made.out, /^Your identity: [a-z2-7]{52}$/m);
    for (let i = 1; i <= 8; i++)
      assert.match(made.out, new RegExp(`^  ${i}\\. [a-z]+ +\\d{4}$`, "m"));
    assert.match(made.out, /on paper/);
  });

  it("init leaves a vault that is there alone", async () => {
    const image = readFileSync(vaults.aigul);
    assertFails(await as("aigul", "init", "--relay", relay.address), 3, "VAULT_EXISTS");
    assert.ok(image.equals(readFileSync(vaults.aigul)));
  });

  it("card is a link of at most 300 characters, or a picture", async () => {
    const { card } = result<{ card: string }>(await as("aigul", "card", "--png", at("card.png")));
    assert.match(card, /^http:\/\/127\.0\.0\.1:\d+\/c#1[A-Za-z0-9_-]+$/);
    assert.ok(card.length <= 300);
    assert.equal(statSync(at("card.png")).mode & 0o777, 0o600);
    assertFails(await as("aigul", "card", "--png", at("card.png")), 2, "FILE_NOT_WRITTEN");
    const drawn = await tumar("card", ...options("aigul"), "--qr");
    assert.equal(drawn.err, "");
    assert.match(drawn.out, new RegExp(`^${card.replaceAll(/[.?]/g, "\\$&")}\n[ ▀▄█\n]+$`));
  });

  it("add takes a card from the argument or from standard input, once per name", async () => {
    const { card } = result<{ card: string }>(await as("bek", "card"));
    const added = result<ContactJson>(await as("aigul", "add", card, "--as", "Bek"));
    assert.deepEqual(Object.keys(added), [
      "name",
      "identity",
      "verified",
      "identityChanged",
      "reachable",
    ]);
    assert.equal(added.name, "Bek");
    const again = await tumarWith(
      `${card}\n`,
      "add",
      "-",
      "--as",
      "Bek",
      "--json",
      ...options("aigul"),
    );
    assert.equal(again.exit, 2, again.err);
    assert.match(again.err, /"code":"CONTACT_NAME_TAKEN"/);
  });

  it("send answers after the relay's receipt", async () => {
    const sent = result<SentJson>(await as("aigul", "send", "Bek", "Сәлем, Бек! 👋"));
    assert.deepEqual(Object.keys(sent), ["id", "state", "receipt"]);
    assert.equal(sent.state, "stored");
    assert.match(sent.id, BASE32);
    assert.deepEqual(Object.keys(sent.receipt ?? {}), ["relay", "hour", "envelope", "proof"]);
    assert.equal(sent.receipt?.relay, relay.address);
    assert.match(sent.receipt?.hour ?? "", ISO_TIME);
    assert.match(sent.receipt?.envelope ?? "", BASE32);
  });

  it("inbox --new shows somebody unknown with the identity to compare, once", async () => {
    const [message, second] = await newMessages("bek");
    assert.equal(second, undefined);
    assert.ok(message !== undefined);
    assert.deepEqual(Object.keys(message), [
      "id",
      "from",
      "identity",
      "kind",
      "text",
      "at",
      "read",
      "media",
    ]);
    assert.equal(message.from, null);
    assert.equal(message.identity, aigul.identity);
    assert.equal(message.kind, "text");
    assert.equal(message.text, "Сәлем, Бек! 👋");
    assert.match(message.at, ISO_TIME);
    assert.deepEqual(await newMessages("bek"), []);
    assert.deepEqual(jsonLines(await as("bek", "inbox")), [message]);
  });

  it("add --identity names who wrote first", async () => {
    const prefix = aigul.identity.slice(0, 16);
    const person = await tumar("inbox", ...options("bek"));
    assert.match(person.out, new RegExp(`tumar add --identity ${prefix} --as NAME$`, "m"));
    const named = result<ContactJson>(
      await as("bek", "add", "--identity", prefix, "--as", "Айгүл"),
    );
    assert.deepEqual([named.name, named.identity], ["Айгүл", aigul.identity]);
    const [message] = jsonLines<ReceivedJson>(await as("bek", "inbox"));
    assert.equal(message?.from, "Айгүл");
  });

  it("send reads the text from standard input, and takes an identity prefix for a name", async () => {
    const text = "жауап\n\nекі жол";
    const prefix = aigul.identity.slice(0, 8);
    const sent = await tumarWith(`${text}\n`, "send", prefix, "-", "--json", ...options("bek"));
    assert.equal(result<SentJson>(sent).state, "stored");
    const [message] = await newMessages("aigul");
    assert.deepEqual([message?.from, message?.text], ["Bek", text]);
  });

  it("verify shows the same 60 digits on both sides, and --confirm marks them", async () => {
    const [here, there] = await Promise.all([
      as("aigul", "verify", "Bek"),
      as("bek", "verify", "Айгүл"),
    ]);
    const { safetyNumber } = result<SafetyNumberJson>(here);
    assert.match(safetyNumber, /^[0-9]{60}$/);
    assert.equal(result<SafetyNumberJson>(there).safetyNumber, safetyNumber);
    await as("aigul", "verify", "Bek", "--confirm");
    const [bek] = jsonLines<ContactJson>(await as("aigul", "contacts"));
    assert.deepEqual([bek?.name, bek?.verified], ["Bek", true]);
  });

  it("send --no-wait queues, outbox shows it, sync sends it", async () => {
    const written = result<SentJson>(await as("aigul", "send", "--no-wait", "Bek", "кейін"));
    assert.deepEqual(Object.keys(written), ["id", "state"]);
    assert.equal(written.state, "written");
    const [item] = jsonLines<OutboxJson>(await as("aigul", "outbox"));
    assert.deepEqual([item?.id, item?.to, item?.state], [written.id, "Bek", "written"]);
    const synced = result<SyncSummary>(await as("aigul", "sync"));
    assert.deepEqual([synced.sent, synced.queued], [1, 0]);
    assert.deepEqual(jsonLines(await as("aigul", "outbox")), []);
    assert.equal(result<SyncSummary>(await as("bek", "sync")).received, 1);
    assert.equal((await newMessages("bek"))[0]?.id, written.id);
  });

  it("inbox --follow stays, prints what comes, and ends in order", async () => {
    const follower = startTumar("inbox", "--new", "--follow", "--json", ...options("bek"));
    const lines = createInterface({ input: follower.stdout });
    const line = once(lines, "line") as Promise<[string]>;
    const ended = outcome(follower);
    const sent = result<SentJson>(await as("aigul", "send", "Bek", "қазір"));
    const [text] = await line;
    assert.equal((JSON.parse(text) as ReceivedJson).id, sent.id);
    follower.kill("SIGTERM");
    assert.equal((await ended).exit, 0);
    assert.deepEqual(await newMessages("bek"), []);
  });

  it("a reader who leaves ends inbox quietly, and what he did not get stays new", async () => {
    await as("aigul", "send", "Bek", "тағы");
    const reader = startTumar("inbox", "--new", "--json", ...options("bek"));
    reader.stdout.destroy();
    const [exit] = (await once(reader, "exit")) as [number];
    assert.equal(exit, 0);
    assert.equal((await newMessages("bek")).length, 1);
  });
});
