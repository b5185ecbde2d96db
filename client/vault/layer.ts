/**
 * The layers of a container: the outer one under the container key, which every opener can renew
 * without reading what is inside, and the inner one under the slot key or random bytes.
 *
 * A layer is nonce 24 ‖ XChaCha20-Poly1305; the nonce is fresh each time.
 */

import { concat, lp, type Random, u8, utf8 } from "../../shared/crypto/bytes.ts";
import { AEAD_NONCE_BYTES, seal, tryOpen } from "../../shared/crypto/sodium.ts";
import type { SlotKeys } from "./header.ts";
import {
  bodyBytes,
  CELL_BYTES,
  CELL_INNER_BYTES,
  LAYER_BYTES,
  MIN_POWER,
  SECTOR_BYTES,
  SECTOR_INNER_BYTES,
  SECTORS,
} from "./layout.ts";

export function sealLayer(
  key: Uint8Array,
  plain: Uint8Array,
  label: Uint8Array,
  random: Random,
): Uint8Array {
  const nonce = random(AEAD_NONCE_BYTES);
  return concat(nonce, seal(key, nonce, plain, label));
}

export function openLayer(
  key: Uint8Array,
  sealed: Uint8Array,
  label: Uint8Array,
): Uint8Array | undefined {
  const nonce = sealed.subarray(0, AEAD_NONCE_BYTES);
  return tryOpen(key, nonce, sealed.subarray(AEAD_NONCE_BYTES), label);
}

/** `plain` has bodyPlainBytes(power). */
export function sealBody(
  keys: SlotKeys,
  power: number,
  plain: Uint8Array,
  random: Random,
): Uint8Array {
  const inner = sealLayer(keys.slotKey, plain, innerBodyLabel(power), random);
  return sealLayer(keys.containerKey, inner, bodyLabel(keys.slot), random);
}

/**
 * The inner layer has the size the slot had when its owner last wrote it: others have only padded
 * it since. Undefined when either layer does not open.
 */
export function openBody(keys: SlotKeys, power: number, body: Uint8Array): Uint8Array | undefined {
  const inner = openLayer(keys.containerKey, body, bodyLabel(keys.slot));
  if (!inner) return undefined;
  for (let written = power; written >= MIN_POWER; written--) {
    const sealed = inner.subarray(0, bodyBytes(written) - LAYER_BYTES);
    const plain = openLayer(keys.slotKey, sealed, innerBodyLabel(written));
    if (plain) return plain;
  }
  return undefined;
}

/**
 * A foreign body with a new outer layer, grown to 2^power. A body whose outer layer is damaged
 * was lost already and becomes random.
 */
export function resealBody(
  containerKey: Uint8Array,
  slot: number,
  body: Uint8Array,
  power: number,
  random: Random,
): Uint8Array {
  const room = bodyBytes(power) - LAYER_BYTES;
  const inner = openLayer(containerKey, body, bodyLabel(slot));
  const grown = inner ? concat(inner, random(room - inner.length)) : undefined;
  const plain = grown ?? random(room);
  return sealLayer(containerKey, plain, bodyLabel(slot), random);
}

export function randomBody(
  containerKey: Uint8Array,
  slot: number,
  power: number,
  random: Random,
): Uint8Array {
  const inner = random(bodyBytes(power) - LAYER_BYTES);
  return sealLayer(containerKey, inner, bodyLabel(slot), random);
}

/** `plain` has CELL_PLAIN_BYTES; bound to the checkpoint it builds on and to its place. */
export function sealCell(
  keys: SlotKeys,
  cell: number,
  checkpointId: Uint8Array,
  plain: Uint8Array,
  random: Random,
): Uint8Array {
  const inner = sealLayer(keys.slotKey, plain, innerCellLabel(cell, checkpointId), random);
  return sealSectors(keys.containerKey, keys.slot, cell, random, () => inner);
}

/** Undefined when the cell is unused, torn, damaged, or of another checkpoint. */
export function openCell(
  keys: SlotKeys,
  cell: number,
  checkpointId: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const inner = new Uint8Array(CELL_INNER_BYTES);
  for (let sector = 0; sector < SECTORS; sector++) {
    const part = openSector(keys.containerKey, keys.slot, cell, sector, sealed);
    if (!part) return undefined;
    inner.set(part, sector * SECTOR_INNER_BYTES);
  }
  return openLayer(keys.slotKey, inner, innerCellLabel(cell, checkpointId));
}

/** The same inside under a new outer layer; a damaged sector becomes random. */
export function resealCell(
  containerKey: Uint8Array,
  slot: number,
  cell: number,
  sealed: Uint8Array,
  random: Random,
): Uint8Array {
  const inner = random(CELL_INNER_BYTES);
  return sealSectors(containerKey, slot, cell, random, (sector) => {
    const part = openSector(containerKey, slot, cell, sector, sealed);
    if (part) inner.set(part, sector * SECTOR_INNER_BYTES);
    return inner;
  });
}

export function randomCell(
  containerKey: Uint8Array,
  slot: number,
  cell: number,
  random: Random,
): Uint8Array {
  const inner = random(CELL_INNER_BYTES);
  return sealSectors(containerKey, slot, cell, random, () => inner);
}

function sealSectors(
  containerKey: Uint8Array,
  slot: number,
  cell: number,
  random: Random,
  innerAt: (sector: number) => Uint8Array,
): Uint8Array {
  const out = new Uint8Array(CELL_BYTES);
  for (let sector = 0; sector < SECTORS; sector++) {
    const start = sector * SECTOR_INNER_BYTES;
    const part = innerAt(sector).subarray(start, start + SECTOR_INNER_BYTES);
    const label = sectorLabel(slot, cell, sector);
    out.set(sealLayer(containerKey, part, label, random), sector * SECTOR_BYTES);
  }
  return out;
}

function openSector(
  containerKey: Uint8Array,
  slot: number,
  cell: number,
  sector: number,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const bytes = sealed.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
  return openLayer(containerKey, bytes, sectorLabel(slot, cell, sector));
}

function bodyLabel(slot: number): Uint8Array {
  return lp(utf8("tumar/v1/vault.body"), u8(slot));
}

function innerBodyLabel(power: number): Uint8Array {
  return lp(utf8("tumar/v1/vault.state"), u8(power));
}

function sectorLabel(slot: number, cell: number, sector: number): Uint8Array {
  return lp(utf8("tumar/v1/vault.sector"), Uint8Array.of(slot, cell, sector));
}

function innerCellLabel(cell: number, checkpointId: Uint8Array): Uint8Array {
  return lp(utf8("tumar/v1/vault.cell"), u8(cell), checkpointId);
}
