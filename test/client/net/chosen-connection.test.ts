/** The connection in use and the one beside it: who takes over, when, and what moves along. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Remembered } from "../../../client/net/choice-numbers.ts";
import { ChosenConnection } from "../../../client/net/chosen-connection.ts";
import type {
  Connection,
  ConnectionEvents,
  TransportKind,
} from "../../../client/net/connection.ts";
import { type Outgoing, PendingRequest } from "../../../client/net/outgoing.ts";
import { OUTGROWN_BYTES, PROVED_MS } from "../../../client/net/proof.ts";
import { TransportChoice } from "../../../client/net/transport-choice.ts";
import { fellSilent, unexpectedStatus, unreachable } from "../../../client/net/transport-faults.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { HelloAnswer } from "../../../shared/wire/frames.ts";
import { FakeClock } from "./fake-clock.ts";
import { deposit } from "./support.ts";

/** Does what the test says, and nothing by itself. */
class ToldConnection implements Connection {
  readonly kind: TransportKind;
  readonly events: ConnectionEvents;
  readonly submitted: Outgoing[] = [];
  isOpen = false;
  isQuiet = true;
  isDoubtful = false;
  isClosed = false;
  receivedBytes = 0;
  probes = 0;

  constructor(kind: TransportKind, events: ConnectionEvents) {
    this.kind = kind;
    this.events = events;
  }

  submit(outgoing: Outgoing): void {
    this.submitted.push(outgoing);
  }

  probe(): void {
    this.probes++;
  }

  /** What was submitted counts as not sent. */
  fail(error: TumarError): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isOpen = false;
    this.events.onClosed(error, this.submitted);
  }

  open(): void {
    this.isOpen = true;
    this.events.onOpen();
  }

  doubt(): void {
    this.isDoubtful = true;
    this.events.onDoubt();
  }

  hello(bytes = 512): void {
    this.receivedBytes += bytes;
    this.events.onHello({ type: "hello.answer" } as HelloAnswer);
  }
}

function setUp(remembered?: Remembered) {
  const clock = new FakeClock();
  const made: ToldConnection[] = [];
  const log: string[] = [];
  const choice = new TransportChoice({ clock, recall: () => remembered, keep: () => {} });
  const connect = (kind: TransportKind, events: ConnectionEvents) => {
    const connection = new ToldConnection(kind, events);
    made.push(connection);
    return connection;
  };
  const begin = () =>
    new ChosenConnection(
      connect,
      choice,
      clock,
      {},
      {
        onOpen: () => log.push("open"),
        onHello: () => {},
        onMoved: () => log.push("moved"),
        onClosed: (error) => log.push(error.code),
      },
    );
  const at = (index: number): ToldConnection => {
    const connection = made[index];
    assert.ok(connection, `connection ${index} was not made`);
    return connection;
  };
  const alive = () => made.filter(({ isClosed }) => !isClosed).map(({ kind }) => kind);
  return { clock, made, log, choice, begin, at, alive };
}

function request(clock: FakeClock): PendingRequest {
  const pending = new PendingRequest(deposit(), {}, clock);
  pending.promise.catch(() => {});
  return pending;
}

const refusedBefore = { kind: "exchange", loweredBy: "refused", ageMs: 0 } as const;
const frozenBefore = { kind: "thrifty", loweredBy: "frozen", ageMs: 0 } as const;

