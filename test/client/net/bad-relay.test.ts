/**
 * Relays, and whoever stands between, that do not keep the rules: each fault has its code, nothing
 * is sent to a key that is not the relay's, and nothing that does not open is believed.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EMPTY, utf8 } from "../../../shared/crypto/bytes.ts";
import { ERRORS, type ErrorCode, TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  announcementMessage,
  MESSAGE_KINDS,
  refusalMessage,
} from "../../../shared/wire/channel.ts";
import { encodeAnnouncement } from "../../../shared/wire/channel-key.ts";
import { errorFrame } from "../../../shared/wire/frame-codec.ts";
import type { RelayFrame } from "../../../shared/wire/frames.ts";
import { withKind } from "../../../shared/wire/padding.ts";
import { settled } from "./fake-clock.ts";
import { type Behaviour, FakeRelay, HOUR, helloAnswer, newChannelKey } from "./fake-relay.ts";
import { create, deposit, newKey, setUp } from "./support.ts";

const code = (expected: ErrorCode) => (error: unknown) => {
  assert.ok(error instanceof TumarError, String(error));
  assert.equal(error.code, expected);
  return true;
};

/** The code of whatever ended the connection under a request that was sent. */
async function causeOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => assert.fail("it was answered"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TumarError, String(error));
  if (error.code !== "RELAY_UNREACHABLE") return error.code;
  assert.ok(error.cause instanceof TumarError);
  return error.cause.code;
}

describe("greetings", () => {
  it("of a relay with another identity key: RELAY_MISMATCH, and nothing is sent", async () => {
    const relay = new FakeRelay();
    const impostor = new FakeRelay();
    relay.greeting = () => announcementMessage(impostor.announcement());
    const { link } = setUp({ relay });
    await assert.rejects(link.sender.request(deposit()), code("RELAY_MISMATCH"));
    assert.equal(relay.last.raw.length, 0);
    assert.equal(link.state().error?.code, "RELAY_MISMATCH");
    assert.equal(link.state().isUp, false);
    assert.equal(relay.openSockets, 0);
    link.close();
  });

  it("with a channel key the relay has not signed: CHANNEL_KEY_FORGED", async () => {
    const relay = new FakeRelay();
    const signature = systemRandom(64) as ReturnType<FakeRelay["announcement"]>["signature"];
    const forged = { ...relay.announcement(), signature };
    relay.greeting = () => announcementMessage(forged);
    const { link, kept } = setUp({ relay });
    await assert.rejects(link.sender.request(deposit()), code("CHANNEL_KEY_FORGED"));
    assert.equal(relay.last.raw.length, 0);
    assert.deepEqual(kept, []);
    link.close();
  });

  it("of anything else: NOT_A_RELAY, and the request waits for a better network", async () => {
    const noise = fc.uint8Array({ maxLength: 300 });
    const greetings = fc.oneof(
      noise,
      noise.map((bytes) => withKind(MESSAGE_KINDS.announcement, bytes)),
      fc.constant(utf8("<html>Welcome to Airport WiFi</html>")),
    );
    await fc.assert(
      fc.asyncProperty(greetings, async (greeting) => {
        const relay = new FakeRelay();
        relay.greeting = () => greeting;
        const { link, clock } = setUp({ relay });
        const answered = link.sender.request(deposit(), { timeoutMs: 90_000 });
        await settled();
        assert.equal(link.state().error?.code, "NOT_A_RELAY");
        assert.equal(relay.last.raw.length, 0);
        relay.greeting = () => announcementMessage(relay.announcement());
        await clock.advance(60_000);
        assert.equal((await answered).type, "receipt");
        link.close();
      }),
      { numRuns: 40 },
    );
  });

  it("with an older key than the one known: the newer one is used", async () => {
    const relay = new FakeRelay();
    const older = relay.announcement();
    relay.keys = [newChannelKey(HOUR + 24), ...relay.keys];
    const { link } = setUp({ relay, announcement: encodeAnnouncement(relay.announcement()) });
    relay.greeting = () => announcementMessage(older);
    assert.equal((await link.sender.request(deposit())).type, "receipt");
    link.close();
  });

  it("kept bytes that do not verify are passed over", async () => {
    for (const announcement of [
      EMPTY,
      systemRandom(200),
      encodeAnnouncement(new FakeRelay().announcement()),
    ]) {
      const { link } = setUp({ announcement });
      assert.equal((await link.sender.request(deposit())).type, "receipt");
      link.close();
    }
  });
});

