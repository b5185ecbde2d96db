/**
 * Story (g): whoever sits between client and relay and replays, reorders, duplicates, cuts,
 * truncates and damages channel bytes achieves nothing but delay; a recorded first message, sent
 * again on a connection of one's own, changes nothing at the relay and gives an answer that only the
 * client it came from could open.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { WebSocket } from "ws";
import type { Random } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import { verifyAnnouncement } from "../../shared/wire/channel-key.ts";
import { ClientChannel } from "../../shared/wire/client-channel.ts";
import { HostileProxy, type Passing, type Tamper } from "../support/hostile-proxy.ts";
import { findLeaks, type Needle } from "../support/leak-search.ts";
import { type LyingRelay, lyingRelay } from "../support/lying-relay.ts";
import { acquaint, person } from "../support/people.ts";
import { relayInProcess, type TestRelay, temporaryDirectory } from "../support/relay.ts";
import { seededRandom } from "../support/seeded-random.ts";
import {
  allStored,
  assertOneSession,
  hurriedClock,
  numbered,
  pingPong,
  sendAll,
  textsOf,
  until,
  within,
} from "../support/stories.ts";
import { needlesOf } from "../support/vault-needles.ts";

const HOUR_MS = 3_600_000;
const EACH = 12;
const ATTACKS = 40;

// --- a network that does everything at once -----------------------------------------------------

const DEEDS = ["drop", "double", "swap", "cut", "truncate", "flip", "replay", "lengthen"] as const;

/** Does `ATTACKS` bad things, drawn from a seed, then tires of it. */
class Attacker {
  readonly #random: Random;
  readonly #held = new Map<string, Uint8Array>();
  readonly #recorded: Uint8Array[] = [];
  readonly done: Map<string, number> = new Map();

  constructor(seed: string) {
    this.#random = seededRandom(seed);
  }

  get count(): number {
    return [...this.done.values()].reduce((sum, count) => sum + count, 0);
  }

