/** Owner frames over a real WebSocket: mailboxes, grants, records and one-time pairs. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { SettingValues } from "../../server/config-table.ts";
import { equalBytes } from "../../shared/crypto/bytes.ts";
import { errorCodeOf } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { depositHash } from "../../shared/wire/ids.ts";
import { decodeRecordParts, recordDigest } from "../../shared/wire/record-parts.ts";
import { BareClient, newKey, type Request } from "../support/bare-client.ts";
import {
  acknowledgeFrame,
  createFrame,
  depositFrame,
  grantFrame,
  newMailbox,
  register,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { relayInProcess } from "../support/relay.ts";

interface Two {
  readonly owner: BareClient;
  readonly sender: BareClient;
}

async function two(t: TestContext, config: Partial<SettingValues> = {}): Promise<Two> {
  const relay = await relayInProcess(t, config);
  const owner = await BareClient.connect(relay.address);
  const sender = await BareClient.connect(relay.address);
  return { owner, sender };
}

const refused = { code: "REFUSED" };

describe("mailbox frames", () => {
  it("a mailbox is made once, of one kind, and may be made again", async (t) => {
    const { owner } = await two(t);
    const mailbox = newMailbox();
    await owner.prove(mailbox.key);
    assert.equal((await owner.request(createFrame(mailbox))).type, "ok");
    assert.equal((await owner.request(createFrame(mailbox))).type, "ok");
    await assert.rejects(owner.request(createFrame(mailbox, 1)), { code: "NAME_TAKEN" });
  });

  it("what is not there, or is another's, is REFUSED in one and the same way", async (t) => {
    const { owner, sender } = await two(t);
    const mailbox = newMailbox();
    await owner.prove(mailbox.key);
    const { depositId } = mailbox;
    const frames: Request[] = [
      grantFrame(mailbox),
      { type: "mailbox.revoke", mailbox: mailbox.mailbox, depositHash: depositHash(depositId) },
      subscribeFrame(mailbox),
      acknowledgeFrame(mailbox, [systemRandom(24)]),
    ];
    for (const frame of frames) await assert.rejects(owner.request(frame), refused, frame.type);
    await assert.rejects(sender.request(depositFrame(mailbox, systemRandom(1024))), refused);
  });

  it("a grant belongs to one mailbox, can be changed and revoked", async (t) => {
    const { owner, sender } = await two(t, { GRANTS: 8 });
    const mailbox = await register(owner, newMailbox(), { perDay: 1 });
    const deposit = () => sender.request(depositFrame(mailbox, systemRandom(1024)));
    assert.equal((await deposit()).type, "receipt");
    await assert.rejects(deposit(), { code: "QUOTA" });
    await owner.request(grantFrame(mailbox, { perDay: 2 }));
    assert.equal((await deposit()).type, "receipt");
    const thief = { ...newMailbox(), depositId: mailbox.depositId };
    await assert.rejects(register(owner, thief), { code: "NAME_TAKEN" });
    const revoke: Request = {
      type: "mailbox.revoke",
      mailbox: mailbox.mailbox,
      depositHash: depositHash(mailbox.depositId),
    };
    await owner.request(revoke);
    await owner.request(revoke);
    await assert.rejects(deposit(), refused);
    // A copy of the grant that was held back on its way comes now.
    await assert.rejects(owner.request(grantFrame(mailbox)), refused);
    await assert.rejects(deposit(), refused);
    for (let i = 0; i < 8; i++) {
      await owner.request(grantFrame({ ...mailbox, depositId: systemRandom(24) }));
    }
    const ninth = { ...mailbox, depositId: systemRandom(24) };
    await assert.rejects(owner.request(grantFrame(ninth)), { code: "LIMIT_REACHED" });
  });

  it("a deleted mailbox is gone with all that waits, and its subscriber is told", async (t) => {
    const { owner, sender } = await two(t);
    const mailbox = await register(owner, newMailbox());
    await owner.request(subscribeFrame(mailbox));
    const remove: Request = { type: "mailbox.delete", mailbox: mailbox.mailbox };
    await owner.request(remove);
    await owner.request(remove);
    const told = owner.pushed.find(({ type }) => type === "error");
    assert.ok(told?.type === "error" && errorCodeOf(told.number) === "REFUSED");
    await assert.rejects(sender.request(depositFrame(mailbox, systemRandom(1024))), refused);
    await register(owner, mailbox);
    await owner.request(subscribeFrame(mailbox));
    await sender.request(depositFrame(mailbox, systemRandom(1024)));
    assert.equal((await owner.delivered(1)).length, 1);
  });
});

describe("record frames", () => {
  const recordId = systemRandom(24);
  const put = (owner: Uint8Array, writer: Uint8Array, version: number, part: Uint8Array) =>
    ({ type: "record.put", recordId, owner, writer, version, part }) as const;

  it("writers put parts with growing versions; readers join them in slices", async (t) => {
    const { owner, sender } = await two(t);
    const [first, second, third] = [newKey(), newKey(), newKey()];
    for (const key of [first, second, third]) await owner.prove(key);
    const parts = [systemRandom(12_000), systemRandom(12_000)] as const;
    await assert.rejects(sender.request({ type: "record.get", recordId, offset: 0 }), refused);
    await owner.request(put(third.publicKey, first.publicKey, 5, parts[0]));
    await owner.request(put(third.publicKey, first.publicKey, 5, parts[0]));
    const stale = put(third.publicKey, first.publicKey, 4, parts[0]);
    await assert.rejects(owner.request(stale), { code: "STALE_VERSION" });
    const foreign = put(third.publicKey, second.publicKey, 1, parts[1]);
    await assert.rejects(owner.request(foreign), refused);
    const writers = [first.publicKey, second.publicKey];
    const list = { type: "record.writers", recordId, owner: third.publicKey, writers } as const;
    await owner.request({ ...list, version: 1 });
    await assert.rejects(owner.request({ ...list, version: 1, writers: [] }), {
      code: "STALE_VERSION",
    });
    await owner.request(foreign);
    const taken = { ...foreign, recordId: systemRandom(24) };
    await assert.rejects(owner.request(taken), { code: "NAME_TAKEN" });

    let encoding = Buffer.alloc(0);
    let total = 1;
    while (encoding.length < total) {
      const slice = await sender.request({ type: "record.get", recordId, offset: encoding.length });
      assert.ok(slice.type === "record" && slice.offset === encoding.length);
      encoding = Buffer.concat([encoding, slice.bytes]);
      total = slice.total;
      if (encoding.length === total) assert.deepEqual(recordDigest(encoding), slice.digest);
    }
    const joined = decodeRecordParts(encoding);
    assert.equal(joined.length, 2);
    for (const [key, bytes] of [
      [first, parts[0]],
      [second, parts[1]],
    ] as const) {
      const part = joined.find(({ writer }) => equalBytes(writer, key.publicKey));
      assert.deepEqual(part?.bytes, bytes);
    }
    const beyond = await sender.request({ type: "record.get", recordId, offset: total });
    assert.ok(beyond.type === "record" && beyond.bytes.length === 0);
  });

  it("too many writers are LIMIT_REACHED", async (t) => {
    const { owner } = await two(t, { RECORD_WRITERS: 1 });
    const key = newKey();
    await owner.prove(key);
    await owner.request(put(key.publicKey, key.publicKey, 1, systemRandom(10)));
    const writers = [newKey().publicKey, newKey().publicKey];
    await assert.rejects(
      owner.request({
        type: "record.writers",
        recordId,
        owner: key.publicKey,
        version: 1,
        writers,
      }),
      { code: "LIMIT_REACHED" },
    );
  });
});

describe("one-time pairs", () => {
  it("are published, taken once for each token, and counted", async (t) => {
    const { owner, sender } = await two(t, { PREKEY_TAKES: 3 });
    const recordId = systemRandom(24);
    const keys = [newKey(), newKey()];
    for (const key of keys) await owner.prove(key);
    const [first, second] = keys.map(({ publicKey }) => publicKey);
    assert.ok(first !== undefined && second !== undefined);
    const put = { type: "record.put", recordId, owner: first, version: 1 } as const;
    await owner.request({ ...put, writer: first, part: systemRandom(10) });
    const writers = [first, second];
    await owner.request({ type: "record.writers", recordId, owner: first, version: 1, writers });
    const notAfter = Math.floor(Date.now() / 3_600_000) + 24 * 30;
    const pairs = Array.from({ length: 10 }, (_, i) => ({
      pairId: i + 1,
      notAfter,
      sealed: systemRandom(1500),
    }));
    for (const writer of writers) {
      const left = await owner.request({ type: "prekeys.publish", recordId, writer, pairs });
      assert.ok(left.type === "left" && left.count === 10);
    }
    const again = await owner.request({ type: "prekeys.publish", recordId, writer: first, pairs });
    assert.ok(again.type === "left" && again.count === 10);
    const token = systemRandom(16);
    const take = { type: "prekeys.take", recordId, token, first: 0 } as const;
    const taken = await sender.request(take);
    assert.ok(taken.type === "pairs" && taken.total === 2 && taken.pairs.length === 2);
    assert.deepEqual(await sender.request(take), { ...taken, requestId: taken.requestId + 1 });
    const rest = await sender.request({ ...take, first: 1 });
    assert.ok(rest.type === "pairs" && rest.total === 2);
    assert.deepEqual(rest.pairs, taken.pairs.slice(1));
    const none = await owner.request({
      type: "prekeys.publish",
      recordId,
      writer: first,
      pairs: [],
    });
    assert.ok(none.type === "left" && none.count === 9);
    for (let i = 0; i < 2; i++) await sender.request({ ...take, token: systemRandom(16) });
    await assert.rejects(sender.request({ ...take, token: systemRandom(16) }), { code: "QUOTA" });
    await assert.rejects(sender.request({ ...take, recordId: systemRandom(24) }), refused);
  });

  it("that are past their hour are not handed out", async (t) => {
    const { owner, sender } = await two(t);
    const recordId = systemRandom(24);
    const key = newKey();
    await owner.prove(key);
    const { publicKey } = key;
    await owner.request({
      type: "record.put",
      recordId,
      owner: publicKey,
      writer: publicKey,
      version: 1,
      part: systemRandom(10),
    });
    const pairs = [
      { pairId: 1, notAfter: Math.floor(Date.now() / 3_600_000), sealed: systemRandom(9) },
    ];
    await owner.request({ type: "prekeys.publish", recordId, writer: publicKey, pairs });
    const taken = await sender.request({
      type: "prekeys.take",
      recordId,
      token: systemRandom(16),
      first: 0,
    });
    assert.ok(taken.type === "pairs" && taken.total === 0);
  });
});
