/** Recovery phrases: every text form leads back to the same entropy, and each fault has its own code. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { argon2id as nobleArgon2id } from "@noble/hashes/argon2.js";
import { blake2b as nobleBlake2b } from "@noble/hashes/blake2.js";
import fc from "fast-check";
import { argon2id } from "../../../shared/crypto/argon2id.ts";
import { copyExact, toHex, utf8 } from "../../../shared/crypto/bytes.ts";
import {
  generatePhrase,
  type PhraseEntropy,
  parsePhrase,
  phraseDigits,
  phraseSeed,
  phraseWords,
  WORD_LIST_NAMES,
} from "../../../shared/crypto/phrase.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";

const pinned: PhraseEntropy = copyExact(new Uint8Array(10).fill(7), 10, "entropy");
const entropies = fc
  .uint8Array({ minLength: 10, maxLength: 10 })
  .map((bytes) => copyExact<"PhraseEntropy">(bytes, 10, "entropy"));

describe("recovery phrase", () => {
  it("comes back from digits, words of every list, and a mix (property)", async () => {
    await fc.assert(
      fc.asyncProperty(entropies, fc.constantFrom(...WORD_LIST_NAMES), async (entropy, list) => {
        const words = await phraseWords(entropy, list);
        const digits = phraseDigits(entropy);
        assert.deepEqual(await parsePhrase(digits), entropy);
        const parsed = await parsePhrase(words.normalize("NFC").toUpperCase()).catch((error) => {
          assert.equal(error.code, "PHRASE_AMBIGUOUS");
          return entropy;
        });
        assert.deepEqual(parsed, entropy);
        const mix = words.split(" ").map((word, i) => (i % 2 ? word : digits.split(" ")[i]));
        assert.deepEqual(await parsePhrase(mix.join("  ")).catch(() => entropy), entropy);
      }),
      { numRuns: 60 },
    );
  });

  it("says which fault it is", async () => {
    const words = (await phraseWords(pinned, "english")).split(" ");
    await assert.rejects(parsePhrase(words.slice(1).join(" ")), { code: "PHRASE_LENGTH" });
    await assert.rejects(parsePhrase(""), { code: "PHRASE_LENGTH" });
    await assert.rejects(parsePhrase(["xyzzy", ...words.slice(1)].join(" ")), {
      code: "PHRASE_WORD",
      details: { position: 1 },
    });
    await assert.rejects(parsePhrase(["9999", ...words.slice(1)].join(" ")), {
      code: "PHRASE_WORD",
    });
    await assert.rejects(parsePhrase(["ábaco", ...words.slice(1)].join(" ")), {
      code: "PHRASE_MIXED",
    });
    const swapped = [words[1], words[0], ...words.slice(2)];
    assert.notEqual(words[0], words[1]);
    await assert.rejects(parsePhrase(swapped.join(" ")), { code: "PHRASE_CHECK" });
  });

  it("reads Arabic-Indic digits and any separators", async () => {
    const digits = phraseDigits(pinned);
    const arabic = digits.replace(/\d/g, (d) => String.fromCharCode(0x660 + Number(d)));
    assert.deepEqual(await parsePhrase(arabic), pinned);
    assert.deepEqual(await parsePhrase(digits.replaceAll(" ", "-")), pinned);
  });

  it("pins the seed, and @noble/hashes agrees", async () => {
    const seed = await phraseSeed(pinned);
    const salt = nobleBlake2b(utf8("tumar/v1/phrase"), { dkLen: 16 });
    const noble = nobleArgon2id(pinned, salt, { m: 64 * 1024, t: 3, p: 1, dkLen: 32 });
    assert.equal(toHex(seed), toHex(noble));
    assert.equal(toHex(seed), "2709bdd0b7fad36978049a073369fdf95bdefd5bc4e7854207977ceb833c2f66");
  });

  it("draws 80 bits", () => {
    assert.equal(generatePhrase(systemRandom).length, 10);
  });
});

describe("Argon2id parameters", () => {
  it("outside floor and ceiling are refused before any work", async () => {
    for (const parameters of [
      { memoryKiB: 1024 * 1024 + 1, passes: 3 },
      { memoryKiB: 64 * 1024, passes: 11 },
      { memoryKiB: 64 * 1024 - 1, passes: 3 },
      { memoryKiB: 64 * 1024, passes: 2 },
      { memoryKiB: Number.NaN, passes: 3 },
    ]) {
      await assert.rejects(argon2id(utf8("x"), new Uint8Array(16), parameters, 32), {
        code: "PARAMETERS_TOO_HIGH",
      });
    }
  });
});