describe("refusals of message 1", () => {
  async function refusedWith(hoursLater: number): Promise<string> {
    const relay = new FakeRelay();
    const announcement = encodeAnnouncement(relay.announcement());
    relay.keys = [newChannelKey(HOUR + hoursLater)];
    relay.greeting = () => undefined;
    const { link, clock } = setUp({ relay, announcement });
    const answered = causeOf(link.sender.request(deposit()));
    await settled();
    await clock.advance(50);
    const cause = await answered;
    assert.equal(relay.last.raw.length, 1);
    assert.equal(relay.openSockets, 0);
    link.close();
    return cause;
  }

  it("with an older key: CHANNEL_KEY_STALE", async () => {
    assert.equal(await refusedWith(-24), "CHANNEL_KEY_STALE");
  });

  it("with the key that was used: CHANNEL_REFUSED", async () => {
    assert.equal(await refusedWith(0), "CHANNEL_REFUSED");
  });

  it("twice: CHANNEL_REFUSED, however new the keys are", async () => {
    const { relay, link } = setUp();
    relay.refusals = 2;
    assert.equal(await causeOf(link.sender.request(deposit())), "CHANNEL_REFUSED");
    assert.equal(relay.last.raw.length, 2);
    link.close();
  });

  it("out of turn, before message 1 or on an open channel, end the connection", async () => {
    const relay = new FakeRelay();
    relay.greeting = () => refusalMessage(relay.announcement());
    const early = setUp({ relay });
    early.link.sender.request(deposit()).catch(() => {});
    await settled();
    assert.equal(early.link.state().error?.code, "NOT_A_RELAY");
    early.pool.close();

    const late = setUp();
    await late.link.sender.request(deposit());
    late.relay.last.sendRaw(refusalMessage(late.relay.announcement()));
    await settled();
    assert.equal(late.relay.openSockets, 0);
    late.pool.close();
  });
});

describe("a connection cut", () => {
  it("before message 1 was sent leaves the request waiting for the next", async () => {
    const relay = new FakeRelay();
    relay.greeting = () => undefined;
    const { link, clock } = setUp({ relay });
    const answered = link.sender.request(deposit());
    await settled();
    relay.last.cut();
    assert.equal(link.state().error?.code, "RELAY_UNREACHABLE");
    relay.greeting = () => announcementMessage(relay.announcement());
    await clock.advance(250);
    assert.equal((await answered).type, "receipt");
    assert.equal(relay.connections.length, 2);
    link.close();
  });

  it("between message 1 and message 2 rejects what was sent as RELAY_UNREACHABLE", async () => {
    const relay = new FakeRelay();
    relay.behaviour = (_frame, connection) => {
      connection.cut();
      return [];
    };
    const { link } = setUp({ relay });
    await assert.rejects(link.sender.request(deposit()), code("RELAY_UNREACHABLE"));
    link.close();
  });

  it("before the answer on an open channel does the same, and leaves no socket", async () => {
    const { relay, link } = setUp();
    relay.behaviour = (frame) => (frame.type === "deposit" ? [] : undefined);
    const answered = link.sender.request(deposit());
    await settled();
    assert.equal(link.state().isUp, true);
    relay.last.cut();
    await assert.rejects(answered, code("RELAY_UNREACHABLE"));
    assert.equal(relay.openSockets, 0);
    link.close();
  });

  it("by silence during the handshake is noticed after 30 s", async () => {
    const relay = new FakeRelay();
    relay.greeting = () => undefined;
    const { link, clock } = setUp({ relay });
    const answered = link.sender.request(deposit(), { timeoutMs: 40_000 });
    answered.catch(() => {});
    await settled();
    await clock.advance(29_999);
    assert.equal(relay.openSockets, 1);
    await clock.advance(1);
    assert.equal(relay.openSockets, 0);
    await clock.advance(10_000);
    await assert.rejects(answered, code("RELAY_UNREACHABLE"));
    link.close();
  });
});