describe("a race", () => {
  it("begins when the first is not open in time; the second takes over with what was not sent", async () => {
    const { clock, begin, at, log, choice, alive } = setUp();
    const connection = begin();
    const pending = request(clock);
    connection.submit(pending);
    await clock.advance(2_499);
    assert.deepEqual(alive(), ["websocket"]);
    await clock.advance(1);
    assert.deepEqual(alive(), ["websocket", "exchange"]);
    assert.deepEqual(at(1).submitted, [], "nothing of the user's before it is open");
    at(1).open();
    assert.deepEqual(at(1).submitted, [pending]);
    assert.deepEqual(alive(), ["exchange"]);
    assert.deepEqual(log, ["moved", "open"]);
    assert.equal(choice.kind, "exchange");
    connection.fail(new TumarError("LINK_CLOSED", "over"));
    assert.equal(clock.waiting, 1, "the request's own timer");
  });

  it("is over when the first opens, or never begins", async () => {
    const { clock, begin, at, alive, choice } = setUp();
    begin();
    await clock.advance(2_500);
    at(0).open();
    assert.deepEqual(alive(), ["websocket"]);
    assert.equal(choice.kind, "websocket");
    const again = begin();
    at(2).open();
    await clock.advance(10_000);
    assert.deepEqual(alive(), ["websocket", "websocket"]);
    again.fail(new TumarError("LINK_CLOSED", "over"));
  });

  it("waits while bytes come: a slow network is no blocked one", async () => {
    const { clock, begin, at, alive } = setUp();
    begin();
    await clock.advance(2_000);
    at(0).receivedBytes = 183;
    await clock.advance(2_999);
    assert.deepEqual(alive(), ["websocket"]);
    await clock.advance(1);
    assert.deepEqual(alive(), ["websocket", "exchange"]);
  });

  it("goes on with the second when the first fails meanwhile", async () => {
    const { clock, begin, at, log, choice } = setUp();
    begin();
    await clock.advance(2_500);
    at(0).fail(unexpectedStatus(403));
    assert.deepEqual(log, ["moved"]);
    at(1).open();
    assert.deepEqual(log, ["moved", "open"]);
    assert.equal(choice.loweredBy, "refused");
  });

  it("does not hide a relay with another key", async () => {
    const { clock, begin, at, log, alive } = setUp();
    begin();
    await clock.advance(2_500);
    at(0).fail(new TumarError("RELAY_MISMATCH", "another key"));
    assert.deepEqual(log, ["RELAY_MISMATCH"]);
    assert.deepEqual(alive(), []);
    assert.equal(clock.waiting, 0);
  });
});

describe("a rescue", () => {
  it("takes over from a silent connection, thrifty when that looks frozen", () => {
    const { begin, at, log, choice, alive } = setUp();
    begin();
    at(0).open();
    at(0).receivedBytes = 16_000;
    at(0).doubt();
    assert.deepEqual(alive(), ["websocket", "thrifty"]);
    at(1).open();
    assert.deepEqual(alive(), ["thrifty"]);
    assert.deepEqual(log, ["open", "moved", "open"]);
    assert.equal(choice.loweredBy, "frozen");
  });

  it("leaves a connection alone that spoke again: a hole in the network", () => {
    const { begin, at, alive, choice } = setUp();
    begin();
    at(0).open();
    at(0).receivedBytes = 16_000;
    at(0).doubt();
    at(0).receivedBytes += 512;
    at(1).open();
    assert.deepEqual(alive(), ["websocket"]);
    assert.equal(choice.kind, "websocket");
  });

  it("is tried again while the silence lasts, and ends with the connection", async () => {
    const { begin, at, clock, alive, log } = setUp();
    begin();
    at(0).open();
    at(0).doubt();
    at(1).fail(unreachable("no connection"));
    await clock.advance(2_000);
    assert.deepEqual(alive(), ["websocket", "websocket"]);
    at(2).fail(unreachable("no connection"));
    at(0).fail(fellSilent(75_000));
    assert.deepEqual(log, ["open", "RELAY_UNREACHABLE"]);
    assert.equal(clock.waiting, 0);
  });
});

describe("a change of network", () => {
  it("opens another at once, which stays if the old one says nothing", () => {
    const { begin, at, alive, choice } = setUp();
    const connection = begin();
    at(0).open();
    at(0).receivedBytes = 16_000;
    choice.networkChanged();
    connection.recheck();
    assert.equal(at(0).probes, 1);
    at(1).open();
    assert.deepEqual(alive(), ["websocket"]);
    assert.equal(choice.kind, "websocket", "no curtain is inferred");
  });

  it("lets the old one go on when it answers", () => {
    const { begin, at, alive } = setUp();
    const connection = begin();
    at(0).open();
    connection.recheck();
    at(0).hello();
    at(1).open();
    assert.deepEqual(alive(), ["websocket"]);
    assert.equal(at(0).isClosed, false);
  });

  it("gives an attempt that hangs company", () => {
    const { begin, at, log } = setUp();
    const connection = begin();
    connection.recheck();
    at(1).open();
    assert.equal(at(0).isClosed, true);
    assert.deepEqual(log, ["moved", "open"]);
  });
});

