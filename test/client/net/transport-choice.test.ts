/** Which kind of connection comes next: down when one does not work, up again when it may, never stuck. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DEFAULT_CHOICE, type Remembered } from "../../../client/net/choice-numbers.ts";
import { TRANSPORT_KINDS, type TransportKind } from "../../../client/net/connection.ts";
import type { ConnectionFailure } from "../../../client/net/connection-failure.ts";
import { TransportChoice } from "../../../client/net/transport-choice.ts";
import { fellSilent, unexpectedStatus, unreachable } from "../../../client/net/transport-faults.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { FakeClock } from "./fake-clock.ts";

const MINUTE_MS = 60_000;
const CHANNELS = [{}, {}] as const;
const [OWNER, SENDER] = CHANNELS;

type Kept = Omit<Remembered, "ageMs">;

function setUp(options: { remembered?: Remembered; forced?: TransportKind } = {}) {
  const clock = new FakeClock();
  const kept: Kept[] = [];
  const choice = new TransportChoice({
    clock,
    forced: options.forced,
    recall: () => options.remembered,
    keep: (one) => kept.push(one),
  });
  const fail = (failure: Partial<ConnectionFailure> = {}, channel: object = OWNER) =>
    choice.failed(channel, {
      kind: choice.kind,
      error: unreachable("the connection broke off"),
      receivedBytes: 0,
      livedMs: 0,
      ...failure,
    });
  return { clock, kept, choice, fail };
}

const refused = unexpectedStatus(403);
const frozen = { error: fellSilent(10_000), receivedBytes: 16_000, livedMs: 20_000 };
const noRoute = unreachable("no connection", Object.assign(new Error(), { code: "ENETUNREACH" }));

describe("down", () => {
  it("after two failures in a row, to the next kind, and after the last to the top again", () => {
    const { choice, fail } = setUp();
    const seen = [choice.kind];
    for (let i = 0; i < 6; i++) {
      fail();
      seen.push(choice.kind);
    }
    assert.deepEqual(seen, [
      "websocket",
      "websocket",
      "exchange",
      "exchange",
      "thrifty",
      "thrifty",
      "websocket",
    ]);
    assert.equal(choice.hasTriedAll, true);
  });

  it("not by one failure of each channel: both fail when the network blinks", () => {
    const { choice, fail } = setUp();
    fail({}, OWNER);
    fail({}, SENDER);
    assert.equal(choice.kind, "websocket");
  });

  it("not by two failures with health or much time between them", async () => {
    const { choice, fail, clock } = setUp();
    fail();
    fail({ livedMs: MINUTE_MS });
    fail();
    await clock.advance(MINUTE_MS);
    fail();
    assert.equal(choice.kind, "websocket");
  });

  it("though each attempt takes longer than failures are remembered", async () => {
    const { choice, fail, clock } = setUp();
    fail({ error: fellSilent(75_000), livedMs: 300_000 });
    await clock.advance(30_000 + 300_000);
    fail({ error: fellSilent(75_000), livedMs: 300_000 });
    assert.equal(choice.kind, "exchange");
  });

  it("at once when an HTTP answer refuses it, or a page comes instead", () => {
    const { choice, fail } = setUp();
    fail({ error: refused });
    assert.equal(choice.kind, "exchange");
    fail({ error: new TumarError("CAPTIVE_PORTAL", "a page") });
    assert.equal(choice.kind, "thrifty");
  });

  it("to thrifty at once when it was frozen after some 16 KB", () => {
    for (const kind of ["websocket", "exchange"] as const) {
      const { choice, fail } = setUp();
      if (kind === "exchange") fail({ error: refused });
      fail(frozen);
      assert.equal(choice.kind, "thrifty");
      assert.equal(choice.loweredBy, "frozen");
    }
  });

  it("to thrifty after two silences while another connection worked, however little had come", () => {
    const { choice, fail } = setUp();
    for (const kind of ["websocket", "thrifty"]) {
      fail({ ...frozen, receivedBytes: 500, isRescued: true });
      assert.equal(choice.kind, kind);
    }
    assert.equal(choice.loweredBy, "frozen");
  });

  it("not by silence after few bytes or very many", () => {
    for (const receivedBytes of [0, 5000, 100_000]) {
      const { choice, fail } = setUp();
      fail({ ...frozen, receivedBytes });
      assert.equal(choice.kind, "websocket");
    }
  });

  it("not for what no kind can cure: no network, or a relay that ends in good order", () => {
    const { choice, fail } = setUp();
    for (let i = 0; i < 10; i++) {
      fail({ error: noRoute });
      fail({ error: new TumarError("CLOSING", "the relay is shutting down") });
    }
    assert.equal(choice.kind, "websocket");
  });

  it("by another relay's key goes round and not down for ever", () => {
    const { choice, fail } = setUp();
    const seen = new Set<TransportKind>();
    for (let i = 0; i < 6; i++) {
      seen.add(choice.kind);
      fail({ error: new TumarError("RELAY_MISMATCH", "another key") });
    }
    assert.equal(seen.size, 3);
    assert.equal(choice.kind, "websocket");
  });

  it("never when one kind is forced", () => {
    const { choice, fail } = setUp({ forced: "exchange" });
    for (let i = 0; i < 5; i++) fail();
    fail(frozen);
    assert.equal(choice.kind, "exchange");
    assert.equal(choice.plan().beside, undefined);
    assert.equal(choice.probeInMs, undefined);
  });
});

describe("beside", () => {
  it("the next kind is tried early in an unknown network and later in a known one", () => {
    const { choice } = setUp();
    assert.deepEqual(choice.plan(), { kind: "websocket", beside: "exchange", besideMs: 2500 });
    choice.opened("websocket");
    assert.deepEqual(choice.plan(), { kind: "websocket", beside: "exchange", besideMs: 8000 });
  });

  it("the one that opened first is used from then on, and the slower one tried again soon", () => {
    const { choice } = setUp();
    choice.opened("exchange");
    assert.equal(choice.kind, "exchange");
    assert.equal(choice.probeInMs, DEFAULT_CHOICE.softProbeMs);
  });

  it("a silent connection gets one of its kind, or thrifty when it looks frozen", () => {
    const { choice } = setUp();
    assert.equal(choice.rescueKind(300), "websocket");
    assert.equal(choice.rescueKind(16_000), "thrifty");
    assert.equal(choice.rescueKind(100_000), "websocket");
  });
});

describe("up again", () => {
  it("a refused kind after half an hour, and after each failed try half an hour more", async () => {
    const { choice, fail, clock } = setUp();
    fail({ error: refused });
    choice.opened("exchange");
    for (let i = 0; i < 3; i++) {
      await clock.advance(30 * MINUTE_MS - 1);
      assert.equal(choice.beginProbe(), undefined);
      await clock.advance(1);
      assert.equal(choice.beginProbe(), "websocket");
      assert.equal(choice.beginProbe(), undefined, "one at a time");
      choice.endProbe("websocket", false);
      assert.equal(choice.kind, "exchange");
    }
    await clock.advance(30 * MINUTE_MS);
    assert.equal(choice.beginProbe(), "websocket");
    choice.endProbe("websocket", true);
    assert.equal(choice.kind, "websocket");
    assert.equal(choice.probeInMs, undefined);
  });

  it("one that merely failed after a minute, then two, at most half an hour", async () => {
    const { choice, fail, clock } = setUp();
    fail();
    fail();
    choice.opened("exchange");
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      waits.push((choice.probeInMs ?? 0) / MINUTE_MS);
      await clock.advance(choice.probeInMs ?? 0);
      choice.endProbe(choice.beginProbe() ?? "thrifty", false);
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30]);
  });

  it("soon, after no kind had worked: the network was away", () => {
    const { choice, fail } = setUp();
    for (let i = 0; i < 9; i++) fail();
    assert.equal(choice.kind, "exchange");
    choice.opened("exchange");
    assert.equal(choice.probeInMs, DEFAULT_CHOICE.quickProbeMs);
  });

  it("silence of a network that was away is no curtain", async () => {
    const { choice, fail, clock } = setUp();
    fail(frozen);
    await clock.advance(DEFAULT_CHOICE.aliveMs);
    choice.opened("thrifty");
    assert.equal(choice.loweredBy, "failed");
    assert.equal(choice.probeInMs, DEFAULT_CHOICE.softProbeMs);
  });

  it("a probe must outgrow the curtain only where connections freeze", () => {
    const { choice, fail } = setUp();
    fail(frozen);
    choice.opened("thrifty");
    assert.equal(choice.mustOutgrowCurtain, true);
    assert.equal(choice.probeInMs, DEFAULT_CHOICE.probeMs);
  });
});

describe("memory", () => {
  const remembered = { kind: "thrifty", loweredBy: "frozen", ageMs: MINUTE_MS } as const;

  it("begins with what worked, and tries higher when its time has come", () => {
    const { choice, kept } = setUp({ remembered });
    assert.equal(choice.kind, "thrifty");
    assert.equal(choice.probeInMs, 29 * MINUTE_MS);
    choice.opened("thrifty");
    assert.deepEqual(kept, [], "no news");
  });

  it("is not believed for ever: a refusal for half an hour, a curtain for a day", () => {
    const old = (one: Kept, ageMs: number) => setUp({ remembered: { ...one, ageMs } }).choice.kind;
    assert.equal(old({ kind: "exchange", loweredBy: "refused" }, 30 * MINUTE_MS - 1), "exchange");
    assert.equal(old({ kind: "exchange", loweredBy: "refused" }, 30 * MINUTE_MS), "websocket");
    assert.equal(old(remembered, 1440 * MINUTE_MS - 1), "thrifty");
    assert.equal(old(remembered, 1440 * MINUTE_MS), "websocket");
    assert.equal(old(remembered, -1), "websocket", "a clock that was set back");
  });

  it("is asked again when the network changes, and kept when something is learned", () => {
    const { choice, kept, fail } = setUp();
    fail({ error: refused });
    choice.opened("exchange");
    choice.networkChanged();
    assert.equal(choice.kind, "websocket");
    choice.opened("websocket");
    choice.proved("websocket");
    assert.deepEqual(kept, [
      { kind: "exchange", loweredBy: "refused" },
      { kind: "websocket", loweredBy: "slower" },
    ]);
  });

  it("does not tie down: when what worked fails, all kinds are tried", () => {
    const { choice, fail } = setUp({ remembered });
    const seen = new Set<TransportKind>();
    for (let i = 0; i < 6; i++) {
      seen.add(choice.kind);
      fail();
    }
    assert.equal(seen.size, 3);
  });
});

// --- never stuck --------------------------------------------------------------------------------

const faults = fc.oneof(
  fc.constant({ error: refused }),
  fc.constant({ error: unreachable("the connection broke off") }),
  fc.constant({ error: new TumarError("RELAY_MISMATCH", "another key") }),
  fc.constant({ error: new TumarError("CAPTIVE_PORTAL", "a page"), receivedBytes: 9_000 }),
  fc.record({
    error: fc.constant(fellSilent(40_000)),
    receivedBytes: fc.integer({ min: 0, max: 60_000 }),
    livedMs: fc.constantFrom(40_000, 80_000, 400_000),
  }),
);
const steps = fc.array(
  fc.record({ fault: faults, waitMs: fc.integer({ min: 0, max: 30_000 }), owner: fc.boolean() }),
  { minLength: 60, maxLength: 60 },
);
const history = fc.array(
  fc.record({
    fault: faults,
    waitMs: fc.integer({ min: 0, max: 3_600_000 }),
    event: fc.constantFrom("failed", "opened", "network", "probe"),
  }),
  { maxLength: 30 },
);
/** Two of each kind on each channel. */
const MOST_TRIES = 12;