  readonly tamper: Tamper = (passing) => {
    const { message } = passing;
    const before = this.#release(passing);
    this.#recorded.push(message);
    if (this.count >= ATTACKS || this.#below(3) > 0) return [message, ...before];
    const deed = DEEDS[this.#below(DEEDS.length)] ?? "drop";
    this.done.set(deed, (this.done.get(deed) ?? 0) + 1);
    const instead = this.#instead(deed, passing);
    return instead === "cut" ? "cut" : [...instead, ...before];
  };

  #instead(deed: (typeof DEEDS)[number], passing: Passing): readonly Uint8Array[] | "cut" {
    const { message } = passing;
    switch (deed) {
      case "cut":
        return "cut";
      case "drop":
        return [];
      case "double":
        return [message, message];
      case "swap":
        this.#held.set(placeOf(passing), message);
        return [];
      case "truncate":
        return [message.subarray(0, this.#below(message.length))];
      case "lengthen":
        return [Uint8Array.from([...message, 0])];
      case "flip":
        return [this.#flipped(message)];
      case "replay":
        return [this.#recorded[this.#below(this.#recorded.length)] ?? message, message];
    }
  }

  /** What a swap held back follows the message after it. */
  #release(passing: Passing): readonly Uint8Array[] {
    const held = this.#held.get(placeOf(passing));
    this.#held.delete(placeOf(passing));
    return held === undefined ? [] : [held];
  }

  #flipped(message: Uint8Array): Uint8Array {
    const at = this.#below(message.length * 8);
    return message.map((byte, i) => (i === at >> 3 ? byte ^ (1 << (at & 7)) : byte));
  }

  #below(limit: number): number {
    const [high = 0, low = 0] = this.#random(2);
    return (high * 256 + low) % Math.max(1, limit);
  }
}

function placeOf({ connection, direction }: Passing): string {
  return `${connection} ${direction}`;
}

// --- replays of first messages ------------------------------------------------------------------

/** Sends bytes as the first message of a new connection; what comes back but the greeting. */
async function replay(address: string, message: Uint8Array): Promise<readonly Uint8Array[]> {
  const { host } = new URL(address);
  const socket = new WebSocket(`ws://${host}/v1/ws`);
  const answers: Uint8Array[] = [];
  const answered = new Promise<void>((resolve) => {
    socket.on("message", (data: Buffer) => {
      answers.push(Uint8Array.from(data));
      if (answers.length === 1) socket.send(message);
      else resolve();
    });
    socket.on("close", resolve);
  });
  await within("an answer to a replay", answered);
  socket.close();
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, "close");
  return answers.slice(1);
}

/** As a stranger with everything public about the relay, and a channel of its own, would try. */
function assertNotForUs(relay: TestRelay, announcement: Uint8Array, answer: Uint8Array): void {
  const { hash } = parseRelayAddress(relay.address);
  const channel = ClientChannel.start(verifyAnnouncement(announcement, hash), systemRandom);
  channel.seal([{ type: "hello", requestId: 1, version: 1 }]);
  assert.throws(
    () => channel.open(answer),
    (error) => error instanceof TumarError && error.code === "CHANNEL_BROKEN",
  );
}

/** Every recorded first message once more, twice each: the relay's state and its owners' are as before. */
async function assertReplaysDoNothing(
  { relay, store }: LyingRelay,
  proxy: HostileProxy,
  needles: readonly Needle[],
): Promise<void> {
  const greeting = proxy.seen.find(({ direction }) => direction === "to-client")?.message;
  assert.ok(greeting !== undefined);
  const before = await store.counts();
  store.committed.length = 0;
  const messages = proxy.firstMessages();
  assert.ok(messages.length >= 4);
  const answers: Uint8Array[] = [];
  for (const message of [...messages, ...messages]) {
    answers.push(...(await replay(relay.address, message)));
  }
  for (const answer of answers) {
    assert.equal(answer[0], MESSAGE_KINDS.channel);
    assertNotForUs(relay, greeting.subarray(1), answer);
  }
  assert.deepEqual(findLeaks(Buffer.concat(answers), needles), []);
  assert.deepEqual(await store.counts(), before);
  // No owner's act was done again; of senders' acts only deposits, and those were there already.
  for (const { operation, result } of store.committed) {
    assert.equal(operation.type, "deposit");
    assert.ok(result?.ok === true);
    assert.deepEqual({ ...(result.value as object), mailbox: 0 }, { duplicate: true, mailbox: 0 });
  }
}

describe("story (g): a hostile network", () => {
  for (const seed of ["боран", "тұман"]) {
    it(`delays a conversation and does nothing else to it (attacks ${seed})`, async (t) => {
      const relay = await relayInProcess(t);
      const proxy = await HostileProxy.start(t, relay.address);
      const given = { clock: hurriedClock, random: seededRandom(seed) };
      const aigul = await person(t, proxy.address, given);
      const bek = await person(t, proxy.address, { ...given, random: seededRandom(`${seed} 2`) });
      await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
      const attacker = new Attacker(seed);
      proxy.tamper = attacker.tamper;
      aigul.client.start();
      bek.client.start();
      const [ofAigul, ofBek] = [numbered("Айгүлден", EACH), numbered("Бектен", EACH)];
      await Promise.all([
        sendAll(aigul.client, "Бек", ofAigul),
        sendAll(bek.client, "Айгүл", ofBek),
      ]);
      assert.deepEqual(await textsOf(bek.client, EACH), ofAigul);
      assert.deepEqual(await textsOf(aigul.client, EACH), ofBek);
      const more = numbered("тағы", ATTACKS);
      for (const [i, text] of more.entries()) {
        if (attacker.count === ATTACKS) break;
        await aigul.client.send("Бек", text);
        assert.equal((await textsOf(bek.client, EACH + i + 1)).at(-1), text);
      }
      assert.equal(attacker.count, ATTACKS);
      await allStored(aigul.client);
      await allStored(bek.client);
      assert.ok(attacker.done.size >= DEEDS.length - 1, [...attacker.done.keys()].join());
      const received = (await bek.client.received()).map(({ id }) => id.join());
      assert.equal(new Set(received).size, (await aigul.client.sent()).length);
      assert.equal((await aigul.client.received()).length, EACH);
      await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
      await assertOneSession(aigul.environment, bek.environment);
    });
  }

  it("a recorded first message does nothing a second time: at once, in later epochs, after a restart", async (t) => {
    const directory = await temporaryDirectory(t);
    let nowMs = Date.now();
    const clock = () => nowMs;
    const first = await lyingRelay(t, { directory, clock });
    const proxy = await HostileProxy.start(t, first.relay.address);
    const aigul = await person(t, proxy.address);
    const bek = await person(t, proxy.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    await aigul.client.send("Бек", "бірінші");
    await aigul.client.sync();
    bek.client.start();
    aigul.client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
    await aigul.client.close();
    await bek.client.close();
    await until("everything acknowledged", async () => {
      return (await first.store.counts()).envelopes === 0;
    });
    assert.ok(first.store.deposits.length >= 5);
    const ofBoth = [aigul, bek].map(({ environment }) => needlesOf("vault", environment));
    const needles = (await Promise.all(ofBoth)).flat();

    await assertReplaysDoNothing(first, proxy, needles);
    for (const _ of ["the epoch before", "an epoch long gone"]) {
      nowMs += HOUR_MS;
      await assertReplaysDoNothing(first, proxy, needles);
    }
    const { port } = first.relay;
    await first.relay.close();
    const second = await lyingRelay(t, { directory, clock, port });
    await assertReplaysDoNothing(second, proxy, needles);

    const [again, back] = [await aigul.reopen(), await bek.reopen()];
    again.start();
    back.start();
    await again.send("Бек", "әлі осындамын");
    assert.equal((await textsOf(back, 4)).at(-1), "әлі осындамын");
  });
});