describe("a higher kind", () => {
  it("is tried beside, carries nothing, and takes over once it has lived and answers", async () => {
    const { begin, at, clock, alive, choice, log } = setUp(refusedBefore);
    const connection = begin();
    at(0).open();
    await clock.advance(1_800_000);
    assert.deepEqual(alive(), ["exchange", "websocket"]);
    at(1).open();
    at(1).hello();
    await clock.advance(PROVED_MS - 1);
    const pending = request(clock);
    connection.submit(pending);
    assert.deepEqual(at(0).submitted, [pending]);
    at(0).submitted.length = 0;
    assert.deepEqual(at(1).submitted, []);
    await clock.advance(1);
    assert.deepEqual(
      at(1).submitted.map(({ type }) => type),
      ["hello"],
    );
    at(1).hello();
    assert.deepEqual(alive(), ["websocket"]);
    assert.equal(choice.kind, "websocket");
    assert.deepEqual(log, ["open", "moved", "open"]);
  });

  it("waits for answers that are on their way, but not for ever", async () => {
    const { begin, at, clock, alive } = setUp(refusedBefore);
    begin();
    at(0).open();
    at(0).isQuiet = false;
    await clock.advance(1_800_000);
    at(1).open();
    await clock.advance(PROVED_MS);
    at(1).hello();
    await clock.advance(9_000);
    assert.deepEqual(alive(), ["exchange", "websocket"]);
    await clock.advance(1_000);
    assert.deepEqual(alive(), ["websocket"]);
  });

  it("that dies or falls silent while it is tried disturbs nothing", async () => {
    for (const end of ["fail", "doubt"] as const) {
      const { begin, at, clock, alive, choice, log } = setUp(refusedBefore);
      begin();
      at(0).open();
      await clock.advance(1_800_000);
      at(1).open();
      await clock.advance(20_000);
      if (end === "fail") at(1).fail(unreachable("it broke off"));
      else at(1).doubt();
      assert.deepEqual(alive(), ["exchange"]);
      assert.deepEqual(log, ["open"]);
      assert.equal(choice.probeInMs, 1_800_000);
    }
  });

  it("must outgrow the curtain where connections freeze", async () => {
    const { begin, at, clock, alive } = setUp(frozenBefore);
    begin();
    at(0).open();
    await clock.advance(1_800_000);
    assert.deepEqual(alive(), ["thrifty", "exchange"]);
    at(1).open();
    await clock.advance(PROVED_MS);
    let asked = 0;
    while (at(1).receivedBytes < OUTGROWN_BYTES - 512) {
      at(1).hello();
      await clock.advance(80);
      assert.deepEqual(alive(), ["thrifty", "exchange"]);
      assert.ok(at(1).submitted.length > asked, "it goes on asking");
      asked = at(1).submitted.length;
    }
    at(1).hello();
    assert.deepEqual(alive(), ["exchange"]);
  });

  it("is followed down too: one channel's frozen connection moves the other before it freezes", () => {
    const { begin, at, alive, choice } = setUp();
    begin();
    at(0).open();
    begin();
    at(1).open();
    at(0).receivedBytes = 16_000;
    at(0).doubt();
    at(2).open();
    assert.equal(choice.loweredBy, "frozen");
    assert.deepEqual(alive(), ["websocket", "thrifty", "thrifty"]);
    at(3).open();
    assert.deepEqual(alive(), ["thrifty", "thrifty"]);
  });

  it("found by one channel is followed by the other", async () => {
    const { begin, at, clock, alive } = setUp(refusedBefore);
    begin();
    at(0).open();
    begin();
    at(1).open();
    await clock.advance(1_800_000);
    assert.deepEqual(alive(), ["exchange", "exchange", "websocket"], "one tries for both");
    at(2).open();
    await clock.advance(PROVED_MS);
    at(2).hello();
    assert.deepEqual(alive(), ["exchange", "websocket", "websocket"]);
    at(3).open();
    assert.deepEqual(alive(), ["websocket", "websocket"]);
  });
});
