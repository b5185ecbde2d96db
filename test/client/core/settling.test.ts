/** What relays and readers say of one message, in any order: the row ends the same, each state told once. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Core } from "../../../client/core/context.ts";
import { takeRead } from "../../../client/core/reads.ts";
import { settle } from "../../../client/core/settling.ts";
import { newContact, putContact } from "../../../client/core/state/contacts.ts";
import { addMessage, findOutgoing } from "../../../client/core/state/messages.ts";
import { envelopesOf, getEnvelope, putEnvelope } from "../../../client/core/state/outbox.ts";
import type { ClientEvent, OutgoingState } from "../../../client/core/types.ts";
import { Draft } from "../../../client/vault/draft.ts";
import { emptyState } from "../../../client/vault/state.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { signingKeyPair } from "../../../shared/crypto/sodium.ts";
import { parseMessageId } from "../../../shared/e2ee/content.ts";

const { publicKey: root } = signingKeyPair(new Uint8Array(32).fill(3));
const id = parseMessageId(new Uint8Array(16).fill(4));
const bytes = (length: number, value = 0) => new Uint8Array(length).fill(value);
const RELAY = "https://example.org#k=AAAAAAAAAAAAAAAAAAAAAA";
const RECEIPT = {
  type: "receipt",
  requestId: 1,
  hour: 7,
  index: 0,
  path: [],
  signature: bytes(64),
} as const;
const ORDER: readonly OutgoingState[] = ["written", "expired", "stored", "read"];

/** Two devices, of which the first is reached at two relays. */
const DEVICES = [1, 1, 2] as const;

type News = "read" | readonly [place: number, "receipt" | "EXPIRED" | "QUOTA"];
const news: fc.Arbitrary<News> = fc.oneof(
  fc.constant("read" as const),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom("receipt", "EXPIRED", "QUOTA")),
);

class Scene {
  readonly tx = new Draft(emptyState());
  readonly events: ClientEvent[] = [];
  readonly #core = {
    vault: { transaction: async <T>(work: (tx: Draft) => T) => work(this.tx) },
    emit: (event: ClientEvent) => this.events.push(event),
    health: { inOrder: <T>(places: T) => places },
  } as unknown as Core;

  constructor() {
    putContact(this.tx, newContact(root));
    const head = { root, id, kind: "text", text: "hello", hour: 1, seq: 1 } as const;
    const fresh = { direction: "out", state: "written", writtenMs: 0, receipt: null } as const;
    addMessage(this.tx, { ...head, ...fresh });
    for (const [i, device] of DEVICES.entries()) {
      putEnvelope(this.tx, i + 1, {
        root,
        device: bytes(16, device),
        messageId: id,
        relay: RELAY,
        depositId: bytes(24, i),
        wrapKey: bytes(32),
        lane: "text",
        urgent: false,
        expiryDay: 1,
        envelope: bytes(1024, i),
        lastFault: "",
        isSpare: false,
      });
    }
  }

  get state(): OutgoingState {
    return findOutgoing(this.tx, id)?.[1].state ?? assert.fail();
  }

  async hear(one: News): Promise<void> {
    if (one === "read") {
      this.events.push(...takeRead(this.tx, root, [id]));
      return;
    }
    const [place, what] = one;
    const row = getEnvelope(this.tx, place);
    if (row === undefined) return;
    const fault = { fault: new TumarError(what === "receipt" ? "INTERNAL" : what, "") };
    const outcome = what === "receipt" ? { receipt: RECEIPT } : fault;
    await settle(this.#core, [{ place, row, ...outcome }]);
  }
}

describe("what is heard of a message", () => {
  it("moves it forwards only, each state told once, to what the last word is (property)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(news, { maxLength: 12 }), async (heard) => {
        const scene = new Scene();
        for (const one of heard) {
          const before = scene.state;
          await scene.hear(one);
          assert.ok(ORDER.indexOf(scene.state) >= ORDER.indexOf(before));
        }
        const told = scene.events.map(({ type }) => type);
        assert.equal(new Set(told).size, told.length, told.join());
        assert.equal(told.at(-1) ?? "written", scene.state);
        const { receipt } = findOutgoing(scene.tx, id)?.[1] ?? assert.fail();
        const isOver = envelopesOf(scene.tx, id).length === 0;
        const sent = receipt === null ? "expired" : "stored";
        const expected = heard.includes("read") ? "read" : isOver ? sent : "written";
        assert.equal(scene.state, expected);
      }),
    );
  });
});
