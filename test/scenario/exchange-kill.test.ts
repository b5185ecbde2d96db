/** A relay killed in the midst of exchanges: what has a receipt is there, once; held ones end, and go on. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toHex } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { BareExchanger } from "../support/bare-exchange.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  depositFrame,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { deliveriesIn, makeMailbox, poll, typesOf } from "../support/exchange-scene.ts";
import { relayProcess, temporaryDirectory } from "../support/relay.ts";

const ENVELOPES = 60;
const AT_A_TIME = 6;

/** Everything that waits, in order, acknowledged as it comes. */
async function drain(client: BareExchanger, mailbox: BareMailbox): Promise<readonly string[]> {
  const found: string[] = [];
  let ids: readonly Uint8Array[] = [];
  let isAll = false;
  while (!isAll || ids.length > 0) {
    const frames = await client.exchange(
      [acknowledgeFrame(mailbox, ids), subscribeFrame(mailbox)],
      { prove: [mailbox.key] },
    );
    const whole = deliveriesIn(frames).filter(({ offset, bytes, total }) => {
      return offset === 0 && bytes.length === total;
    });
    ids = whole.map((frame) => frame.envelopeId);
    found.push(...ids.map(toHex));
    isAll = typesOf(frames).includes("empty");
  }
  return found;
}

describe("a relay killed in the midst of exchanges", () => {
  it("has what it gave a receipt for, once, and takes the repetitions of the rest", async (t) => {
    const directory = await temporaryDirectory(t);
    const before = await relayProcess(t, { directory });
    const client = await BareExchanger.open(before.address);
    const [mailbox, quiet] = [await makeMailbox(client), await makeMailbox(client)];
    const held = poll(client, quiet, { waitSeconds: 25 });
    held.catch(() => undefined);

    const waiting = Array.from({ length: ENVELOPES }, () => systemRandom(1024));
    const receipts = new Set<Uint8Array>();
    const left = [...waiting];
    const send = async (): Promise<void> => {
      for (let envelope = left.shift(); envelope !== undefined; envelope = left.shift()) {
        const answer = await client.exchange([depositFrame(mailbox, envelope)]);
        assert.deepEqual(typesOf(answer), ["receipt"]);
        receipts.add(envelope);
        if (receipts.size === ENVELOPES / 2) before.child.kill("SIGKILL");
      }
    };
    await Promise.allSettled(Array.from({ length: AT_A_TIME }, send));
    assert.ok(receipts.size >= ENVELOPES / 2 && receipts.size < ENVELOPES);
    await assert.rejects(held);

    const after = await relayProcess(t, { directory, port: before.port });
    const again = await BareExchanger.open(after.address);
    const repeated = waiting.filter((envelope, i) => !receipts.has(envelope) || i % 5 === 0);
    for (const envelope of repeated) {
      const answer = await again.exchange([depositFrame(mailbox, envelope)]);
      assert.deepEqual(typesOf(answer), ["receipt"]);
    }
    const found = await drain(again, mailbox);
    assert.deepEqual(found.toSorted(), waiting.map((e) => toHex(envelopeId(e))).toSorted());
    assert.deepEqual(typesOf(await poll(again, quiet)), ["empty"]);
  });
});
