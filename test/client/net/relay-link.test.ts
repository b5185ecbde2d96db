/** One relay over time: waiting, reconnecting, giving up, pipelining, and two kinds kept apart. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DEFAULT_BACKOFF } from "../../../client/net/backoff.ts";
import type { LinkState } from "../../../client/net/requests.ts";
import { unreachable } from "../../../client/net/transport-faults.ts";
import { type ErrorCode, TumarError } from "../../../shared/crypto/errors.ts";
import { settled } from "./fake-clock.ts";
import { FakeRelay, HOUR } from "./fake-relay.ts";
import { create, deposit, newKey, type Setup, setUp } from "./support.ts";

const code = (expected: ErrorCode) => (error: unknown) => {
  assert.ok(error instanceof TumarError, String(error));
  assert.equal(error.code, expected);
  return true;
};

/** A link whose owner channel is kept wanted by a subscription. */
function subscribed(relay: FakeRelay): Setup {
  const setup = setUp({ relay });
  setup.link.owner.subscribe(newKey(), { onDeliver: () => {}, onEnded: () => {} });
  return setup;
}

describe("two kinds of channel", () => {
  it("are opened when they are needed and never share a socket", async () => {
    const { relay, link } = setUp();
    assert.equal(relay.attempts, 0);
    const [one, two] = [newKey(), newKey()];
    await Promise.all([
      link.sender.request(deposit()),
      link.owner.request(create(one), { proveWith: one }),
      link.owner.request(create(two), { proveWith: two }),
      link.sender.request(deposit()),
    ]);
    assert.deepEqual(relay.connections.map(({ kind }) => kind).sort(), ["owner", "sender"]);
    const senderFrames = relay.connections.find(({ kind }) => kind === "sender")?.frames ?? [];
    assert.deepEqual(
      senderFrames.map(({ type }) => type),
      ["hello", "deposit", "deposit"],
    );
    link.close();
    assert.equal(relay.openSockets, 0);
  });

  it("the sender channel alone is opened when only it is needed", async () => {
    const { relay, link } = setUp();
    await link.sender.request(deposit());
    assert.equal(relay.attempts, 1);
    link.close();
  });

  it("the owner channel opened ahead carries what is asked later, on one socket", async () => {
    const { relay, link } = setUp();
    link.owner.warm();
    await settled();
    assert.equal(relay.openSockets, 1);
    link.owner.warm();
    const key = newKey();
    await link.owner.request(create(key), { proveWith: key });
    assert.equal(relay.attempts, 1);
    link.close();
  });

  it("an unused channel is closed after a while, and opened again when needed", async () => {
    const { relay, link, clock } = setUp();
    relay.behaviour = () => undefined;
    await link.sender.request(deposit());
    for (let i = 0; i < 31; i++) await clock.advance(10_000);
    assert.equal(relay.openSockets, 0);
    assert.equal(clock.waiting, 0);
    assert.equal(link.state().nextTryMs, null);
    assert.equal(link.state().error, null);
    await link.sender.request(deposit());
    assert.equal(relay.connections.length, 2);
    link.close();
  });
});

