/**
 * One slot of a container, as it lies in storage: reading it whole, knowing cheaply whether it
 * still lies there unchanged, and making the bytes of a commit or of a new image.
 *
 * Every write touches all four slots alike: the same cell numbers in all lanes, or everything.
 */

import { concat, EMPTY, equalBytes, type Random } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { AEAD_NONCE_BYTES } from "../../shared/crypto/sodium.ts";
import { applyChanges } from "./draft.ts";
import { encodeHeader, type Header, parseHeader, type SlotKeys } from "./header.ts";
import {
  type CellContent,
  type CellWrite,
  decodeCell,
  freeCells,
  type Lane,
  recoverLane,
} from "./journal.ts";
import {
  openBody,
  openCell,
  randomBody,
  randomCell,
  resealBody,
  resealCell,
  sealBody,
  sealCell,
} from "./layer.ts";
import {
  bodyBytes,
  bodyOffset,
  CELL_BYTES,
  CELLS,
  cellOffset,
  HEADER_FIXED_BYTES,
  SLOTS,
} from "./layout.ts";
import { decodeState, type VaultState } from "./state.ts";
import type { ByteRange, Patch } from "./storage.ts";

/** A slot as last read or written. */
export interface Slot {
  readonly header: Header;
  readonly checkpointId: Uint8Array;
  readonly state: VaultState;
  readonly lane: Lane;
  /** First bytes of the own body: new in every image. */
  readonly bodyNonce: Uint8Array;
  /** First bytes of each cell of the own lane. */
  readonly cellNonces: readonly Uint8Array[];
}

/** @throws TumarError VAULT_DAMAGED and what `parseHeader` throws */
export function readSlot(image: Uint8Array, keys: SlotKeys): Slot {
  const header = parseHeader(image);
  const start = bodyOffset(header.power, keys.slot);
  const body = image.subarray(start, start + bodyBytes(header.power));
  const plain = openBody(keys, header.power, body);
  if (!plain) throw new TumarError("VAULT_DAMAGED", "the body of the vault does not open");
  const { checkpointId, state } = orDamaged(() => decodeState(plain));
  plain.fill(0);
  const cells = laneCells(image, header.power, keys.slot);
  const lane = recoverLane(
    cells.map((sealed, cell) => readCell(keys, cell, checkpointId, sealed)),
    state.generation,
  );
  return {
    header,
    checkpointId,
    state: orDamaged(() => replay(state, lane)),
    lane,
    bodyNonce: nonceOf(body),
    cellNonces: cells.map(nonceOf),
  };
}

/** The slot in an image just made, whose lane is empty. */
export function checkpointedSlot(
  image: Uint8Array,
  keys: SlotKeys,
  made: Pick<Slot, "header" | "checkpointId" | "state">,
): Slot {
  const { power } = made.header;
  return {
    ...made,
    lane: [],
    bodyNonce: nonceOf(image.subarray(bodyOffset(power, keys.slot))),
    cellNonces: laneCells(image, power, keys.slot).map(nonceOf),
  };
}

/** What `isUnchanged` compares: anything another process writes changes one of these. */
export function watchedRanges(slot: Slot, keys: SlotKeys): ByteRange[] {
  const { power } = slot.header;
  return [
    { offset: 0, length: HEADER_FIXED_BYTES },
    { offset: bodyOffset(power, keys.slot), length: AEAD_NONCE_BYTES },
    ...watchedCells(slot).map((cell) => ({
      offset: cellOffset(power, keys.slot, cell),
      length: AEAD_NONCE_BYTES,
    })),
  ];
}

/** `read` is what lies at `watchedRanges`. */
export function isUnchanged(slot: Slot, read: readonly Uint8Array[]): boolean {
  const known = [
    encodeHeader(slot.header).subarray(0, HEADER_FIXED_BYTES),
    slot.bodyNonce,
    ...watchedCells(slot).map((cell) => slot.cellNonces[cell] ?? EMPTY),
  ];
  return known.every((bytes, i) => equalBytes(bytes, read[i] ?? EMPTY));
}

/** Where the next commit will be written, and where the last one was. */
function watchedCells({ lane }: Slot): number[] {
  return [freeCells(lane)[0] ?? 0, lane.at(-1)?.cells[0] ?? 0];
}

