/** Ids as people type them: the beginning is enough while it names one received message. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { findReceivedId, MIN_PREFIX_CHARACTERS } from "../../../client/core/message-ids.ts";
import { addMessage } from "../../../client/core/state/messages.ts";
import { Draft } from "../../../client/vault/draft.ts";
import { emptyState } from "../../../client/vault/state.ts";
import { toBase32 } from "../../../shared/crypto/bytes.ts";

const BASE = { root: new Uint8Array(32), text: "", hour: 1, seq: 1, kind: "text" } as const;
const INCOMING = {
  ...BASE,
  direction: "in",
  device: new Uint8Array(16),
  isShown: false,
  isRead: false,
  kept: null,
} as const;
const OUTGOING = {
  ...BASE,
  direction: "out",
  state: "written",
  writtenMs: 0,
  receipt: null,
} as const;

function idOf(start: readonly number[], last: number): Uint8Array {
  const id = new Uint8Array(16).fill(last);
  id.set(start);
  return id;
}

function vaultWith(received: readonly Uint8Array[], sent: readonly Uint8Array[] = []): Draft {
  const tx = new Draft(emptyState());
  for (const id of received) addMessage(tx, { ...INCOMING, id });
  for (const id of sent) addMessage(tx, { ...OUTGOING, id });
  return tx;
}

describe("the beginning of an id", () => {
  it("names the one message that begins so, in capitals too, and never one that was sent", () => {
    const [one, two, sent] = [idOf([1, 2, 3], 7), idOf([1, 2, 4], 7), idOf([1, 2, 3], 8)];
    const tx = vaultWith([one, two], [sent]);
    const text = toBase32(one);
    assert.deepEqual(findReceivedId(tx, text.slice(0, 5)), one);
    assert.deepEqual(findReceivedId(tx, text.slice(0, 5).toUpperCase()), one);
    assert.deepEqual(findReceivedId(tx, text), one);
    assert.throws(() => findReceivedId(tx, text.slice(0, 4)), { code: "MESSAGE_AMBIGUOUS" });
    assert.throws(() => findReceivedId(tx, toBase32(sent)), { code: "MESSAGE_UNKNOWN" });
    assert.throws(() => findReceivedId(tx, text.slice(0, 3)), { code: "MESSAGE_UNKNOWN" });
  });

  it("never names another message than one that begins so (property)", () => {
    const ids = fc.uniqueArray(fc.uint8Array({ minLength: 16, maxLength: 16 }), {
      minLength: 1,
      maxLength: 5,
      selector: toBase32,
    });
    fc.assert(
      fc.property(
        ids,
        fc.nat(4),
        fc.integer({ min: MIN_PREFIX_CHARACTERS, max: 26 }),
        (all, i, n) => {
          const wanted = all[i % all.length] ?? assert.fail();
          const typed = toBase32(wanted).slice(0, n);
          const matches = all.filter((id) => toBase32(id).startsWith(typed));
          const tx = vaultWith(all);
          if (matches.length === 1) assert.deepEqual(findReceivedId(tx, typed), wanted);
          else assert.throws(() => findReceivedId(tx, typed), { code: "MESSAGE_AMBIGUOUS" });
        },
      ),
    );
  });
});