describe("reconnecting", () => {
  it("waits each time at most twice as long as before, up to 30 s, for as long as it is wanted", async () => {
    const relay = new FakeRelay();
    relay.refusal = unreachable("no connection");
    const { link, clock } = subscribed(relay);
    await settled();
    for (let failures = 0; failures < 14; failures++) {
      const { nextTryMs, isUp, error } = link.state();
      assert.equal(isUp, false);
      assert.equal(error?.code, "RELAY_UNREACHABLE");
      assert.ok(nextTryMs !== null && nextTryMs <= Math.min(30_000, 250 * 2 ** failures));
      assert.equal(relay.attempts, failures + 1);
      await clock.advance(nextTryMs);
    }
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("never runs two attempts of one kind at once and leaks no socket (property)", async () => {
    const steps: Readonly<Record<string, (setup: Setup) => unknown>> = {
      cut: ({ relay }) => relay.connections.at(-1)?.cut(),
      kick: ({ link }) => link.kick(),
      refuse: ({ relay }) => {
        relay.refusal = unreachable("no connection");
      },
      accept: ({ relay }) => {
        relay.refusal = undefined;
      },
      wait: ({ clock }) => clock.advance(clock.nextMs ?? 0),
      ask: ({ link }) => {
        const key = newKey();
        link.owner.request(create(key), { proveWith: key }).catch(() => {});
      },
    };
    const story = fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(story, async (names) => {
        const setup = subscribed(new FakeRelay());
        for (const name of names) {
          await settled();
          await steps[name]?.(setup);
          await settled();
          assert.ok(setup.relay.openSockets <= 1, `${setup.relay.openSockets} sockets`);
        }
        setup.link.close();
        await settled();
        assert.equal(setup.relay.openSockets, 0);
        assert.equal(setup.clock.waiting, 0);
      }),
      { numRuns: 60 },
    );
  });

  it("starts afresh after a connection that lived", async () => {
    const relay = new FakeRelay();
    const { link, clock } = subscribed(relay);
    await settled();
    for (let i = 0; i < 5; i++) {
      relay.last.cut();
      await clock.advance(link.state().nextTryMs ?? 0);
      assert.equal(link.state().isUp, true);
    }
    await clock.advance(DEFAULT_BACKOFF.healthyMs);
    relay.last.cut();
    assert.ok((link.state().nextTryMs ?? Number.POSITIVE_INFINITY) <= 250);
    link.close();
  });

  it("a kick tries at once, and finds out that a connection is dead", async () => {
    const relay = new FakeRelay();
    relay.refusal = unreachable("no connection");
    const { link, clock } = subscribed(relay);
    for (let i = 0; i < 10; i++) await clock.advance(clock.nextMs ?? 0);
    relay.refusal = undefined;
    link.kick();
    await settled();
    assert.equal(link.state().isUp, true);

    const dead = relay.last;
    dead.isOpen = false;
    link.kick();
    await clock.advance(10_000);
    assert.notEqual(relay.last, dead, "another one took over");
    assert.equal(link.state().isUp, true);
    link.close();
  });

  it("many kicks do not put off the end of a dead connection", async () => {
    const { relay, link, clock } = subscribed(new FakeRelay());
    await settled();
    relay.last.isOpen = false;
    relay.refusal = unreachable("no connection");
    for (let i = 0; i < 4; i++) {
      link.kick();
      await clock.advance(2500);
    }
    assert.equal(link.state().error?.message, "the relay fell silent");
    link.close();
  });

  it("a request without a byte of answer for 10 s gets a new connection, and is given back", async () => {
    const { relay, link, clock } = setUp();
    await link.sender.request(deposit());
    relay.last.isOpen = false;
    const answered = link.sender.request(deposit());
    answered.catch(() => {});
    await clock.advance(9_999);
    assert.equal(relay.attempts, 1);
    await clock.advance(1);
    await assert.rejects(answered, code("RELAY_UNREACHABLE"));
    assert.equal((await link.sender.request(deposit())).type, "receipt");
    assert.equal(relay.attempts, 2);
    link.close();
  });

  it("a kick does not cut a connection that answers", async () => {
    const { relay, link, clock } = subscribed(new FakeRelay());
    await settled();
    link.kick();
    await clock.advance(20_000);
    assert.equal(relay.attempts, 1);
    assert.equal(link.state().isUp, true);
    link.close();
  });

  it("a kick gives an attempt that hangs ten more seconds", async () => {
    const relay = new FakeRelay();
    relay.hold = new Promise(() => {});
    const { link, clock } = subscribed(relay);
    await clock.advance(1000);
    link.kick();
    await clock.advance(10_000);
    assert.equal(link.state().reason, "the relay does not answer");
    link.close();
  });

  it("a closed link gives up an attempt that hangs, and leaves nothing behind", async () => {
    const relay = new FakeRelay();
    let release = () => {};
    relay.hold = new Promise((resolve) => {
      release = resolve;
    });
    const { link, clock } = setUp({ relay });
    const answered = link.sender.request(deposit());
    await settled();
    link.close();
    release();
    await assert.rejects(answered, code("LINK_CLOSED"));
    assert.equal(relay.openSockets, 0);
    assert.equal(clock.waiting, 0);
    await assert.rejects(link.sender.request(deposit()), code("LINK_CLOSED"));
    assert.throws(
      () => link.owner.subscribe(newKey(), { onDeliver: () => {}, onEnded: () => {} }),
      code("LINK_CLOSED"),
    );
  });

  it("tells its listeners in plain words, once for each change", async () => {
    const relay = new FakeRelay();
    const { link, clock } = subscribed(relay);
    const states: LinkState[] = [];
    const stop = link.onState((state) => states.push(state));
    await settled();
    relay.last.cut();
    await clock.advance(250);
    stop();
    relay.last.cut();
    assert.deepEqual(
      states.map(({ isUp, nextTryMs, reason }) => [isUp, nextTryMs !== null, reason]),
      [
        [true, false, ""],
        [false, true, "the connection broke off"],
        [false, false, "the connection broke off"],
        [true, false, ""],
      ],
    );
    link.close();
  });
});

describe("liveness", () => {
  it("asks hello after 30 s without a byte and cuts after 75 s", async () => {
    const { relay, link, clock } = subscribed(new FakeRelay());
    await settled();
    await clock.advance(30_000);
    assert.equal(relay.last.frames.filter(({ type }) => type === "hello").length, 2);
    relay.behaviour = () => [];
    relay.hold = new Promise(() => {});
    await clock.advance(30_000);
    assert.equal(relay.last.frames.filter(({ type }) => type === "hello").length, 3);
    await clock.advance(44_999);
    assert.equal(relay.openSockets, 1);
    await clock.advance(1);
    assert.equal(relay.openSockets, 0);
    link.close();
  });

  it("a ping is a sign of life", async () => {
    const { relay, link, clock } = subscribed(new FakeRelay());
    await settled();
    for (let i = 0; i < 10; i++) {
      await clock.advance(29_000);
      relay.last.socket.events.alive();
    }
    assert.equal(relay.last.frames.filter(({ type }) => type === "hello").length, 1);
    link.close();
  });

  it("each hello moves the shared clock forwards, never back", async () => {
    const { relay, link, clock, pool } = subscribed(new FakeRelay());
    await settled();
    assert.equal(pool.clock.hour(), HOUR);
    relay.hour = HOUR + 1;
    await clock.advance(30_000);
    assert.equal(pool.clock.hour(), HOUR + 1);
    relay.hour = HOUR - 5;
    await clock.advance(30_000);
    assert.equal(pool.clock.hour(), HOUR + 1);
    link.close();
  });
});

describe("requests", () => {
  it("made while the relay is down wait for it", async () => {
    const relay = new FakeRelay();
    relay.refusal = unreachable("no connection");
    const { link, clock } = setUp({ relay });
    const answered = link.sender.request(deposit());
    await clock.advance(1000);
    relay.refusal = undefined;
    await clock.advance(8000);
    assert.equal((await answered).type, "receipt");
    link.close();
  });

  it("time out with the reason why nothing could be sent", async () => {
    const relay = new FakeRelay();
    relay.refusal = new TumarError("RELAY_TLS", "TLS failed");
    const { link, clock } = setUp({ relay });
    const first = link.sender.request(deposit(), { timeoutMs: 5000 });
    first.catch(() => {});
    await clock.advance(4000);
    const second = link.sender.request(deposit(), { timeoutMs: 1000 });
    second.catch(() => {});
    await clock.advance(1000);
    await assert.rejects(first, code("RELAY_TLS"));
    await assert.rejects(second, code("RELAY_TLS"));
    await clock.advance(60_000);
    assert.equal(clock.waiting, 0, "nothing is wanted any more");
    link.close();
  });

  it("time out as RELAY_TIMEOUT when they were sent; a late answer is passed over", async () => {
    const { relay, link, clock } = setUp();
    let late = 0;
    relay.behaviour = (frame) => {
      if (frame.type !== "deposit") return undefined;
      late = frame.requestId;
      return [];
    };
    const answered = link.sender.request(deposit(), { timeoutMs: 5000 });
    answered.catch(() => {});
    await settled();
    await clock.advance(5000);
    await assert.rejects(answered, code("RELAY_TIMEOUT"));
    relay.last.send([
      {
        type: "receipt",
        requestId: late,
        hour: HOUR,
        index: 0,
        path: [],
        signature: new Uint8Array(64),
      },
    ]);
    relay.behaviour = () => undefined;
    assert.equal((await link.sender.request(deposit())).type, "receipt");
    assert.equal(relay.connections.length, 1);
    link.close();
  });

  it("end with the reason of their signal, and what is not sent yet never is", async () => {
    const relay = new FakeRelay();
    relay.refusal = unreachable("no connection");
    const { link, clock } = setUp({ relay });
    const abort = new AbortController();
    const answered = link.sender.request(deposit(), { signal: abort.signal });
    await settled();
    abort.abort(new Error("enough"));
    await assert.rejects(answered, /enough/);
    await assert.rejects(link.sender.request(deposit(), { signal: abort.signal }), /enough/);
    relay.refusal = undefined;
    const kept = link.sender.request(deposit());
    await clock.advance(1000);
    await kept;
    assert.equal(relay.last.frames.filter(({ type }) => type === "deposit").length, 1);
    link.close();
  });

  it("out of the bounds of the frame table are the caller's mistake and harm nobody", async () => {
    const { relay, link } = setUp();
    const bad = { ...deposit(), envelope: new Uint8Array(1000) };
    await assert.rejects(link.sender.request(bad), RangeError);
    assert.equal(relay.attempts, 0);
    assert.equal((await link.sender.request(deposit())).type, "receipt");
    link.close();
  });

  it("of one turn share messages, keep their order, and never outrun the relay's limit", async () => {
    const relay = new FakeRelay();
    relay.framesPerSecond = 40;
    const { link } = setUp({ relay });
    await link.sender.request(deposit());
    let unanswered = 0;
    let most = 0;
    const seen: string[] = [];
    relay.behaviour = (frame) => {
      if (frame.type !== "record.get") return undefined;
      most = Math.max(most, ++unanswered);
      seen.push(frame.recordId.join());
      setImmediate(() => {
        unanswered--;
        relay.last.send([
          {
            type: "record",
            requestId: frame.requestId,
            digest: frame.recordId.subarray(0, 16),
            hour: HOUR,
            offset: 0,
            total: 1,
            bytes: new Uint8Array(1),
          },
        ]);
      });
      return [];
    };
    const ids = Array.from({ length: 300 }, (_, i) =>
      new Uint8Array(24).fill(i % 251, 0, 20).fill(i >> 8, 20),
    );
    const answers = await Promise.all(
      ids.map((recordId) => link.sender.request({ type: "record.get", recordId, offset: 0 })),
    );
    assert.deepEqual(
      seen,
      ids.map((id) => id.join()),
    );
    assert.deepEqual(
      answers.map(({ digest }) => digest.join()),
      ids.map((id) => id.subarray(0, 16).join()),
    );
    assert.ok(most <= 40, `${most} at once`);
    assert.ok(relay.last.flights.length < 300);
    link.close();
  });

  it("nothing is sealed while the socket is full", async () => {
    const { relay, link, clock } = setUp({ maxBufferedBytes: 20_000 });
    await link.sender.request(deposit());
    const { socket } = relay.last;
    const before = relay.last.raw.length;
    const send = socket.send.bind(socket);
    socket.send = (message) => {
      socket.bufferedAmount += message.length;
      send(message);
    };
    const answers = Promise.all(
      Array.from({ length: 8 }, () => link.sender.request(deposit(16_384))),
    );
    await settled();
    assert.equal(relay.last.raw.length - before, 2);
    socket.bufferedAmount = 0;
    await clock.advance(20);
    assert.equal(relay.last.raw.length - before, 4);
    for (let i = 0; i < 4; i++) {
      socket.bufferedAmount = 0;
      await clock.advance(20);
    }
    assert.equal((await answers).length, 8);
    link.close();
  });
});
