/** What goes wrong on the command line: each exit code is reached, and nothing on disk is harmed. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type {
  ContactJson,
  OutboxJson,
  ReceivedJson,
  SentJson,
} from "../../../client/cli/json-shapes.ts";
import { findContact } from "../../../client/core/directory.ts";
import { putContact } from "../../../client/core/state/contacts.ts";
import { FileStorage } from "../../../client/vault/node/file-storage.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { quickDerive } from "../../support/quick-derive.ts";
import {
  assertFails,
  type ErrorLine,
  jsonLines,
  quickTumar,
  type RelayProcess,
  result,
  startRelay,
  tumar,
  tumarWith,
} from "./tumar-process.ts";

const folder = mkdtempSync(join(tmpdir(), "tumar-cli-faults-"));
const at = (name: string): string => join(folder, name);
const keyed = (name: string): readonly string[] => [
  "--vault",
  at(name),
  "--passphrase-file",
  at("pass"),
];
const aigul = (command: string, ...rest: readonly string[]): ReturnType<typeof tumar> =>
  tumar(command, "--json", ...keyed("aigul"), ...rest);

let relay: RelayProcess;
let card = "";

before(async () => {
  writeFileSync(at("pass"), "correct horse\n");
  writeFileSync(at("wrong"), "correct house\n");
  writeFileSync(at("short"), "1234567\n");
  writeFileSync(at("empty"), "\n");
  relay = await startRelay(at("data"));
  for (const name of ["aigul", "bek"]) {
    result(await tumar("init", "--json", ...keyed(name), "--relay", relay.address));
  }
  card = result<{ card: string }>(await tumar("card", "--json", ...keyed("bek"))).card;
  result(await aigul("add", card, "--as", "Bek"));
});

after(async () => {
  await relay.stop();
  rmSync(folder, { recursive: true });
});

describe("exit 2: usage", () => {
  for (const typed of [
    [],
    ["nonsense"],
    ["send"],
    ["send", "Bek", "one", "two"],
    ["send", "--nonsense", "Bek", "x"],
    ["send", "--timeout", "soon", "Bek", "x"],
    ["init"],
    ["init", "--relay", "x", "--list", "klingon"],
    ["add", "--as", "Bek"],
    ["add", "card", "--identity", "abc", "--as", "Bek"],
    ["--vault", "v", "relay"],
  ]) {
    it(`tumar ${typed.join(" ")}`, async () => {
      assertFails(await tumar("--json", ...typed), 2, "USAGE");
    });
  }

  for (const typed of [[], ["nonsense"], ["send", "--timeout", "soon", "Bek", "x"]]) {
    it(`tumar ${typed.join(" ")}, told to a person`, async () => {
      const told = await tumar(...typed);
      assert.deepEqual([told.exit, told.out], [2, ""]);
      assert.notEqual(told.err, "");
    });
  }

  it("an unknown name", async () => {
    assertFails(await aigul("send", "Nobody", "x"), 2, "CONTACT_UNKNOWN");
  });

  it("nothing to send", async () => {
    assertFails(await aigul("send", "Bek", ""), 2, "TEXT_EMPTY");
  });
});

describe("exit 3: passphrase and vault", () => {
  for (const [file, code] of [
    ["wrong", "VAULT_PASSPHRASE"],
    ["empty", "PASSPHRASE_EMPTY"],
    ["missing", "PASSPHRASE_FILE"],
  ] as const) {
    it(`a passphrase file: ${file}`, async () => {
      const image = readFileSync(at("aigul"));
      const told = await tumar(
        "contacts",
        "--json",
        "--vault",
        at("aigul"),
        "--passphrase-file",
        at(file),
      );
      assertFails(told, 3, code);
      assert.ok(image.equals(readFileSync(at("aigul"))));
    });
  }

  it("no passphrase and no terminal to ask for it", async () => {
    assertFails(await tumar("contacts", "--json", "--vault", at("aigul")), 3, "PASSPHRASE_NEEDED");
  });

  it("a new passphrase that is too short", async () => {
    const typed = ["init", "--json", "--vault", at("new"), "--relay", relay.address];
    assertFails(await tumar(...typed, "--passphrase-file", at("short")), 3, "PASSPHRASE_SHORT");
    assert.equal(existsSync(at("new")), false);
  });

  it("no vault, or one that was cut or changed", async () => {
    assertFails(await tumar("contacts", "--json", ...keyed("none")), 3, "VAULT_MISSING");
    const image = readFileSync(at("aigul"));
    for (const damaged of [image.subarray(0, 5000), flipped(image)]) {
      writeFileSync(at("damaged"), damaged);
      const told = await tumar("contacts", "--json", ...keyed("damaged"));
      assert.equal(told.exit, 3, told.err);
      assert.ok(readFileSync(at("damaged")).equals(damaged));
    }
  });
});

describe("exit 4: the relay is not reached", () => {
  it("init leaves no file", async () => {
    const nobody = relay.address.replace(`:${relay.port}`, ":9");
    const told = await tumar("init", "--json", ...keyed("new"), "--relay", nobody);
    assertFails(told, 4, "RELAY_UNREACHABLE");
    for (const name of ["new", "new.lock", "new.new"]) assert.equal(existsSync(at(name)), false);
  });

  it("send queues and says so; inbox shows what is there; later it goes out", async () => {
    const { port } = relay;
    assert.equal(await relay.stop(), 0);
    const told = await aigul("send", "--timeout", "1", "Bek", "кезекте");
    assert.equal(told.exit, 4);
    const { error } = JSON.parse(told.err) as ErrorLine;
    assert.match(error.message, /queued: it goes out with the next sync/);
    const [written] = jsonLines<SentJson>(told);
    assert.equal(written?.state, "written");
    const [item] = jsonLines<OutboxJson>(await aigul("outbox"));
    assert.equal(item?.id, written?.id);

    assertFails(await aigul("sync", "--timeout", "1"), 4, "RELAY_UNREACHABLE");
    const inbox = await aigul("inbox", "--timeout", "1");
    assert.deepEqual([inbox.exit, inbox.out], [0, ""]);
    assert.match(inbox.err, /"warning":\{"code":"RELAY_UNREACHABLE"/);

    relay = await startRelay(at("data"), port);
    result(await aigul("sync"));
    const listed = await tumar("inbox", "--new", "--json", ...keyed("bek"));
    assert.equal(jsonLines<ReceivedJson>(listed)[0]?.id, written?.id);
  });
});

describe("exit 5: refused by the relay", () => {
  it("init at a relay that takes too few grants leaves no file", async () => {
    const strict = await startRelay(at("strict"), "0", { TUMAR_RELAY_GRANTS: "8" });
    const told = await tumar("init", "--json", ...keyed("new"), "--relay", strict.address);
    assertFails(told, 5, "LIMIT_REACHED");
    for (const name of ["new", "new.lock", "new.new"]) assert.equal(existsSync(at(name)), false);
    await strict.stop();
  });
});

describe("exit 6: bad data", () => {
  it("a card with one character changed", async () => {
    const image = readFileSync(at("aigul"));
    const place = card.length - 5;
    const other = card[place] === "A" ? "B" : "A";
    const changed = card.slice(0, place) + other + card.slice(place + 1);
    assertFails(await aigul("add", changed, "--as", "Other"), 6, "BAD_CARD");
    assert.ok(image.equals(readFileSync(at("aigul"))));
  });

  it("a relay address that is none", async () => {
    const told = await tumar("init", "--json", ...keyed("new"), "--relay", "http://relay.example");
    assertFails(told, 6, "BAD_RELAY_ADDRESS");
    assert.equal(existsSync(at("new")), false);
  });

  it("a text that fits no envelope", async () => {
    const long = "x".repeat(20_000);
    const told = await tumarWith(long, "send", "--json", ...keyed("aigul"), "Bek", "-");
    assertFails(told, 6, "TEXT_TOO_LONG");
  });
});

describe("exit 8: busy", () => {
  it("another process keeps the vault for too long", async () => {
    const release = await new FileStorage(at("aigul")).lock(1000);
    assertFails(await aigul("send", "--no-wait", "Bek", "x"), 8, "VAULT_BUSY");
    await release();
  });
});

describe("exit 7: identity changed", () => {
  it("nothing is written to a contact whose keys no longer chain to their root", async () => {
    const vault = await Vault.open(new FileStorage(at("aigul")), "correct horse", {
      deriveKey: quickDerive,
    });
    await vault.transaction((tx) => {
      putContact(tx, { ...findContact(tx, "Bek"), isIdentityChanged: true });
    });
    await vault.close();
    assertFails(await aigul("send", "Bek", "x"), 7, "IDENTITY_CHANGED");
    const [bek] = jsonLines<ContactJson>(await aigul("contacts"));
    assert.equal(bek?.identityChanged, true);
  });
});

describe("exit 1: unexpected", () => {
  it("an output that takes nothing", { skip: !existsSync("/dev/full") }, async () => {
    const args = [...quickTumar, "card", "--json", ...keyed("aigul")];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
    });
    const [exit] = (await once(child, "exit")) as [number];
    assert.equal(exit, 1);
  });
});

function flipped(image: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(image);
  for (let i = 0; i < copy.length; i += 64) copy[i] = (copy[i] ?? 0) ^ 1;
  return copy;
}
