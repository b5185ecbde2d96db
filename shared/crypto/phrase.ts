/**
 * The recovery phrase: 80 random bits and 8 check bits as 8 groups of 4 digits or 8 words.
 *
 *     entropy 80 bits ‖ check 8 bits = 88 bits = 8 × 11 bits, each 0000 to 2047
 *     check = first byte of H("", "phrase-check", entropy, 16)
 *
 * Any BIP-39 word list serves, and words and groups may be mixed: each word stands for its index.
 * Text forms never leave the caller's memory; no error repeats a word.
 */

import { argon2id, type DeriveKey } from "./argon2id.ts";
import { type Bytes, copyExact, type Random, utf8 } from "./bytes.ts";
import { TumarError } from "./errors.ts";
import { H } from "./hash.ts";
import { blake2b } from "./sodium.ts";

export type PhraseEntropy = Bytes<"PhraseEntropy">;

export const PHRASE_ENTROPY_BYTES = 10;
export const PHRASE_GROUPS = 8;
const GROUP_BITS = 11;
const GROUP_VALUES = 1 << GROUP_BITS;

/** Fixed for v1 (session-protocol, "Root and statements"). */
const SEED_PARAMETERS = { memoryKiB: 64 * 1024, passes: 3 } as const;
const SEED_BYTES = 32;

export type WordListName =
  | "english"
  | "spanish"
  | "french"
  | "italian"
  | "portuguese"
  | "czech"
  | "japanese"
  | "korean"
  | "simplified-chinese"
  | "traditional-chinese";

type LoadWordList = () => Promise<{ readonly wordlist: readonly string[] }>;

const WORD_LISTS: Readonly<Record<WordListName, LoadWordList>> = {
  english: () => import("@scure/bip39/wordlists/english.js"),
  spanish: () => import("@scure/bip39/wordlists/spanish.js"),
  french: () => import("@scure/bip39/wordlists/french.js"),
  italian: () => import("@scure/bip39/wordlists/italian.js"),
  portuguese: () => import("@scure/bip39/wordlists/portuguese.js"),
  czech: () => import("@scure/bip39/wordlists/czech.js"),
  japanese: () => import("@scure/bip39/wordlists/japanese.js"),
  korean: () => import("@scure/bip39/wordlists/korean.js"),
  "simplified-chinese": () => import("@scure/bip39/wordlists/simplified-chinese.js"),
  "traditional-chinese": () => import("@scure/bip39/wordlists/traditional-chinese.js"),
};

export const WORD_LIST_NAMES: readonly WordListName[] = Object.keys(WORD_LISTS) as WordListName[];

export function generatePhrase(random: Random): PhraseEntropy {
  return copyExact(random(PHRASE_ENTROPY_BYTES), PHRASE_ENTROPY_BYTES, "phrase entropy");
}

/** "0123 0456 …": 8 groups of 4 digits. */
export function phraseDigits(entropy: PhraseEntropy): string {
  return groupsOf(entropy)
    .map((group) => String(group).padStart(4, "0"))
    .join(" ");
}

export async function phraseWords(entropy: PhraseEntropy, list: WordListName): Promise<string> {
  const { wordlist } = await WORD_LISTS[list]();
  return groupsOf(entropy)
    .map((group) => wordlist[group])
    .join(" ");
}

/**
 * Words, groups of digits, or both, in any spacing and normal form.
 * @throws TumarError PHRASE_LENGTH, PHRASE_WORD (details.position counts from 1), PHRASE_MIXED,
 *   PHRASE_CHECK, or PHRASE_AMBIGUOUS when two lists give two valid phrases.
 */
