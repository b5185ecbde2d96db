/** What a line does to the packets on it, on a clock that stands still. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "../../client/net/fake-clock.ts";
import { Chance } from "./chance.ts";
import { type Direction, Line, PACKET_BYTES } from "./line.ts";
import { Outages } from "./outages.ts";
import { type Item, Pipe } from "./pipe.ts";
import { PROFILES, type Profile, type ProfileName } from "./profiles.ts";

const MINUTE_MS = 60_000;

interface Arrival {
  readonly atMs: number;
  readonly item: Item;
}

class Bench {
  readonly clock = new FakeClock();
  readonly seed: string;
  line: Line;

  constructor(profile: Profile, seed = "сынақ") {
    this.seed = seed;
    this.line = this.lineOf(profile);
  }

  lineOf(profile: Profile): Line {
    const { outages } = profile;
    const chance = new Chance(this.seed, "outages");
    return new Line(profile, outages && new Outages(outages, chance, this.clock.now()));
  }

  pipe(direction: Direction, label = "0", readyAtMs = 0): { pipe: Pipe; arrived: Arrival[] } {
    const arrived: Arrival[] = [];
    const pipe = new Pipe(this.line, {
      direction,
      clock: this.clock,
      chance: new Chance(this.seed, `${direction} ${label}`),
      readyAtMs,
      deliver: (item) => arrived.push({ atMs: this.clock.now(), item }),
    });
    return { pipe, arrived };
  }
}

/** Numbered bytes, so that order shows. */
function numberedBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

