/** Messages that wait for a gap before them: for a minute, across restarts, whatever the clock does. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getOrder, type HeldItem, listHeld, putOrder } from "../../../client/core/state/held.ts";
import { type IncomingRow, listMessages } from "../../../client/core/state/messages.ts";
import { MAX_INDEX } from "../../../client/core/state/table.ts";
import { releaseHeld } from "../../../client/core/taken-content.ts";
import { CoreTime } from "../../../client/core/time.ts";
import { applyChanges, Draft } from "../../../client/vault/draft.ts";
import { emptyState, type VaultState } from "../../../client/vault/state.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { arrive, MAX_GAP_WAIT_MS } from "../../../shared/e2ee/ordering.ts";

const ROOT = new Uint8Array(32).fill(1);
const DEVICE = new Uint8Array(16).fill(2);
const NOW = 1_700_000_000_000;

function row(text: string, seq: number): IncomingRow {
  const id = new Uint8Array(16);
  new TextEncoder().encodeInto(text, id);
  const head = { direction: "in", root: ROOT, id, text, hour: 1, seq } as const;
  return { ...head, kind: "text", device: DEVICE, isShown: false, isRead: false, kept: null };
}

/** A vault that is committed and read again between all steps. */
class Restarting {
  #state: VaultState = emptyState();

  step<T>(work: (tx: Draft) => T): T {
    const draft = new Draft(this.#state);
    const result = work(draft);
    const generation = this.#state.generation + 1;
    this.#state = applyChanges(this.#state, draft.encodeChanges(), generation);
    return result;
  }

  arrive(item: HeldItem, seq: number, nowMs: number): readonly HeldItem[] {
    return this.step((tx) => {
      const { order, ready } = arrive(getOrder(tx, ROOT, DEVICE), seq, item, nowMs);
      putOrder(tx, ROOT, DEVICE, order);
      return ready;
    });
  }

  release(nowMs: number): readonly string[] {
    const time = new CoreTime(
      () => undefined,
      () => nowMs,
    );
    return this.step((tx) => {
      const before = listMessages(tx).length;
      releaseHeld(tx, { time });
      return listMessages(tx)
        .slice(before)
        .map(([, { text }]) => text);
    });
  }
}

describe("a message after a gap", () => {
  it("waits a minute across restarts, then is shown in order; late ones follow", () => {
    const vault = new Restarting();
    assert.deepEqual(vault.arrive(row("three", 3), 3, NOW), []);
    assert.deepEqual(vault.arrive(row("two", 2), 2, NOW + 1), []);
    assert.deepEqual(vault.release(NOW + MAX_GAP_WAIT_MS - 1), []);
    assert.deepEqual(vault.release(NOW + MAX_GAP_WAIT_MS), ["two", "three"]);
    assert.deepEqual(vault.step(listHeld), []);
    assert.deepEqual(vault.arrive(row("one", 1), 1, NOW + MAX_GAP_WAIT_MS + 1), [row("one", 1)]);
    assert.deepEqual(vault.arrive(row("four", 4), 4, NOW + MAX_GAP_WAIT_MS + 1), [row("four", 4)]);
  });

  it("is shown at once when the gap closes, also by what nobody sees", () => {
    const vault = new Restarting();
    vault.arrive(row("two", 2), 2, NOW);
    assert.deepEqual(vault.step(listHeld), [[toHex(ROOT), toHex(DEVICE)]]);
    assert.deepEqual(vault.arrive(null, 1, NOW), [null, row("two", 2)]);
  });

  it("is not lost to another with its seq, whichever came first", () => {
    for (const items of [
      [row("old", 4), row("new", 4)],
      [null, row("new", 4)],
      [row("old", 4), null],
    ]) {
      const vault = new Restarting();
      for (const item of items) assert.deepEqual(vault.arrive(item, 4, NOW), []);
      const texts = items.flatMap((item) => (item === null ? [] : [item.text]));
      assert.deepEqual(vault.release(NOW + MAX_GAP_WAIT_MS), texts);
    }
  });

  it("is shown when the clock was set back, and with the largest seq there is", () => {
    const vault = new Restarting();
    vault.arrive(row("last", MAX_INDEX), MAX_INDEX, NOW);
    assert.deepEqual(vault.release(NOW - MAX_GAP_WAIT_MS), ["last"]);
    assert.deepEqual(vault.arrive(row("again", 9), 9, NOW), [row("again", 9)]);
  });
});
