/** Requests over exchanges: what travels together, how many round trips it takes, and how each can fail. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerCut, unreachable } from "../../../client/net/transport-faults.ts";
import { concat } from "../../../shared/crypto/bytes.ts";
import { type ErrorCode, TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { announcementMessage, refusalMessage } from "../../../shared/wire/channel.ts";
import { encodeAnnouncement } from "../../../shared/wire/channel-key.ts";
import { errorFrame } from "../../../shared/wire/frame-codec.ts";
import { acceptChannel } from "../../../shared/wire/relay-channel.ts";
import { codeOf, setUpExchange } from "./exchange-support.ts";
import { settled } from "./fake-clock.ts";
import { type FakeExchangeRelay, typesOf } from "./fake-exchange-relay.ts";
import { FakeRelay, HOUR, newChannelKey } from "./fake-relay.ts";
import { create, deposit, newKey } from "./support.ts";

const known = (relay: FakeExchangeRelay) => encodeAnnouncement(relay.announcement());

describe("round trips", () => {
  it("first contact takes three: channel key; record and prekeys; deposit", async () => {
    const { relay, link } = setUpExchange();
    const recordId = systemRandom(24);
    await Promise.allSettled([
      link.sender.request({ type: "record.get", recordId, offset: 0 }),
      link.sender.request({
        type: "prekeys.take",
        recordId,
        token: systemRandom(16),
        first: 0,
      }),
    ]);
    await link.sender.request(deposit());
    assert.equal(relay.keyRequests, 1);
    assert.deepEqual(relay.posts.map(typesOf), [
      ["hello", "record.get", "prekeys.take"],
      ["deposit"],
    ]);
    assert.equal(link.facts()?.hello.hour, HOUR);
    link.close();
  });

  it("a deposit with a key known from before takes one, whatever the epoch", async () => {
    const { relay, link, clock } = setUpExchange({
      announcement: (one) => encodeAnnouncement({ ...one.announcement(), epoch: systemRandom(16) }),
    });
    await link.sender.request(deposit());
    await link.sender.request(deposit());
    assert.deepEqual(relay.posts.map(typesOf), [["hello", "deposit"], ["deposit"]]);
    assert.deepEqual([...new Set(relay.posts.map(({ message1 }) => message1.length))], [1536]);
    assert.deepEqual([...new Set(relay.posts.map(({ answer }) => answer?.length))], [512]);
    assert.equal(relay.keyRequests, 0);
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("hello goes along again after an hour", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    await link.sender.request(deposit());
    await clock.advance(3_599_000);
    await link.sender.request(deposit());
    await clock.advance(1_000);
    // The link closed its unused connection meanwhile: keep one in use.
    assert.deepEqual(relay.posts.map(typesOf), [
      ["hello", "deposit"],
      ["hello", "deposit"],
    ]);
    link.close();
  });

  it("frames that need the epoch go again, once, proof first, with the epoch told", async () => {
    const { relay, link } = setUpExchange({
      announcement: (one) => encodeAnnouncement({ ...one.announcement(), epoch: systemRandom(16) }),
    });
    const [first, second] = [newKey(), newKey()];
    const answers = await Promise.all([
      link.owner.request(create(first), { proveWith: first }),
      link.owner.request(create(second), { proveWith: second }),
    ]);
    assert.deepEqual(
      answers.map(({ type }) => type),
      ["ok", "ok"],
    );
    const asked = ["prove", "mailbox.create", "prove", "mailbox.create"];
    assert.deepEqual(relay.posts.map(typesOf), [["hello", ...asked], asked]);
    link.close();
  });

  it("an epoch refused twice is told", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    relay.behaviour = (frame) =>
      frame.type === "prekeys.take"
        ? [errorFrame(frame.requestId, "RETRY", systemRandom(16))]
        : undefined;
    const body = {
      type: "prekeys.take",
      recordId: systemRandom(24),
      token: systemRandom(16),
      first: 0,
    } as const;
    await assert.rejects(link.sender.request(body), { code: "RETRY" });
    assert.equal(relay.posts.length, 2);
    link.close();
  });
});

describe("packing", () => {
  it("fills exchanges so that request and answer fit, four at a time, in order", async () => {
    for (const [kind, most] of [["exchange", 15] as const, ["thrifty", 14] as const]) {
      const { relay, link } = setUpExchange({ kind, announcement: known });
      let open = 0;
      let mostOpen = 0;
      relay.network = async (answer) => {
        mostOpen = Math.max(mostOpen, ++open);
        await settled();
        open--;
        return answer;
      };
      await Promise.all(Array.from({ length: 100 }, () => link.sender.request(deposit())));
      const deposits = relay.posts.map((post) =>
        typesOf(post).filter((type) => type === "deposit"),
      );
      assert.equal(deposits.flat().length, 100);
      assert.equal(Math.max(...deposits.map(({ length }) => length)), most);
      assert.equal(mostOpen, 4);
      assert.deepEqual(
        [...new Set(relay.posts.map(({ isFresh }) => isFresh))],
        [kind === "thrifty"],
      );
      assert.deepEqual([...new Set(relay.posts.map(({ path }) => path))], [`/v1/${kind}`]);
      assert.deepEqual(relay.posts.filter((post) => typesOf(post).includes("hello")).length, 1);
      link.close();
    }
  });

  it("proofs are made anew in each exchange, and counted in what fits", async () => {
    const { relay, link } = setUpExchange({ kind: "thrifty", announcement: known });
    const key = newKey();
    const grants = Array.from({ length: 120 }, () =>
      link.owner.request(
        {
          type: "mailbox.grant",
          mailbox: key.publicKey,
          depositHash: systemRandom(32),
          tag: systemRandom(16),
          perDay: 0,
          card: false,
          mayBeUrgent: false,
        },
        { proveWith: key },
      ),
    );
    await Promise.all(grants);
    assert.ok(relay.posts.length > 1);
    for (const post of relay.posts) {
      assert.equal(typesOf(post).filter((type) => type === "prove").length, 1);
    }
    link.close();
  });

  it("owner and sender frames never share an exchange", async () => {
    const { relay, link } = setUpExchange();
    const key = newKey();
    await Promise.all([
      link.sender.request(deposit()),
      link.owner.request(create(key), { proveWith: key }),
    ]);
    assert.deepEqual(relay.posts.map(typesOf).sort(), [
      ["hello", "deposit"],
      ["hello", "prove", "mailbox.create"],
    ]);
    link.close();
  });

  it("what was cancelled before it left is not sent", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    const abort = new AbortController();
    const cancelled = link.sender.request(deposit(), { signal: abort.signal });
    const kept = link.sender.request(deposit());
    abort.abort(new Error("no longer wanted"));
    await assert.rejects(cancelled, { message: "no longer wanted" });
    await kept;
    assert.deepEqual(relay.posts.map(typesOf), [["hello", "deposit"]]);
    link.close();
  });
});

describe("the channel key", () => {
  it("and the epoch told to one channel never show in the other", async () => {
    const { relay, link } = setUpExchange();
    const told: Uint8Array[] = [];
    relay.channelKey = async () => {
      relay.epoch = systemRandom(16);
      told.push(relay.epoch);
      return announcementMessage(relay.announcement());
    };
    const key = newKey();
    await link.owner.request(create(key), { proveWith: key });
    await link.sender.request(deposit());
    const pairs = relay.keys.map(({ pair }) => pair);
    const shown = relay.posts.map(
      ({ message1 }) =>
        acceptChannel(message1, relay.identity.publicKey, pairs, systemRandom).epoch,
    );
    assert.equal(told.length, 2);
    assert.deepEqual(shown, told);
    link.close();
  });

  it("refused: the same frames go once more, to the newer key", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    relay.keys = [newChannelKey(HOUR + 24)];
    await link.sender.request(deposit());
    assert.equal(relay.posts.length, 2);
    assert.deepEqual(typesOf(relay.posts[0] as never), []);
    link.close();
  });

  const refusals: [ErrorCode, (relay: FakeExchangeRelay) => Uint8Array][] = [
    [
      "CHANNEL_KEY_STALE",
      (relay) => {
        relay.keys = [newChannelKey(HOUR - 24)];
        return refusalMessage(relay.announcement());
      },
    ],
    [
      "CHANNEL_KEY_FORGED",
      (relay) => {
        const forged = { ...relay.announcement(), notBefore: HOUR + 24 };
        return refusalMessage(forged);
      },
    ],
    ["RELAY_MISMATCH", () => refusalMessage(new FakeRelay().announcement())],
    ["CHANNEL_REFUSED", (relay) => refusalMessage(relay.announcement())],
    ["NOT_A_RELAY", (relay) => refusalMessage(relay.announcement()).subarray(0, 90)],
  ];
  for (const [code, refusal] of refusals) {
    it(`refused with another that is not good: ${code}`, async () => {
      const { relay, link, clock } = setUpExchange({ announcement: known });
      relay.network = async () => refusal(relay);
      const asked = link.sender.request(deposit()).catch(codeOf);
      await settled();
      assert.equal(link.state().error?.code, code);
      link.close();
      const isNamed = !(code === "CHANNEL_KEY_STALE" || code === "CHANNEL_REFUSED");
      assert.equal(await asked, isNamed ? code : "RELAY_UNREACHABLE");
      assert.equal(clock.waiting, 0);
    });
  }

  const greetings: [ErrorCode, (relay: FakeExchangeRelay) => Uint8Array | TumarError][] = [
    ["RELAY_MISMATCH", () => announcementMessage(new FakeRelay().announcement())],
    [
      "CHANNEL_KEY_FORGED",
      (relay) => announcementMessage({ ...relay.announcement(), notBefore: HOUR + 24 }),
    ],
    ["NOT_A_RELAY", () => systemRandom(200)],
    ["CAPTIVE_PORTAL", () => new TumarError("CAPTIVE_PORTAL", "a page")],
    ["RELAY_TLS", () => new TumarError("RELAY_TLS", "a certificate")],
  ];
  for (const [code, greeting] of greetings) {
    it(`asked for and not good: ${code}, and nothing is sent`, async () => {
      const { relay, link } = setUpExchange();
      relay.channelKey = async () => {
        const told = greeting(relay);
        if (told instanceof TumarError) throw told;
        return told;
      };
      const asked = link.sender.request(deposit()).catch(codeOf);
      await settled();
      assert.equal(link.state().error?.code, code);
      assert.equal(relay.posts.length, 0);
      link.close();
      await asked;
    });
  }
});

describe("answers that are no good", () => {
  const page = new TextEncoder().encode("<!doctype html><title>Log in</title>");
  const answers: [ErrorCode, (answer: Uint8Array, earlier: Uint8Array) => Uint8Array | Error][] = [
    ["EXCHANGE_CUT", (answer) => answer.subarray(0, 300)],
    ["EXCHANGE_CUT", () => new Uint8Array()],
    ["EXCHANGE_CUT", () => answerCut("the answer broke off")],
    ["EXCHANGE_REPEATED", (_answer, earlier) => earlier],
    ["EXCHANGE_REPEATED", (answer) => answer.map((byte, i) => (i === 200 ? byte ^ 1 : byte))],
    ["NOT_A_RELAY", () => page],
    ["NOT_A_RELAY", (answer) => concat(Uint8Array.of(0), answer.subarray(1))],
    ["CAPTIVE_PORTAL", () => new TumarError("CAPTIVE_PORTAL", "a page")],
    ["RELAY_UNREACHABLE", () => unreachable("reset")],
  ];
  for (const [i, [code, tamper]] of answers.entries()) {
    it(`${i}: ${code}; nothing of it is believed, and what is asked again is answered`, async () => {
      const { relay, link, clock } = setUpExchange();
      await link.sender.request(deposit());
      const earlier = relay.posts[0]?.answer ?? new Uint8Array();
      relay.network = async (answer) => {
        const bad = tamper(answer, earlier);
        if (bad instanceof Error) throw bad;
        return bad;
      };
      const isNamed = code === "CAPTIVE_PORTAL" || code === "NOT_A_RELAY";
      const told = isNamed ? code : "RELAY_UNREACHABLE";
      await assert.rejects(link.sender.request(deposit()), { code: told });
      assert.equal(link.state().error?.code, code);
      relay.network = async (answer) => answer;
      const again = link.sender.request(deposit());
      await clock.advance(2000);
      assert.equal((await again).type, "receipt");
      assert.equal(link.state().error, null);
      link.close();
    });
  }

  it("a frame left without an answer: RELAY_FAULT", async () => {
    const { relay, link } = setUpExchange();
    relay.behaviour = (frame) => (frame.type === "deposit" ? [] : undefined);
    await assert.rejects(link.sender.request(deposit()), { code: "RELAY_UNREACHABLE" });
    assert.equal(link.state().error?.code, "RELAY_FAULT");
    link.close();
  });

  it("a relay that says when to come again is not asked before", async () => {
    const { relay, link, clock } = setUpExchange();
    await link.sender.request(deposit());
    relay.network = async () => {
      const details = { status: 503, retryAfterMs: 20_000 };
      throw new TumarError("RELAY_UNREACHABLE", "busy", { details });
    };
    await assert.rejects(link.sender.request(deposit()), { code: "RELAY_UNREACHABLE" });
    const { length } = relay.posts;
    const again = link.sender.request(deposit());
    await clock.advance(19_000);
    assert.equal(relay.posts.length, length);
    relay.network = async (answer) => answer;
    await clock.advance(3_000);
    assert.equal((await again).type, "receipt");
    link.close();
  });
});

describe("a relay that allows hardly anything", () => {
  it("one frame a second: a request goes out with its proof all the same", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    relay.framesPerSecond = 1;
    const key = newKey();
    await link.owner.request(create(key), { proveWith: key });
    const answer = await link.owner.request(create(key), { proveWith: key });
    assert.equal(answer.type, "ok");
    assert.deepEqual(relay.posts.slice(1).map(typesOf), [["prove", "mailbox.create"]]);
    link.close();
  });
});

describe("one exchange among others", () => {
  it("cut while others are answered, it alone is asked again", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    await link.sender.request(deposit());
    const first = relay.posts.length;
    relay.network = async (answer, post) => {
      if (post === relay.posts[first]) throw answerCut("the answer broke off");
      return answer;
    };
    const all = await Promise.allSettled(
      Array.from({ length: 45 }, () => link.sender.request(deposit())),
    );
    const lost = all.filter(({ status }) => status === "rejected");
    assert.equal(lost.length, 15);
    assert.equal(link.state().error, null);
    assert.equal(relay.posts.length, first + 3);
    link.close();
  });

  it("when all fail the connection ends, and nothing more is begun before", async () => {
    const { relay, link } = setUpExchange({ announcement: known, backoff: { baseMs: 1000 } });
    await link.sender.request(deposit());
    const first = relay.posts.length;
    relay.network = async () => {
      await settled();
      throw answerCut("the answer broke off");
    };
    const all = Array.from({ length: 90 }, () => link.sender.request(deposit()).catch(codeOf));
    for (let i = 0; i < 6; i++) await settled();
    assert.equal(relay.posts.length, first + 4, "four were under way, the rest was not begun");
    assert.equal(link.state().error?.code, "EXCHANGE_CUT");
    link.close();
    const codes = await Promise.all(all);
    assert.equal(codes.filter((code) => code === "RELAY_UNREACHABLE").length, 60);
    assert.equal(codes.filter((code) => code === "LINK_CLOSED").length, 30);
  });

  it("unanswered, it is given up after 10 s and what its bytes take at 2 kbit/s", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    await link.sender.request(deposit());
    relay.network = () => new Promise(() => {});
    const lost = link.sender.request(deposit(), { timeoutMs: 60_000 }).catch(codeOf);
    await clock.advance(10_000 + (1536 + 512) * 4 - 1);
    assert.equal(link.state().error, null);
    assert.equal(relay.open.length, 2, "in doubt, another connection is tried beside it");
    await clock.advance(1);
    assert.equal(await lost, "RELAY_UNREACHABLE");
    assert.equal(relay.open.length, 1);
    link.close();
  });

  it("kicked, a connection that is not answered in 10 s is given up", async () => {
    const { relay, link, clock, faults } = setUpExchange({ announcement: known });
    await link.sender.request(deposit());
    link.kick();
    await settled();
    assert.deepEqual(typesOf(relay.posts.at(-1) as never), ["hello"]);
    relay.network = () => new Promise(() => {});
    link.kick();
    link.kick();
    await settled();
    assert.equal(relay.open.length, 1);
    await clock.advance(10_000);
    assert.deepEqual(faults, ["RELAY_UNREACHABLE"]);
    link.close();
    assert.equal(clock.waiting, 0);
  });
});
