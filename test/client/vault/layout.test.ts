/** Every size as a sum of its parts, as a literal, and as docs/VAULT.md states it. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  CELL_CHANGES_BYTES,
  type CellContent,
  decodeCell,
  encodeCell,
} from "../../../client/vault/journal.ts";
import {
  bodyBytes,
  bodyOffset,
  bodyPlainBytes,
  CELL_BYTES,
  CELL_INNER_BYTES,
  CELL_PLAIN_BYTES,
  cellOffset,
  ENTRY_BYTES,
  HEADER_BYTES,
  imageBytes,
  LANE_BYTES,
  MAX_POWER,
  MIN_POWER,
  SECTOR_INNER_BYTES,
} from "../../../client/vault/layout.ts";
import { decodeState, emptyState, encodeState, SortedMap } from "../../../client/vault/state.ts";
import { concat } from "../../../shared/crypto/bytes.ts";

const STATED = [
  [ENTRY_BYTES, 4088],
  [HEADER_BYTES, 16384],
  [bodyBytes(MIN_POWER), 262144],
  [bodyBytes(MAX_POWER), 16777216],
  [LANE_BYTES, 262144],
  [imageBytes(MIN_POWER), 2113536],
  [imageBytes(MAX_POWER), 68173824],
  [SECTOR_INNER_BYTES, 4056],
  [CELL_INNER_BYTES, 16224],
  [CELL_PLAIN_BYTES, 16184],
  [CELL_CHANGES_BYTES, 16148],
] as const;

describe("layout", () => {
  it("has the sizes docs/VAULT.md states", async () => {
    const page = await readFile(new URL("../../../../docs/VAULT.md", import.meta.url), "utf8");
    for (const [computed, literal] of STATED) {
      assert.equal(computed, literal);
      assert.ok(page.includes(String(literal)), `${literal} is not in docs/VAULT.md`);
    }
    assert.equal(bodyPlainBytes(18), 262144 - 80);
  });

  it("tiles the image without gap or overlap, on cell boundaries", () => {
    for (let power = MIN_POWER; power <= MAX_POWER; power++) {
      assert.equal(bodyOffset(power, 0), HEADER_BYTES);
      assert.equal(bodyOffset(power, 4), cellOffset(power, 0, 0));
      assert.equal(cellOffset(power, 0, 16), cellOffset(power, 1, 0));
      assert.equal(cellOffset(power, 3, 15) + CELL_BYTES, imageBytes(power));
      assert.equal(cellOffset(power, 2, 3) % CELL_BYTES, 0);
    }
  });
});

describe("encodings", () => {
  const id = new Uint8Array(16).fill(5);

  it("a state comes back, and any other form of it is refused (property)", () => {
    const entries = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 9 }),
      fc.uint8Array({ maxLength: 50 }),
    );
    const bit = fc.integer({ min: 0, max: 7 });
    fc.assert(
      fc.property(entries, fc.nat(), fc.nat(), bit, (record, generation, at, which) => {
        const map = new SortedMap();
        for (const [key, value] of Object.entries(record)) map.set(key, value);
        const state = { generation, entries: map, onOpen: [Uint8Array.of(1), new Uint8Array(3)] };
        const plain = encodeState(state, id, 4_000);
        const decoded = decodeState(plain);
        assert.deepEqual(decoded.checkpointId, id);
        assert.deepEqual(encodeState(decoded.state, id, 4_000), plain);
        const changed = plain.slice();
        changed[at % 4_000] = (changed[at % 4_000] ?? 0) ^ (1 << which);
        assertCanonicalOrRefused(changed);
      }),
      { numRuns: 300 },
    );
    assert.throws(() => encodeState(emptyState(), id, 31), { code: "VAULT_FULL" });
  });

  it("a cell comes back; one that contradicts itself or has bytes left is refused", () => {
    const good: CellContent = {
      tag: id,
      from: 3,
      to: 3,
      part: 1,
      parts: 2,
      changes: Uint8Array.of(9, 9),
    };
    assert.deepEqual(decodeCell(encodeCell(good)), good);
    const bad = [{ from: 4 }, { part: 2 }, { parts: 5 }, { to: 4 }, { parts: 0, part: 0 }];
    for (const change of bad) {
      assert.throws(() => decodeCell(encodeCell({ ...good, ...change })), { code: "MALFORMED" });
    }
    const dirty = encodeCell(good);
    dirty[CELL_PLAIN_BYTES - 1] = 1;
    assert.throws(() => decodeCell(dirty), { code: "MALFORMED" });
    assert.throws(() => decodeCell(concat(encodeCell(good), id)), { code: "MALFORMED" });
  });

  function assertCanonicalOrRefused(plain: Uint8Array): void {
    try {
      const { checkpointId, state } = decodeState(plain);
      assert.deepEqual(encodeState(state, checkpointId, plain.length), plain);
    } catch (error) {
      assert.ok(error instanceof Error && "code" in error && error.code === "MALFORMED");
    }
  }
});