/** The cells a commit writes, of the other slots: to read before, and to re-seal. */
export function foreignCells(
  power: number,
  own: number,
  writes: readonly CellWrite[],
): (ByteRange & { readonly slot: number; readonly cell: number })[] {
  const slots = [...Array(SLOTS).keys()].filter((slot) => slot !== own);
  return slots.flatMap((slot) =>
    writes.map(({ cell }) => ({
      slot,
      cell,
      offset: cellOffset(power, slot, cell),
      length: CELL_BYTES,
    })),
  );
}

/** All patches of a commit, in the order they lie in the image. `foreign` as read. */
export function commitPatches(
  slot: Slot,
  keys: SlotKeys,
  writes: readonly CellWrite[],
  foreign: readonly Uint8Array[],
  random: Random,
): Patch[] {
  const { power } = slot.header;
  const own = writes.map(({ cell, plain }) => ({
    offset: cellOffset(power, keys.slot, cell),
    bytes: sealCell(keys, cell, slot.checkpointId, plain, random),
  }));
  const others = foreignCells(power, keys.slot, writes).map(({ slot, cell, offset }, i) => ({
    offset,
    bytes: resealCell(keys.containerKey, slot, cell, foreign[i] ?? EMPTY, random),
  }));
  return [...own, ...others].sort((a, b) => a.offset - b.offset);
}

/** The slot after a commit whose patches were written. */
export function afterCommit(
  slot: Slot,
  keys: SlotKeys,
  state: VaultState,
  lane: Lane,
  patches: readonly Patch[],
): Slot {
  const start = cellOffset(slot.header.power, keys.slot, 0);
  const cellNonces = slot.cellNonces.map((old, cell) => {
    const patch = patches.find(({ offset }) => offset === start + cell * CELL_BYTES);
    return patch ? nonceOf(patch.bytes) : old;
  });
  return { ...slot, state, lane, cellNonces };
}

/**
 * A new image with the encoded state `plain` in the own body and an empty own lane; everything of the other slots is
 * re-sealed, their bodies grown to 2^power.
 */
export function checkpointImage(
  image: Uint8Array,
  keys: SlotKeys,
  plain: Uint8Array,
  power: number,
  random: Random,
): Uint8Array {
  const header = parseHeader(image);
  const { containerKey } = keys;
  const bodies: Uint8Array[] = [];
  const lanes: Uint8Array[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const isOwn = slot === keys.slot;
    const start = bodyOffset(header.power, slot);
    const body = image.subarray(start, start + bodyBytes(header.power));
    bodies.push(
      isOwn
        ? sealBody(keys, power, plain, random)
        : resealBody(containerKey, slot, body, power, random),
    );
    for (const [cell, sealed] of laneCells(image, header.power, slot).entries()) {
      lanes.push(
        isOwn
          ? randomCell(containerKey, slot, cell, random)
          : resealCell(containerKey, slot, cell, sealed, random),
      );
    }
  }
  return concat(encodeHeader({ ...header, power }), ...bodies, ...lanes);
}

/** The first image: one slot with the encoded state `plain`, the others random under the container key. */
export function firstImage(
  header: Header,
  keys: SlotKeys,
  plain: Uint8Array,
  random: Random,
): Uint8Array {
  const { containerKey } = keys;
  const bodies: Uint8Array[] = [];
  const lanes: Uint8Array[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const isOwn = slot === keys.slot;
    bodies.push(
      isOwn
        ? sealBody(keys, header.power, plain, random)
        : randomBody(containerKey, slot, header.power, random),
    );
    for (let cell = 0; cell < CELLS; cell++)
      lanes.push(randomCell(containerKey, slot, cell, random));
  }
  return concat(encodeHeader(header), ...bodies, ...lanes);
}

function laneCells(image: Uint8Array, power: number, slot: number): Uint8Array[] {
  return Array.from({ length: CELLS }, (_, cell) => {
    const start = cellOffset(power, slot, cell);
    return image.subarray(start, start + CELL_BYTES);
  });
}

function readCell(
  keys: SlotKeys,
  cell: number,
  checkpointId: Uint8Array,
  sealed: Uint8Array,
): CellContent | undefined {
  const plain = openCell(keys, cell, checkpointId, sealed);
  return plain && orDamaged(() => decodeCell(plain));
}

function replay(state: VaultState, lane: Lane): VaultState {
  return lane.reduce((reached, run) => applyChanges(reached, run.changes, run.to), state);
}

function nonceOf(bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, AEAD_NONCE_BYTES);
}

/** What opened under our key and still is malformed was not written by this version of ours. */
function orDamaged<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new TumarError("VAULT_DAMAGED", "the vault holds what it must not hold", { cause });
  }
}