export async function parsePhrase(text: string): Promise<PhraseEntropy> {
  const tokens = tokensOf(text);
  if (tokens.length !== PHRASE_GROUPS) {
    throw new TumarError("PHRASE_LENGTH", `the phrase has ${tokens.length} words, not 8`, {
      details: { count: tokens.length },
    });
  }
  const candidates = await candidateGroups(tokens);
  const found = new Map<string, PhraseEntropy>();
  for (const groups of candidates) {
    const entropy = entropyOf(groups);
    if (entropy !== undefined) found.set(groups.join(), entropy);
  }
  const [entropy, second] = [...found.values()];
  if (entropy === undefined) {
    throw new TumarError("PHRASE_CHECK", "the words do not belong together");
  }
  if (second !== undefined) {
    throw new TumarError("PHRASE_AMBIGUOUS", "the words fit two word lists");
  }
  return entropy;
}

/** The seed of everything an identity derives; about 0.3 s. Wipe after use. */
export function phraseSeed(
  entropy: PhraseEntropy,
  deriveKey: DeriveKey = argon2id,
): Promise<Uint8Array> {
  return deriveKey(entropy, blake2b(16, utf8("tumar/v1/phrase")), SEED_PARAMETERS, SEED_BYTES);
}

function tokensOf(text: string): readonly string[] {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => String(digit.charCodeAt(0) & 0xf))
    .split(/[\s,;-]+/u)
    .filter((token) => token !== "");
}

/** One array of 8 group values for each word list that holds every word. */
async function candidateGroups(tokens: readonly string[]): Promise<readonly (readonly number[])[]> {
  const digits = tokens.map(digitGroup);
  if (digits.every((group) => group !== undefined)) return [digits];
  const isKnown = tokens.map((_, i) => digits[i] !== undefined);
  const candidates: number[][] = [];
  for (const load of Object.values(WORD_LISTS)) {
    const index = indexOf((await load()).wordlist);
    const groups = tokens.map((token, i) => digits[i] ?? index.get(token));
    groups.forEach((group, i) => {
      if (group !== undefined) isKnown[i] = true;
    });
    if (groups.every((group) => group !== undefined)) candidates.push(groups);
  }
  const unknown = isKnown.indexOf(false);
  if (unknown >= 0) {
    throw new TumarError("PHRASE_WORD", `word ${unknown + 1} is in no word list`, {
      details: { position: unknown + 1 },
    });
  }
  if (candidates.length === 0) {
    throw new TumarError("PHRASE_MIXED", "the words come from different word lists");
  }
  return candidates;
}

function digitGroup(token: string): number | undefined {
  if (!/^[0-9]{4}$/.test(token)) return undefined;
  const value = Number(token);
  return value < GROUP_VALUES ? value : undefined;
}

function indexOf(words: readonly string[]): ReadonlyMap<string, number> {
  return new Map(words.map((word, i) => [word.normalize("NFKD").toLowerCase(), i]));
}

function checkByte(entropy: Uint8Array): number {
  return H(new Uint8Array(0), "phrase-check", entropy, 16)[0] ?? 0;
}

function groupsOf(entropy: PhraseEntropy): readonly number[] {
  let value = 0n;
  for (const byte of [...entropy, checkByte(entropy)]) value = (value << 8n) | BigInt(byte);
  return Array.from({ length: PHRASE_GROUPS }, (_, i) =>
    Number((value >> BigInt(GROUP_BITS * (PHRASE_GROUPS - 1 - i))) & BigInt(GROUP_VALUES - 1)),
  );
}

/** Undefined when the check bits do not fit. */
function entropyOf(groups: readonly number[]): PhraseEntropy | undefined {
  let value = 0n;
  for (const group of groups) value = (value << BigInt(GROUP_BITS)) | BigInt(group);
  const bytes = new Uint8Array(PHRASE_ENTROPY_BYTES + 1);
  for (let i = PHRASE_ENTROPY_BYTES; i >= 0; i--) {
    bytes[i] = Number(value & 0xffn);
    value >>= 8n;
  }
  const entropy = bytes.slice(0, PHRASE_ENTROPY_BYTES);
  return checkByte(entropy) === bytes[PHRASE_ENTROPY_BYTES]
    ? (entropy as PhraseEntropy)
    : undefined;
}
