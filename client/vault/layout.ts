/**
 * Where everything lies in a container (docs/VAULT.md), and why each size is what it is.
 *
 *     header 16 KiB | body × 4, 2^power bytes each | lane × 4, 16 cells of 16 KiB each
 *
 * Every boundary is a multiple of 16 KiB, so that one cell is one record in a browser's store and
 * never shares a disk sector with anything else.
 */

import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from "../../shared/crypto/sodium.ts";

export const FORMAT_VERSION = 1;
export const SLOTS = 4;

export const HEADER_BYTES: number = 16 * 1024;
/** version u16, power u8, slots u8, memory u32, passes u32, zero u32, salt 16. */
export const HEADER_FIXED_BYTES = 32;
export const ENTRY_BYTES: number = (HEADER_BYTES - HEADER_FIXED_BYTES) / SLOTS;

export const MIN_POWER = 18;
export const MAX_POWER = 24;

export const CELLS = 16;
export const CELL_BYTES: number = 16 * 1024;
export const LANE_BYTES: number = CELLS * CELL_BYTES;
/** A commit that needs more cells checkpoints instead. */
export const MAX_COMMIT_CELLS = 4;

/**
 * The outer layer of a cell is sealed sector by sector: a foreign cell is re-sealed in place, and
 * if that write is torn, every sector is still either the old or the new one, with the same inside.
 * 4096 is what disks and flash write at once.
 */
export const SECTOR_BYTES = 4096;
export const SECTORS: number = CELL_BYTES / SECTOR_BYTES;

/** Nonce in front, tag behind: what one layer adds. */
export const LAYER_BYTES: number = AEAD_NONCE_BYTES + AEAD_TAG_BYTES;
export const SECTOR_INNER_BYTES: number = SECTOR_BYTES - LAYER_BYTES;
/** The inner layer of a cell, sealed under the slot key or random. */
export const CELL_INNER_BYTES: number = SECTORS * SECTOR_INNER_BYTES;
export const CELL_PLAIN_BYTES: number = CELL_INNER_BYTES - LAYER_BYTES;

export function bodyBytes(power: number): number {
  return 2 ** power;
}

/** Room for a slot's encoded state: two layers less than the body. */
export function bodyPlainBytes(power: number): number {
  return bodyBytes(power) - 2 * LAYER_BYTES;
}

export function imageBytes(power: number): number {
  return HEADER_BYTES + SLOTS * (bodyBytes(power) + LANE_BYTES);
}

export function bodyOffset(power: number, slot: number): number {
  return HEADER_BYTES + slot * bodyBytes(power);
}

export function cellOffset(power: number, slot: number, cell: number): number {
  return HEADER_BYTES + SLOTS * bodyBytes(power) + slot * LANE_BYTES + cell * CELL_BYTES;
}
