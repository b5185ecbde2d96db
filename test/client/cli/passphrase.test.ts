/** What counts as a passphrase: the rules of the file, of a new one, and of the prompts. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, describe, it } from "node:test";
import {
  type AskSecret,
  askInTerminal,
  askNewPassphrase,
  askPassphrase,
  parsePassphraseFile,
  passphraseFromFile,
} from "../../../client/cli/passphrase.ts";
import { utf8 } from "../../../shared/crypto/bytes.ts";

const folder = mkdtempSync(join(tmpdir(), "tumar-passphrase-"));
after(() => rmSync(folder, { recursive: true }));

/** Answers in turn; like the real prompt, asks again while an answer is not valid. */
function answering(...answers: string[]): { readonly ask: AskSecret; readonly refused: string[] } {
  const refused: string[] = [];
  const ask: AskSecret = async (_question, validate) => {
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
      const verdict = validate(answer);
      if (verdict === true) return answer;
      refused.push(verdict);
    }
    throw new RangeError("asked more often than expected");
  };
  return { ask, refused };
}

describe("passphrase file", () => {
  for (const [bytes, passphrase] of [
    ["correct horse", "correct horse"],
    ["correct horse\n", "correct horse"],
    ["correct horse\r\n", "correct horse"],
    [" spaces stay \n", " spaces stay "],
    ["құпия сөз\n", "құпия сөз"],
  ] as const) {
    it(`${JSON.stringify(bytes)} is ${JSON.stringify(passphrase)}`, () =>
      assert.equal(parsePassphraseFile(utf8(bytes)), passphrase));
  }

  for (const [name, bytes, code] of [
    ["nothing", utf8(""), "PASSPHRASE_EMPTY"],
    ["only a line end", utf8("\n"), "PASSPHRASE_EMPTY"],
    ["two line ends", utf8("one\n\n"), "PASSPHRASE_FILE"],
    ["two lines", utf8("one\ntwo"), "PASSPHRASE_FILE"],
    ["no text", Uint8Array.of(0xff, 0xfe, 0x41), "PASSPHRASE_FILE"],
    ["too much", new Uint8Array(4097).fill(0x61), "PASSPHRASE_FILE"],
  ] as const) {
    it(`with ${name} is ${code}`, () => assert.throws(() => parsePassphraseFile(bytes), { code }));
  }

  it("is read to its end, and refused when it is missing, a folder or too long", async () => {
    const path = join(folder, "passphrase");
    writeFileSync(path, "correct horse\n");
    assert.equal(await passphraseFromFile(path), "correct horse");
    writeFileSync(path, "x".repeat(1_000_000));
    for (const bad of [path, folder, join(folder, "missing")]) {
      await assert.rejects(passphraseFromFile(bad), { code: "PASSPHRASE_FILE" });
    }
  });
});

describe("new passphrase", () => {
  it("is asked for twice, until both are the same", async () => {
    const { ask, refused } = answering(
      "1234567",
      "correct horse",
      "correct hrose",
      "correct horse",
    );
    assert.equal(await askNewPassphrase(ask), "correct horse");
    assert.equal(refused.length, 2);
  });
});

it("a passphrase that is asked for is not empty", async () => {
  const { ask, refused } = answering("", "x");
  assert.equal(await askPassphrase(ask), "x");
  assert.equal(refused.length, 1);
});

describe("the prompt", () => {
  const terminal = (stream: PassThrough): PassThrough & { isTTY: boolean } =>
    Object.assign(stream, { isTTY: true });

  /** Types each line as soon as a question stands on the screen. */
  function person(...lines: string[]): { readonly ask: AskSecret; readonly screen: () => string } {
    const [input, output] = [terminal(new PassThrough()), terminal(new PassThrough())];
    let screen = "";
    output.on("data", (chunk: Buffer) => {
      screen += chunk.toString();
      if (!screen.endsWith("G") || !/(vault|more):/.test(screen)) return;
      const line = lines.shift();
      // The prompt listens as soon as it has drawn itself.
      if (line !== undefined) setImmediate(() => input.write(line));
    });
    return { ask: askInTerminal({ input, output }), screen: () => screen };
  }

  it("shows stars, never what was typed", async () => {
    const { ask, screen } = person("correct horse\r");
    assert.equal(await askPassphrase(ask), "correct horse");
    assert.doesNotMatch(screen(), /correct|horse/);
    assert.match(screen(), /\*{13}/);
  });

  it("broken off, or without a terminal, is PASSPHRASE_NEEDED", async () => {
    await assert.rejects(askPassphrase(person("\u0003").ask), { code: "PASSPHRASE_NEEDED" });
    const streams = { input: new PassThrough(), output: new PassThrough() };
    await assert.rejects(askPassphrase(askInTerminal(streams)), { code: "PASSPHRASE_NEEDED" });
  });
});
