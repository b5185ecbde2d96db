/** Standard input is read whole, up to a bound, and must be text. */

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { boundedBytes, readText } from "../../../client/cli/input.ts";
import { utf8 } from "../../../shared/crypto/bytes.ts";

describe("standard input", () => {
  it("loses one trailing line end, also when a character comes in two chunks", async () => {
    const bytes = utf8("сәлем\nекінші\n\n");
    const chunks = Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]);
    assert.equal(await readText(chunks), "сәлем\nекінші\n");
    assert.equal(await readText(Readable.from([])), "");
  });

  it("is refused when it is no text or too much", async () => {
    const noText = readText(Readable.from([Uint8Array.of(0xff)]));
    await assert.rejects(noText, { code: "MALFORMED" });
    const chunk = new Uint8Array(600_000).fill(0x61);
    await assert.rejects(readText(Readable.from([chunk, chunk])), { code: "INPUT_TOO_LONG" });
  });

  it("is read no further than the bound and one byte", async () => {
    const bytes = await boundedBytes(Readable.from([utf8("abc"), utf8("def")]), 4);
    assert.deepEqual([...bytes], [...utf8("abcde")]);
  });
});
