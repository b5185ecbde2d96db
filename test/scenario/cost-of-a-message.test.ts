/**
 * What a message costs on a slow line, whatever carries it: how often the writer waits for the reader's
 * relay, and how many bytes pass. The times are in docs/BENCHMARKS.md, "Network".
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { TRANSPORT_KINDS, type TransportKind } from "../../client/net/connection.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { type Person, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { routedTransport } from "../support/routed-transport.ts";
import { until } from "../support/stories.ts";
import { TcpTap } from "../support/tcp-tap.ts";

const FIRST_BYTES = 12 * 1024;
const SESSION_BYTES = 6 * 1024;
const TEXT = "ы".repeat(280);
/** Stands in the reader's address for "through the tap": the writer's own relay is reached directly. */
const TAPPED = 1;

interface Scene {
  readonly writer: Person;
  readonly reader: Person;
  readonly tap: TcpTap;
}

async function scene(test: TestContext, transportKind: TransportKind): Promise<Scene> {
  const relay = await relayInProcess(test);
  const tap = await TcpTap.start(test, relay.address);
  const direct = Number(new URL(relay.address).port);
  const through = Number(new URL(tap.address).port);
  const transport = (tapped: number) =>
    routedTransport(nodeTransport(), (port) => (port === TAPPED ? tapped : port));
  const readersAddress = relay.address.replace(`:${direct}`, `:${TAPPED}`);
  const reader = await person(test, readersAddress, { transport: transport(direct) });
  const writer = await person(test, relay.address, {
    transport: transport(through),
    transportKind,
  });
  await writer.client.addContact(await reader.client.card(), "Bek");
  await reader.client.addContact(await writer.client.card(), "Aigul");
  writer.client.start();
  reader.client.start();
  await writer.client.sync();
  return { writer, reader, tap };
}

/** From `send` to the relay's receipt. */
async function costOf(
  { writer, tap }: Scene,
  text: string,
): Promise<[trips: number, bytes: number]> {
  const [trips, bytes] = [tap.roundTrips, tap.bytes];
  const { id } = await writer.client.send("Bek", text);
  await writer.client.stored(id);
  return [tap.roundTrips - trips, tap.bytes - bytes];
}

describe("the cost of a message", () => {
  for (const kind of TRANSPORT_KINDS) {
    it(`is 3 round trips and 12 KiB at first, then 1 and 6 KiB, ${kind}`, async (t) => {
      const all = await scene(t, kind);
      assert.equal(all.tap.bytes, 0);
      const [firstTrips, firstBytes] = await costOf(all, TEXT);
      assert.equal(firstTrips, 3);
      assert.ok(firstBytes <= FIRST_BYTES, `${firstBytes} bytes`);
      await all.reader.client.send("Aigul", "answer");
      await until("the answer", async () => (await all.writer.client.received()).length > 0);
      await all.writer.client.sync();
      const [trips, bytes] = await costOf(all, `2 ${TEXT}`);
      assert.equal(trips, 1);
      assert.ok(bytes <= SESSION_BYTES, `${bytes} bytes`);
    });
  }
});
