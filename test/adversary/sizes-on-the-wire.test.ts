/**
 * Somebody on the path counts bytes: of a short text they learn nothing by it. A hundred different texts
 * cost one and the same messages, on the connections of the one who writes and of the one who reads.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { TRANSPORT_KINDS, type TransportKind } from "../../client/net/connection.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { utf8 } from "../../shared/crypto/bytes.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { routedTransport } from "../support/routed-transport.ts";
import { clockHurriedBy, pingPong, until } from "../support/stories.ts";
import { TcpTap } from "../support/tcp-tap.ts";
import { wireSizes } from "../support/wire-sizes.ts";

const TEXTS = 100;
/** What fits the smallest envelope in a standing session; a longer text costs the next size. */
const SHORT_BYTES = 700;
const LETTERS = ["a", "ы", "一", "🕊"];
/** Of one text: deposit, receipt, delivery, acknowledgement; over a WebSocket also the answer to that. */
const MESSAGES: Readonly<Record<TransportKind, number>> = {
  websocket: 5,
  exchange: 4,
  thrifty: 4,
};

/** A question that waits at the relay is answered after 25 s, text or none: it is renewed well before. */
const RENEW_MS = 5_000;
/** A connection that was silent for 30 s is asked whether it is there: on this clock not so soon. */
const clock = clockHurriedBy(1 / 10);

interface Tapped {
  readonly person: Person;
  readonly tap: TcpTap;
}

/** From one letter to `SHORT_BYTES`, in scripts that need one to four bytes for a letter. */
function differentTexts(): readonly string[] {
  return Array.from({ length: TEXTS }, (_, i) => {
    const letter = LETTERS[i % LETTERS.length] ?? "";
    const bytes = 1 + Math.floor(((SHORT_BYTES - 1) * i) / (TEXTS - 1));
    return letter.repeat(Math.max(1, Math.floor(bytes / utf8(letter).length)));
  });
}

/** All connections of this person pass a tap of their own. */
async function tapped(
  test: TestContext,
  address: string,
  transportKind: TransportKind,
): Promise<Tapped> {
  const tap = await TcpTap.start(test, address);
  const port = Number(new URL(tap.address).port);
  const transport = routedTransport(nodeTransport(), () => port);
  return { person: await person(test, address, { transport, transportKind, clock }), tap };
}

/** Everything since the beginning, with whose connection it was. */
function sizesOf(people: readonly Tapped[]): readonly string[] {
  return people.flatMap(({ tap }, i) =>
    tap
      .streams()
      .flatMap(({ toRelay, toClient }) => [
        ...wireSizes("up", toRelay),
        ...wireSizes("down", toClient),
      ])
      .map((size) => `${i === 0 ? "writer" : "reader"} ${size}`),
  );
}

/** Those of `all` that are not in `before`, sorted. */
function added(before: readonly string[], all: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const size of before) left.set(size, (left.get(size) ?? 0) + 1);
  return all
    .filter((size) => {
      const count = left.get(size) ?? 0;
      left.set(size, count - 1);
      return count <= 0;
    })
    .sort();
}

/** Until nothing has passed for a while: what follows a first contact is over. */
async function quiet(people: readonly Tapped[]): Promise<void> {
  let [count, sinceMs] = [-1, 0];
  await until("silence on the wire", () => {
    const now = bytesOf(people);
    if (now !== count) [count, sinceMs] = [now, Date.now()];
    return Date.now() - sinceMs > 300;
  });
}

function bytesOf(people: readonly Tapped[]): number {
  return people.reduce((sum, { tap }) => sum + tap.bytes, 0);
}

describe("sizes on the wire", () => {
  for (const kind of TRANSPORT_KINDS) {
    const messages = MESSAGES[kind];
    it(`are the same for a hundred different short texts, ${kind}`, async (t) => {
      const relay = await relayInProcess(t);
      const aigul = await tapped(t, relay.address, kind);
      const bek = await tapped(t, relay.address, kind);
      const people = [aigul, bek];
      const [writer, reader] = [aigul.person.client, bek.person.client];
      await acquaint([aigul.person, "Aigul"], [bek.person, "Bek"]);
      writer.start();
      reader.start();
      await pingPong([writer, "Aigul"], [reader, "Bek"], 4);
      await quiet(people);

      const costOf = async (text: string): Promise<readonly string[]> => {
        const before = sizesOf(people);
        let [all, bytes] = [before, bytesOf(people)];
        await writer.send("Bek", text);
        await until(`${messages} messages`, () => {
          if (bytesOf(people) === bytes) return false;
          bytes = bytesOf(people);
          all = sizesOf(people);
          return all.length >= before.length + messages;
        });
        return added(before, all);
      };
      let renewedMs = Date.now();
      const renewed = async (): Promise<void> => {
        if (Date.now() - renewedMs < RENEW_MS) return;
        await writer.sync();
        await quiet(people);
        renewedMs = Date.now();
      };
      const first = await costOf("сәлем");
      assert.equal(first.length, messages, first.join("; "));
      for (const text of differentTexts()) {
        await renewed();
        assert.deepEqual(await costOf(text), first);
      }
      await quiet(people);
      const received = await reader.received();
      const fromWriter = received.filter(({ from }) => from === "Aigul");
      assert.equal(fromWriter.length, 2 + 1 + TEXTS);
      // The measurement sees sizes: a text too long for the smallest envelope costs other messages.
      assert.notDeepEqual(await costOf("a".repeat(2 * SHORT_BYTES)), first);
    });
  }
});