type Setup = ReturnType<typeof setUp>;
type Past = typeof history extends fc.Arbitrary<infer T> ? T : never;
type Coming = typeof steps extends fc.Arbitrary<infer T> ? T : never;

async function live({ choice, clock, fail }: Setup, past: Past): Promise<void> {
  for (const { fault, waitMs, event } of past) {
    await clock.advance(waitMs);
    if (event === "failed") fail(fault);
    if (event === "opened") choice.opened(choice.kind);
    if (event === "network") choice.networkChanged();
    if (event === "probe") choice.endProbe(choice.beginProbe() ?? "thrifty", waitMs % 2 === 0);
  }
}

/** How many attempts with kinds that do not work were made. */
async function wasted(setup: Setup, works: TransportKind, coming: Coming): Promise<number> {
  const { choice, clock, fail } = setup;
  let count = 0;
  for (const { fault, waitMs, owner } of coming) {
    await clock.advance(Math.max(waitMs, "livedMs" in fault ? fault.livedMs : 0));
    if (choice.kind === works) {
      choice.opened(works);
      choice.endProbe(choice.beginProbe() ?? works, false);
    } else {
      count++;
      fail(fault, owner ? OWNER : SENDER);
    }
  }
  return count;
}

describe("never stuck (property)", () => {
  it("whatever happened before, the one kind that works is reached in a few tries and kept", async () => {
    await fc.assert(
      fc.asyncProperty(
        history,
        steps,
        fc.constantFrom(...TRANSPORT_KINDS),
        async (past, coming, works) => {
          const setup = setUp();
          await live(setup, past);
          const tries = await wasted(setup, works, coming);
          assert.ok(tries <= MOST_TRIES, `${tries} tries`);
          assert.equal(setup.choice.kind, works);
        },
      ),
      { numRuns: 60 },
    );
  });
});
