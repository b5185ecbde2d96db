/**
 * Any sequence of deposits, polls, lost answers and acknowledgements, over both paths and a
 * WebSocket: each envelope is delivered until it is acknowledged, oldest first, and nothing else is
 * deleted.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY, equalBytes } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import type { Deliver } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import type { BareExchanger, ExchangeName } from "../support/bare-exchange.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  depositFrame,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { deliveriesIn, exchangeScene, makeMailbox, typesOf } from "../support/exchange-scene.ts";

type Step =
  | { readonly kind: "deposit"; readonly size: number; readonly isDoubled: boolean }
  | {
      readonly kind: "poll";
      readonly path: ExchangeName;
      readonly bucket: number;
      readonly credit: number;
      /** The answer never reaches the client. */
      readonly isLost: boolean;
      /** What is whole is safely kept and acknowledged with the next poll. */
      readonly keeps: boolean;
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("deposit" as const),
    size: fc.constantFrom(1024, 4096, 16_384),
    isDoubled: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("poll" as const),
    path: fc.constantFrom<ExchangeName>("exchange", "thrifty"),
    bucket: fc.constantFrom(0, 512, 1536, 4608, 16_896, 50_688),
    credit: fc.constantFrom(1, 2, 64),
    isLost: fc.boolean(),
    keeps: fc.boolean(),
  }),
);

/** The client's side as the protocol asks for it, and what must be at the relay. */
class Reader {
  readonly #client: BareExchanger;
  readonly #mailbox: BareMailbox;
  /** Deposited and not acknowledged, oldest first. */
  waiting: Uint8Array[] = [];
  #kept: Uint8Array[] = [];
  #beginning: { readonly id: Uint8Array; readonly bytes: Uint8Array } | undefined;

  constructor(client: BareExchanger, mailbox: BareMailbox) {
    this.#client = client;
    this.#mailbox = mailbox;
  }

  async deposit(size: number, isDoubled: boolean): Promise<void> {
    const envelope = systemRandom(size);
    this.waiting.push(envelope);
    for (let i = 0; i < (isDoubled ? 2 : 1); i++) {
      const answer = await this.#client.exchange([depositFrame(this.#mailbox, envelope)]);
      assert.deepEqual(typesOf(answer), ["receipt"]);
    }
  }

  /** True when the relay says that this was all. */
  async poll(options: Extract<Step, { readonly kind: "poll" }>): Promise<boolean> {
    const { path, bucket, credit, isLost, keeps } = options;
    const resume = {
      envelopeId: this.#beginning?.id ?? EMPTY,
      offset: this.#beginning?.bytes.length ?? 0,
    };
    const frames = await this.#client.exchange(
      [
        acknowledgeFrame(this.#mailbox, this.#kept.map(envelopeId)),
        subscribeFrame(this.#mailbox, { answerBucket: bucket, credit, resume }),
      ],
      { prove: [this.#mailbox.key], path },
    );
    this.waiting = this.waiting.filter((envelope) => !this.#kept.includes(envelope));
    if (isLost) return false;
    this.#kept = [];
    const delivered = deliveriesIn(frames);
    assert.ok(delivered.length > 0 || this.waiting.length === 0, "something waits");
    assert.ok(delivered.length <= credit);
    for (const [i, slice] of delivered.entries())
      this.#take(slice, this.waiting[i] ?? EMPTY, keeps);
    const isAll = typesOf(frames).includes("empty");
    const isWhole = delivered.length === this.waiting.length && this.#beginning === undefined;
    assert.equal(isAll, isWhole, "`empty` says that this was all");
    return isAll;
  }

  #take(slice: Deliver, expected: Uint8Array, keeps: boolean): void {
    const { envelopeId: id, offset, bytes, total } = slice;
    assert.deepEqual(id, envelopeId(expected), "oldest first");
    const beginning = this.#beginning;
    const isResumed = beginning !== undefined && equalBytes(beginning.id, id);
    const before = isResumed ? beginning.bytes : EMPTY;
    assert.equal(offset, before.length);
    const held = concat(before, bytes);
    assert.deepEqual(held, expected.subarray(0, held.length));
    this.#beginning = held.length < total ? { id, bytes: held } : undefined;
    if (held.length === total && keeps) this.#kept.push(expected);
  }
}

const DRAIN = { kind: "poll", path: "exchange", bucket: 0, credit: 64 } as const;

describe("any sequence of exchanges", () => {
  it("delivers everything until it is acknowledged, and deletes nothing else (property)", async (t) => {
    const { client } = await exchangeScene(t, { EXCHANGES_PER_SECOND: 100_000 });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const reader = new Reader(client, await makeMailbox(client));
        for (const each of steps) {
          if (each.kind === "deposit") await reader.deposit(each.size, each.isDoubled);
          else await reader.poll(each);
        }
        while (!(await reader.poll({ ...DRAIN, isLost: false, keeps: true })));
        await reader.poll({ ...DRAIN, isLost: false, keeps: true });
        assert.deepEqual(reader.waiting, []);
      }),
      { numRuns: 25 },
    );
  });
});