function joined(arrived: readonly Arrival[]): Buffer {
  return Buffer.concat(arrived.flatMap(({ item }) => (typeof item === "string" ? [] : [item])));
}

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, not ${expected} ± ${tolerance}`);
}

/** Seconds that so many bytes take, without losses, outages and delay. */
async function secondsFor(profile: ProfileName, direction: Direction, bytes: number) {
  const { outages: _, ...rest } = PROFILES[profile];
  const bench = new Bench({ ...rest, loss: 0, rttMs: 0, jitterMs: 0 });
  const { pipe, arrived } = bench.pipe(direction);
  pipe.push(numberedBytes(bytes));
  await bench.clock.advance(10 * MINUTE_MS);
  assert.deepEqual(joined(arrived), Buffer.from(numberedBytes(bytes)));
  return (arrived.at(-1)?.atMs ?? 0) / 1000;
}

describe("a line", () => {
  for (const [name, downKbps, upKbps] of [
    ["edge", 240, 200],
    ["gprs-bad", 40, 20],
    ["lossy-3g", 400, 400],
    ["throttle", 32, 32],
  ] as const) {
    it(`${name} brings ${downKbps} kbit/s down and ${upKbps} up`, async () => {
      const bytes = 50_000;
      assertNear(await secondsFor(name, "down", bytes), (bytes * 8) / 1000 / downKbps, 0.001);
      assertNear(await secondsFor(name, "up", bytes), (bytes * 8) / 1000 / upKbps, 0.001);
    });
  }

  it("takes packets one by one, so that the first is there long before the last", async () => {
    const bench = new Bench(PROFILES.throttle);
    const { pipe, arrived } = bench.pipe("down");
    pipe.push(numberedBytes(4 * PACKET_BYTES));
    await bench.clock.advance(MINUTE_MS);
    const perPacketMs = (PACKET_BYTES * 8) / 32;
    assert.deepEqual(
      arrived.map(({ atMs }) => Math.round(atMs)),
      [1, 2, 3, 4].map((count) => Math.round(count * perPacketMs + 150)),
    );
  });

  it("shares its rate among connections, and not between directions", async () => {
    const bench = new Bench({ ...PROFILES.throttle, rttMs: 0 });
    const [a, b, up] = [bench.pipe("down", "a"), bench.pipe("down", "b"), bench.pipe("up", "a")];
    for (const { pipe } of [a, b, up]) pipe.push(numberedBytes(4000));
    await bench.clock.advance(MINUTE_MS);
    assertNear(a.arrived.at(-1)?.atMs ?? 0, 1000, 1);
    assertNear(b.arrived.at(-1)?.atMs ?? 0, 2000, 1);
    assertNear(up.arrived.at(-1)?.atMs ?? 0, 1000, 1);
  });

  it("delays each direction by half a round trip ± half the jitter, in order", async () => {
    const bench = new Bench({ rttMs: 840, jitterMs: 200, loss: 0 });
    const { pipe, arrived } = bench.pipe("up");
    for (let i = 0; i < 400; i++) {
      pipe.push(Uint8Array.of(i & 0xff));
      await bench.clock.advance(1000);
    }
    const delays = arrived.map(({ atMs }, i) => atMs - i * 1000);
    assert.ok(delays.every((ms) => ms >= 320 && ms <= 520));
    assert.ok(Math.max(...delays) - Math.min(...delays) > 180);
    for (let i = 0; i < 400; i++) pipe.push(Uint8Array.of(i & 0xff));
    await bench.clock.advance(1000);
    assert.deepEqual(joined(arrived.slice(400)), Buffer.from(numberedOnes(400)));
  });

  it("does not let anything leave before the connection is made", async () => {
    const bench = new Bench(PROFILES.throttle);
    const { pipe, arrived } = bench.pipe("up", "0", 300);
    pipe.push(numberedBytes(40));
    await bench.clock.advance(1000);
    assert.equal(arrived[0]?.atMs, 300 + 10 + 150);
  });

  it("loses a tenth of lossy-3g's packets, and what follows waits for the repeat", async () => {
    const bench = new Bench(PROFILES["lossy-3g"]);
    const { pipe, arrived } = bench.pipe("down");
    const packets = 3000;
    pipe.push(numberedBytes(packets * PACKET_BYTES));
    await bench.clock.advance(60 * MINUTE_MS);
    assertNear(pipe.losses / packets, 0.1 / 0.9, 0.02);
    assert.deepEqual(joined(arrived), Buffer.from(numberedBytes(packets * PACKET_BYTES)));
    const gaps = arrived.map(({ atMs }, i) => atMs - (arrived[i - 1]?.atMs ?? atMs));
    assert.ok(Math.max(...gaps) >= 500);
  });

  it("loses edge's and gprs-bad's packets as often as they say", async () => {
    for (const [name, loss] of [
      ["edge", 0.01],
      ["gprs-bad", 0.05],
    ] as const) {
      const bench = new Bench({ ...PROFILES[name], rttMs: 0, jitterMs: 0 });
      const { pipe } = bench.pipe("down");
      pipe.push(new Uint8Array(8000 * PACKET_BYTES));
      assertNear(pipe.losses / 8000, loss / (1 - loss), 0.01);
      pipe.close();
    }
  });

  it("does the same with the same seed, and something else with another", async () => {
    const run = async (seed: string) => {
      const bench = new Bench(PROFILES.edge, seed);
      const { pipe, arrived } = bench.pipe("down");
      pipe.push(numberedBytes(200_000));
      await bench.clock.advance(60 * MINUTE_MS);
      return arrived.map(({ atMs }) => atMs);
    };
    assert.deepEqual(await run("a"), await run("a"));
    assert.notDeepEqual(await run("a"), await run("b"));
  });
});

describe("outages", () => {
  it("gprs-bad is dark for 30 s every 2 to 3 min, and what was sent comes afterwards", async () => {
    const { outages } = PROFILES["gprs-bad"];
    const bench = new Bench({ rttMs: 0, jitterMs: 0, loss: 0, ...(outages && { outages }) });
    const { pipe, arrived } = bench.pipe("down");
    const seconds = 3600;
    for (let i = 0; i < seconds; i++) {
      pipe.push(Uint8Array.of(i & 0xff));
      await bench.clock.advance(1000);
    }
    await bench.clock.advance(MINUTE_MS);
    assert.deepEqual(joined(arrived), Buffer.from(numberedOnes(seconds)));
    const dark = arrived.flatMap(({ atMs }, i) => {
      const gap = atMs - (arrived[i - 1]?.atMs ?? 0);
      return gap > 5000 ? [{ fromMs: atMs - gap, toMs: atMs }] : [];
    });
    assert.ok(dark.length >= 16 && dark.length <= 24, `${dark.length} in an hour`);
    for (const { fromMs, toMs } of dark) assertNear(toMs - fromMs, 30_000, 1000);
    for (const [i, { fromMs }] of dark.entries()) {
      const upMs = fromMs - (dark[i - 1]?.toMs ?? 0);
      assert.ok(upMs > 119_000 && upMs < 181_000, `${upMs} ms between two`);
    }
  });

  it("what waited for the end of one still takes the time its rate needs", async () => {
    const plan = { startsDown: true, upMs: [1e9, 1e9], downMs: 30_000, kind: "holds" } as const;
    const bench = new Bench({ ...PROFILES.throttle, rttMs: 0, outages: plan });
    const { pipe, arrived } = bench.pipe("down");
    pipe.push(numberedBytes(8000));
    await bench.clock.advance(MINUTE_MS);
    assert.ok((arrived[0]?.atMs ?? 0) >= 30_000);
    assertNear(arrived.at(-1)?.atMs ?? 0, 32_000, 1);
  });

  it("nightly-off is down for 8 h of every 24, from the start", () => {
    const { outages: plan } = PROFILES["nightly-off"];
    assert.ok(plan);
    const outages = new Outages(plan, new Chance(1, "outages"), 0);
    const hour = 60 * MINUTE_MS;
    const isDown = (ms: number) => outages.upFrom(ms) > ms;
    const days = Array.from({ length: 72 }, (_, i) => isDown(i * hour + 1));
    assert.deepEqual(
      days,
      days.map((_, i) => i % 24 < 8),
    );
    assert.equal(outages.upFrom(hour), 8 * hour);
    assert.equal(outages.wasDown(9 * hour, 20 * hour), false);
    assert.equal(outages.wasDown(9 * hour, 25 * hour), true);
  });
});

describe("another network under open connections", () => {
  it("takes over what is on its way, in order and nothing lost", async () => {
    const bench = new Bench(PROFILES.throttle);
    const { pipe, arrived } = bench.pipe("down");
    pipe.push(numberedBytes(40_000));
    pipe.push("end");
    await bench.clock.advance(2000);
    const before = joined(arrived).length;
    assert.ok(before > 5000 && before < 10_000);
    pipe.moveTo(bench.lineOf(PROFILES.none));
    assert.deepEqual(joined(arrived), Buffer.from(numberedBytes(40_000)));
    assert.equal(arrived.at(-1)?.item, "end");
    assert.equal(bench.clock.waiting, 0);
  });
});

function numberedOnes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => i & 0xff);
}