describe("bytes on an open channel", () => {
  async function causeAfter(
    change: (message: Uint8Array) => readonly Uint8Array[],
  ): Promise<string> {
    const { relay, link } = setUp();
    await link.sender.request(deposit());
    relay.behaviour = (frame, connection) => {
      const receipt = { type: "ok", requestId: frame.requestId } as const;
      for (const message of connection.channel?.sealAll([receipt]) ?? []) {
        for (const changed of change(message)) connection.sendRaw(changed);
      }
      return [];
    };
    const answered = causeOf(link.sender.request(deposit()));
    await settled();
    assert.equal(relay.openSockets, 0);
    const cause = await answered;
    link.close();
    return cause;
  }

  it("flipped, cut, lengthened or random: CHANNEL_BROKEN (property)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(511),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom("flip", "cut", "lengthen", "random"),
        async (at, mask, how) => {
          const cause = await causeAfter((message) => {
            const changed = Uint8Array.from(message);
            changed[at] = (changed[at] ?? 0) ^ mask;
            if (how === "flip") return [changed];
            if (how === "cut") return [message.subarray(0, at)];
            if (how === "lengthen") return [new Uint8Array([...message, mask])];
            return [systemRandom(512)];
          });
          assert.equal(cause, "CHANNEL_BROKEN");
        },
      ),
      { numRuns: 40 },
    );
  });

  it("an answer of the wrong type: RELAY_FAULT", async () => {
    assert.equal(await causeAfter((message) => [message]), "RELAY_FAULT");
  });

  it("replayed: CHANNEL_BROKEN, and the answer is not taken twice", async () => {
    const { relay, link } = setUp();
    const messages: Uint8Array[] = [];
    relay.behaviour = (_frame, connection) => {
      const sendRaw = connection.sendRaw.bind(connection);
      connection.sendRaw = (message) => {
        messages.push(message);
        sendRaw(message);
      };
      return undefined;
    };
    await link.sender.request(deposit());
    for (const message of messages.splice(0)) relay.last.sendRaw(message);
    await settled();
    assert.equal(relay.openSockets, 0);
    assert.equal(link.state().error?.code, "CHANNEL_BROKEN");
    link.close();
  });
});

describe("frames that do not fit what was asked", () => {
  const answering =
    (answer: (requestId: number) => RelayFrame): Behaviour =>
    (frame) =>
      frame.type === "deposit" ? [answer(frame.requestId)] : undefined;

  async function outcome(behaviour: Behaviour): Promise<string> {
    const { relay, link } = setUp();
    relay.behaviour = behaviour;
    const cause = await causeOf(link.sender.request(deposit()));
    link.close();
    return cause;
  }

  it("an answer to nothing that was asked: RELAY_FAULT", async () => {
    assert.equal(
      await outcome(answering((requestId) => ({ type: "ok", requestId: requestId + 1 }))),
      "RELAY_FAULT",
    );
  });

  it("an error about no request ends the connection with its code", async () => {
    assert.equal(await outcome(answering(() => errorFrame(0, "CLOSING"))), "CLOSING");
  });

  it("another version of the protocol: VERSION_UNSUPPORTED", async () => {
    const relay = new FakeRelay();
    relay.behaviour = (frame) => [
      { ...helloAnswer(relay, frame.requestId), version: 2 } as RelayFrame,
    ];
    const { link } = setUp({ relay });
    await assert.rejects(link.sender.request(deposit()), code("VERSION_UNSUPPORTED"));
    link.close();
  });

  it("every code of the relay protocol is told as such, every other number as RELAY_ERROR", async () => {
    for (const [name, { number }] of Object.entries(ERRORS)) {
      if (name === "RELAY_UNREACHABLE") continue;
      const isOfRelay = number === 1 || (number >= 200 && number < 300);
      const got = await outcome(answering((requestId) => errorFrame(requestId, name as ErrorCode)));
      assert.equal(got, isOfRelay ? name : "RELAY_ERROR");
    }
    const unknown = { type: "error", message: "", data: EMPTY, number: 60_000 } as const;
    assert.equal(
      await outcome(answering((requestId) => ({ ...unknown, requestId }))),
      "RELAY_ERROR",
    );
  });

  it("RETRY on an open channel is told and not repeated for ever", async () => {
    const { relay, link } = setUp();
    await link.sender.request(deposit());
    relay.behaviour = answering((requestId) => errorFrame(requestId, "RETRY", relay.epoch));
    await assert.rejects(link.sender.request(deposit()), code("RETRY"));
    assert.equal(relay.last.flights.length, 2);
    link.close();
  });

  it("the seed and bits of a puzzle come with PUZZLE_REQUIRED", async () => {
    const { relay, link } = setUp();
    relay.behaviour = answering((requestId) =>
      errorFrame(requestId, "PUZZLE_REQUIRED", new Uint8Array([...new Uint8Array(16).fill(7), 12])),
    );
    await assert.rejects(link.sender.request(deposit()), (error) => {
      assert.ok(error instanceof TumarError);
      assert.deepEqual(error.details, { puzzleSeed: "07".repeat(16), puzzleBits: 12 });
      return true;
    });
    link.close();
  });

  it("a refused proof is why the frames behind it fail; the next one tries again", async () => {
    const { relay, link } = setUp();
    const mailbox = newKey();
    relay.behaviour = (frame) =>
      frame.type === "prove" ? [errorFrame(frame.requestId, "LIMIT_REACHED")] : undefined;
    const ask = () => link.owner.request(create(mailbox), { proveWith: mailbox });
    await assert.rejects(ask(), code("LIMIT_REACHED"));
    relay.behaviour = () => undefined;
    assert.equal((await ask()).type, "ok");
    link.close();
  });
});
