/**
 * Two devices, one bad network, crashes, copies restored: every message is delivered, dropped by
 * the network, or sent again after a visible reset; and both sides end on one session.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { activeSession } from "../../../shared/e2ee/sessions.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { type Crash, SessionClient, type Wire } from "../../support/session-client.ts";
import { TEST_HOUR, testDevice } from "../../support/two-devices.ts";

const devices = [testDevice(seededRandom("aigul")), testDevice(seededRandom("bek"))] as const;

type Side = 0 | 1;
const CRASHES = ["none", "before commit", "after commit"] as const;

class World {
  readonly clients: readonly [SessionClient, SessionClient];
  /** What waits for each side. */
  readonly waiting: [Wire[], Wire[]] = [[], []];
  readonly lost: Set<string> = new Set();
  minute: number = TEST_HOUR * 60;

  constructor() {
    const random = seededRandom("world");
    this.clients = [
      new SessionClient(devices[0], devices[1], random),
      new SessionClient(devices[1], devices[0], random),
    ];
  }

  send(side: Side, withPair: boolean, crash: Crash): void {
    this.clients[side].write(this.minute, withPair, crash);
    if (crash === "none") this.flush(side);
  }

  flush(side: Side): void {
    this.waiting[side === 0 ? 1 : 0].push(...this.clients[side].flush());
  }

  receive(side: Side, pick: number, crash: Crash): void {
    const wire = this.waiting[side][pick];
    if (wire === undefined) return;
    if (this.clients[side].receive(wire, this.minute, crash)) this.waiting[side].splice(pick, 1);
    this.flush(side);
  }

  drop(side: Side, pick: number): void {
    for (const wire of this.waiting[side].splice(pick, 1)) {
      this.lost.add(wire.message);
      if (wire.isReset) for (const id of this.clients[side].written) this.lost.add(id);
    }
  }

  /** The network calms down: everything waiting arrives, whatever is due is done. */
  settle(): void {
    for (let round = 0; round < 12; round++) {
      for (const side of [0, 1] as const) {
        this.clients[side].tend(this.minute);
        this.flush(side);
      }
      for (const side of [1, 0] as const) {
        while (this.waiting[side].length > 0) this.receive(side, 0, "none");
      }
      this.minute += 61;
    }
  }

  /** A few ordinary messages, one after the other. */
  converse(): void {
    for (const side of [0, 1, 0, 1, 0] as const) {
      this.send(side, true, "none");
      this.settle();
    }
  }

  check(): void {
    for (const side of [0, 1] as const) {
      const [writer, reader] = [this.clients[side], this.clients[side === 0 ? 1 : 0]];
      for (const id of writer.written) {
        const excused = this.lost.has(id) || writer.forgotten.has(id);
        assert.ok(excused || reader.shown.has(id), "a message is neither delivered nor lost");
      }
    }
    const [one, other] = this.clients.map((client) => activeSession(client.peer, this.minute));
    assert.ok(one !== undefined && other !== undefined);
    assert.deepEqual(one.id, other.id);
    assert.equal(one.prefix.length + other.prefix.length, 0);
  }
}

const side = fc.constantFrom<Side>(0, 1);
const pick = fc.nat(4);
const crash = fc.oneof(
  { weight: 3, arbitrary: fc.constant("none" as const) },
  fc.constantFrom(...CRASHES),
);

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("send" as const), side, pair: fc.boolean(), crash }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("receive" as const), side, pick, crash }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drop" as const), side, pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("shuffle" as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("duplicate" as const), side, pick }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("corrupt" as const), side, pick, at: fc.nat(983) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("snapshot" as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restore" as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("archive" as const), side }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("tend" as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("day" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

function perform(world: World, step: Action): void {
  world.minute += 1;
  switch (step.do) {
    case "send":
      world.send(step.side, step.pair, step.crash);
      break;
    case "receive":
      world.receive(step.side, step.pick, step.crash);
      break;
    case "drop":
      world.drop(step.side, step.pick);
      break;
    case "day":
      world.minute += 24 * 60;
      break;
    case "tend":
      world.clients[step.side].tend(world.minute);
      world.flush(step.side);
      break;
    case "snapshot":
    case "restore":
    case "archive":
      world.clients[step.side][step.do]();
      break;
    case "shuffle":
      world.waiting[step.side].reverse();
      break;
    default:
      disturb(world, step);
  }
}

function disturb(world: World, step: Extract<Action, { do: "duplicate" | "corrupt" }>): void {
  const wire = world.waiting[step.side][step.pick];
  if (wire === undefined) return;
  if (step.do === "duplicate") {
    world.waiting[step.side].push(wire);
    return;
  }
  const changed = wire.frame.slice();
  changed[step.at] = (changed[step.at] ?? 0) ^ 0x80;
  world.clients[step.side].refuse(changed, world.minute);
}

describe("two devices", () => {
  it("lose nothing and end on one session, whatever happens (property)", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), (script) => {
        const world = new World();
        for (const step of script) perform(world, step);
        world.settle();
        world.converse();
        world.check();
      }),
      { numRuns: 60 },
    );
  });

  it("begin at the same moment and converge, with any of the first frames lost (property)", () => {
    const mask = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(mask, fc.boolean(), (drops, pair) => {
        const world = new World();
        for (let i = 0; i < 4; i++)
          for (const from of [0, 1] as const) world.send(from, pair, "none");
        drops.forEach((isDropped, i) => {
          if (isDropped) world.drop((i % 2) as Side, 0);
          else world.receive((i % 2) as Side, 0, "none");
        });
        world.settle();
        world.converse();
        world.check();
      }),
      { numRuns: 30 },
    );
  });

  it("a copy restored on one side ends in a reset that the other answers", () => {
    const world = new World();
    world.converse();
    world.clients[0].snapshot();
    world.converse();
    world.clients[0].restore();
    for (let i = 0; i < 3; i++) world.send(1, false, "none");
    world.settle();
    assert.ok(world.clients[0].resetsSent > 0);
    world.converse();
    world.check();
    assert.equal(world.lost.size, 0);
  });

  it("repeats an unanswered first flight once, without one-time keys", () => {
    const world = new World();
    world.send(0, true, "none");
    world.drop(1, 0);
    world.lost.clear();
    world.minute += 24 * 60;
    world.clients[0].tend(world.minute);
    world.flush(0);
    assert.equal(world.waiting[1].length, 1);
    world.minute += 24 * 60;
    world.clients[0].tend(world.minute);
    world.flush(0);
    assert.equal(world.waiting[1].length, 1);
    world.settle();
    world.converse();
    world.check();
  });
});
