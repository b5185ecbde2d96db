/** Asking one relay after the other. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Ask, firstAnswer, STAGGER_MS } from "../../../client/core/first-answer.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { FakeClock, settled } from "../net/fake-clock.ts";

/** Relays that answer when the test says so. */
class Asked {
  readonly order: number[] = [];
  readonly givenUp: number[] = [];
  readonly #settle: { resolve(answer: string): void; reject(error: Error): void }[] = [];

  readonly asks: readonly Ask<string>[] = [0, 1, 2].map(
    (i) => (signal) =>
      new Promise((resolve, reject) => {
        this.order.push(i);
        this.#settle[i] = { resolve, reject };
        signal.addEventListener("abort", () => {
          this.givenUp.push(i);
          reject(signal.reason);
        });
      }),
  );

  async answer(i: number): Promise<void> {
    this.#settle[i]?.resolve(`answer ${i}`);
    await settled();
  }

  async fail(i: number, code: "NOT_REGISTERED" | "RELAY_UNREACHABLE"): Promise<void> {
    this.#settle[i]?.reject(new TumarError(code, ""));
    await settled();
  }
}

describe("the first answer of several relays", () => {
  it("is waited for two seconds before the next is asked, then the first wins", async () => {
    const [clock, asked] = [new FakeClock(), new Asked()];
    const answer = firstAnswer(clock, asked.asks);
    await clock.advance(STAGGER_MS - 1);
    assert.deepEqual(asked.order, [0]);
    await clock.advance(1);
    assert.deepEqual(asked.order, [0, 1]);
    await asked.answer(0);
    assert.equal(await answer, "answer 0");
    assert.deepEqual(asked.givenUp, [0, 1]);
    assert.equal(clock.waiting, 0);
  });

  it("is asked of the next at once when one fails", async () => {
    const [clock, asked] = [new FakeClock(), new Asked()];
    const answer = firstAnswer(clock, asked.asks);
    await asked.fail(0, "RELAY_UNREACHABLE");
    await asked.fail(1, "NOT_REGISTERED");
    await asked.answer(2);
    assert.equal(await answer, "answer 2");
    assert.deepEqual(asked.order, [0, 1, 2]);
  });

  it("fails when all have, with the fault that may pass", async () => {
    const [clock, asked] = [new FakeClock(), new Asked()];
    const answer = firstAnswer(clock, asked.asks);
    const refused = assert.rejects(answer, { code: "RELAY_UNREACHABLE" });
    await asked.fail(0, "NOT_REGISTERED");
    await asked.fail(1, "RELAY_UNREACHABLE");
    await asked.fail(2, "NOT_REGISTERED");
    await refused;
    await assert.rejects(firstAnswer(clock, []), { code: "NOT_REGISTERED" });
    assert.equal(clock.waiting, 0);
  });

  it("is not asked for after a final fault, nor when nobody waits any more", async () => {
    const [clock, asked] = [new FakeClock(), new Asked()];
    const isFinal = ({ code }: TumarError) => code === "NOT_REGISTERED";
    const answer = firstAnswer(clock, asked.asks, { isFinal });
    const refused = assert.rejects(answer, { code: "NOT_REGISTERED" });
    await asked.fail(0, "NOT_REGISTERED");
    await refused;
    assert.deepEqual(asked.order, [0]);

    const end = new AbortController();
    const other = firstAnswer(clock, new Asked().asks, { signal: end.signal });
    end.abort(new TumarError("CLIENT_CLOSED", ""));
    await assert.rejects(other, { code: "CLIENT_CLOSED" });
    assert.equal(clock.waiting, 0);
  });
});
