/**
 * The head of a container: the only bytes that do not look random, and the entries.
 *
 *     version u16 | power u8 | slots u8 | memory KiB u32 | passes u32 | zero u32 | salt 16 | entry × 4
 *
 * One Argon2id run gives the key that is tried on every entry; an entry is sealed keys or random
 * bytes, and nobody without a passphrase can tell which. Entries are never rewritten: an opener
 * could renew only its own, and the two images would show which one that is.
 */

import {
  ARGON2ID_SALT_BYTES,
  type Argon2idParameters,
  checkArgon2idParameters,
} from "../../shared/crypto/argon2id.ts";
import {
  ByteReader,
  concat,
  lp,
  type Random,
  u8,
  u16,
  u32,
  utf8,
} from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { AEAD_KEY_BYTES } from "../../shared/crypto/sodium.ts";
import { openLayer, sealLayer } from "./layer.ts";
import {
  ENTRY_BYTES,
  FORMAT_VERSION,
  HEADER_BYTES,
  imageBytes,
  LAYER_BYTES,
  MAX_POWER,
  MIN_POWER,
  SLOTS,
} from "./layout.ts";
import { checkZeros } from "./state.ts";

export interface Header {
  /** Every body has 2^power bytes. */
  readonly power: number;
  readonly parameters: Argon2idParameters;
  readonly salt: Uint8Array;
  /** SLOTS × ENTRY_BYTES, kept as they are. */
  readonly entries: Uint8Array;
}

/** What an entry holds, and which one it is. Secret. */
export interface SlotKeys {
  readonly slot: number;
  readonly slotKey: Uint8Array;
  readonly containerKey: Uint8Array;
}

/** Key of all entries: what Argon2id gives. */
export const ENTRY_KEY_BYTES: number = AEAD_KEY_BYTES;

const ENTRY_PLAIN_BYTES: number = ENTRY_BYTES - LAYER_BYTES;
const NO_FLAGS = 0;

/**
 * Reads the head of a whole image and checks the image's length against it.
 * @throws TumarError VAULT_DAMAGED, VAULT_VERSION, PARAMETERS_TOO_HIGH
 */
export function parseHeader(image: Uint8Array): Header {
  if (image.length < HEADER_BYTES) throw damagedHead("is cut");
  const reader = new ByteReader(image.subarray(0, HEADER_BYTES));
  checkVersion(reader.u16());
  const power = reader.u8();
  const slots = reader.u8();
  const parameters = { memoryKiB: reader.u32(), passes: reader.u32() };
  const reserved = reader.u32();
  if (slots !== SLOTS || reserved !== 0) throw damagedHead("has fields out of bounds");
  if (power < MIN_POWER || power > MAX_POWER) throw damagedHead("has fields out of bounds");
  if (image.length !== imageBytes(power)) throw damagedHead("does not fit the length");
  checkArgon2idParameters(parameters);
  const salt = reader.take(ARGON2ID_SALT_BYTES).slice();
  return { power, parameters, salt, entries: reader.rest().slice() };
}

export function encodeHeader({ power, parameters, salt, entries }: Header): Uint8Array {
  return concat(
    u16(FORMAT_VERSION),
    u8(power),
    u8(SLOTS),
    u32(parameters.memoryKiB),
    u32(parameters.passes),
    u32(0),
    salt,
    entries,
  );
}

/** All entries, the one of `keys` sealed, the others random. */
export function createEntries(entryKey: Uint8Array, keys: SlotKeys, random: Random): Uint8Array {
  const entries = random(SLOTS * ENTRY_BYTES);
  const plain = concat(
    keys.slotKey,
    keys.containerKey,
    u32(NO_FLAGS),
    new Uint8Array(ENTRY_PLAIN_BYTES - 2 * AEAD_KEY_BYTES - 4),
  );
  entries.set(sealLayer(entryKey, plain, entryLabel(keys.slot), random), keys.slot * ENTRY_BYTES);
  return entries;
}

/** Tries every entry, always all of them. @throws TumarError VAULT_PASSPHRASE when none opens. */
export function openEntries(entryKey: Uint8Array, entries: Uint8Array): SlotKeys {
  let found: SlotKeys | undefined;
  for (let slot = 0; slot < SLOTS; slot++) {
    const sealed = entries.subarray(slot * ENTRY_BYTES, (slot + 1) * ENTRY_BYTES);
    const plain = openLayer(entryKey, sealed, entryLabel(slot));
    if (plain) found ??= parseEntry(slot, plain);
  }
  if (!found) {
    throw new TumarError(
      "VAULT_PASSPHRASE",
      "wrong passphrase, or the head of the vault is damaged",
    );
  }
  return found;
}

function parseEntry(slot: number, plain: Uint8Array): SlotKeys {
  const reader = new ByteReader(plain);
  const slotKey = reader.take(AEAD_KEY_BYTES).slice();
  const containerKey = reader.take(AEAD_KEY_BYTES).slice();
  if (reader.u32() !== NO_FLAGS)
    throw new TumarError("VAULT_VERSION", "unknown flags in the entry");
  checkZeros(reader.rest());
  plain.fill(0);
  return { slot, slotKey, containerKey };
}

function checkVersion(version: number): void {
  if (version === 0) throw damagedHead("has fields out of bounds");
  if (version > FORMAT_VERSION) {
    throw new TumarError("VAULT_VERSION", `format ${version} is newer than ${FORMAT_VERSION}`);
  }
}

function entryLabel(slot: number): Uint8Array {
  return lp(utf8("tumar/v1/vault.entry"), u8(slot));
}

function damagedHead(fault: string): TumarError {
  return new TumarError("VAULT_DAMAGED", `the head of the vault ${fault}`);
}
