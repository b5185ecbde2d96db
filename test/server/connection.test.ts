/** What ends a connection and what does not: broken channels, limits, silence, wrong places. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import WebSocket from "ws";
import { startRelay } from "../../server/relay.ts";
import { DEFAULT_STORE_LIMITS } from "../../server/store/limits.ts";
import { MemoryStore } from "../../server/store/memory/memory-engine.ts";
import { WEBSOCKET_PATH } from "../../server/upgrade.ts";
import { dhKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import { keyAfterRefusal, verifyAnnouncement } from "../../shared/wire/channel-key.ts";
import { ClientChannel } from "../../shared/wire/client-channel.ts";
import { encodeCbor } from "../../shared/wire/codec.ts";
import { relayHash } from "../../shared/wire/ids.ts";
import { BareUpload } from "../support/bare-blobs.ts";
import { BareClient } from "../support/bare-client.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { depositFrame, newMailbox, register, subscribeFrame } from "../support/bare-mailbox.ts";
import { LyingStore } from "../support/lying-store.ts";
import { RawChannel } from "../support/raw-channel.ts";
import { logged, relayInProcess, temporaryDirectory } from "../support/relay.ts";

async function socketTo(port: number, path: string = WEBSOCKET_PATH): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false });
  await once(socket, "open");
  return socket;
}

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, "close")) as [number];
  return code;
}

describe("connection", () => {
  it("a message that breaks the channel ends it with the close code of its error", async (t) => {
    const relay = await relayInProcess(t);
    const client = await BareClient.connect(relay.address);
    await client.request(SOME_FRAMES.hello);
    const good = client.channel.seal([]);
    await client.close();
    const never: readonly (Uint8Array | string)[] = [
      good.subarray(0, 511),
      Uint8Array.of(MESSAGE_KINDS.announcement, ...good.subarray(1)),
      "text",
      new Uint8Array(0),
    ];
    for (const message of never) {
      const first = await socketTo(relay.port);
      first.send(message);
      assert.equal(await closeCode(first), 1008);
    }
    for (const message of [...never, good, good.with(100, (good[100] ?? 0) ^ 1)]) {
      const channel = await RawChannel.open(relay.address);
      channel.socket.send(message);
      const [told] = await channel.frames();
      assert.ok(told?.type === "error" && told.message === "CHANNEL_BROKEN");
      assert.equal(await closeCode(channel.socket), 1008);
    }
    const large = await socketTo(relay.port);
    large.send(new Uint8Array(50_689));
    assert.equal(await closeCode(large), 1009);
  });

  it("a faulty frame is answered, and its neighbours are taken", async (t) => {
    const relay = await relayInProcess(t);
    const channel = await RawChannel.open(relay.address);
    const hello = (id: number) => encodeCbor([1, id, 1]);
    channel.send(
      hello(50),
      encodeCbor([63, 51]),
      encodeCbor([1, 52, 0]),
      encodeCbor([1, 53, 1, 1]),
      encodeCbor([1]),
      encodeCbor(7),
      hello(54),
    );
    const answers = (await channel.frames()).map((frame) => [
      frame.requestId,
      frame.type === "error" ? frame.message : frame.type,
    ]);
    assert.deepEqual(answers, [
      [50, "hello.answer"],
      [51, "UNKNOWN_FRAME"],
      [52, "BAD_FRAME"],
      [53, "BAD_FRAME"],
      [0, "BAD_FRAME"],
      [0, "BAD_FRAME"],
      [54, "hello.answer"],
    ]);
    channel.socket.close();
  });

  it("content that is not canonical, or is badly padded, ends it with the code told", async (t) => {
    const relay = await relayInProcess(t);
    const padded = new Uint8Array(512 - 1 - 16);
    const contents: readonly ((channel: RawChannel) => void)[] = [
      (channel) => channel.send(Uint8Array.of(0x83, 0x18, 1, 50, 1)),
      (channel) => channel.send(Uint8Array.of(0x9f, 0xff)),
      (channel) => channel.sendPadded(padded),
      (channel) => channel.sendPadded(padded.with(0, 0x80).with(9, 1)),
    ];
    for (const send of contents) {
      const channel = await RawChannel.open(relay.address);
      send(channel);
      const [told] = await channel.frames();
      assert.ok(told?.type === "error" && told.requestId === 0 && told.message === "MALFORMED");
      assert.equal(await closeCode(channel.socket), 1008);
    }
  });

  it("a message 1 to an unknown key is answered with the current one; the retry opens", async (t) => {
    const relay = await relayInProcess(t);
    const { hash } = parseRelayAddress(relay.address);
    const socket = new WebSocket(`ws://127.0.0.1:${relay.port}${WEBSOCKET_PATH}`);
    const next = async () => Uint8Array.from(((await once(socket, "message")) as [Buffer])[0]);
    const announcement = verifyAnnouncement((await next()).subarray(1), hash);
    const used = {
      ...announcement,
      channelKey: dhKeyPair(systemRandom(32)).publicKey,
      notBefore: 1,
    };
    socket.send(ClientChannel.start(used, systemRandom).seal([]));
    const refusal = await next();
    assert.equal(refusal[0], MESSAGE_KINDS.refused);
    const newer = keyAfterRefusal(refusal.subarray(1), hash, used);
    const channel = ClientChannel.start(newer, systemRandom);
    socket.send(channel.seal([{ ...SOME_FRAMES.hello, requestId: 1 } as never]));
    const answer = channel.open(await next());
    assert.ok(answer.kind === "frames" && answer.frames[0]?.type === "hello.answer");
    socket.close();
    const stubborn = await socketTo(relay.port);
    for (let i = 0; i < 2; i++) stubborn.send(ClientChannel.start(used, systemRandom).seal([]));
    assert.equal(await closeCode(stubborn), 1008);
  });

  it("message 2 answers all of message 1, also what waits for the disk", async (t) => {
    const relay = await relayInProcess(t);
    const { hash } = parseRelayAddress(relay.address);
    const socket = new WebSocket(`ws://127.0.0.1:${relay.port}${WEBSOCKET_PATH}`);
    const next = async () => Uint8Array.from(((await once(socket, "message")) as [Buffer])[0]);
    const channel = ClientChannel.start(
      verifyAnnouncement((await next()).subarray(1), hash),
      systemRandom,
    );
    const asked = ["hello", "record.get", "prekeys.take", "deposit"] as const;
    const frames = asked.map((type, i) => ({ ...SOME_FRAMES[type], requestId: i + 1 }) as never);
    socket.send(channel.seal(frames));
    const answer = channel.open(await next());
    assert.ok(answer.kind === "frames");
    const answered = answer.frames.map(({ requestId }) => requestId);
    assert.deepEqual(answered.sort(), [1, 2, 3, 4]);
    socket.close();
  });

  it("a recorded message 1 counts as a replay on another connection", async (t) => {
    const relay = await relayInProcess(t);
    const client = await BareClient.connect(relay.address);
    const mailbox = newMailbox();
    const sent: Uint8Array[] = [];
    const send = client.socket.send.bind(client.socket);
    client.socket.send = (data: Uint8Array) => {
      sent.push(data);
      send(data);
    };
    await client.prove(mailbox.key);
    const [message1] = sent;
    assert.ok(message1 !== undefined);
    const replay = await socketTo(relay.port);
    replay.send(message1);
    const [answer] = (await once(replay, "message")) as [Buffer];
    assert.equal(answer.length, 512);
    replay.send(message1);
    assert.equal(await closeCode(replay), 1008);
    const metrics = relay.log.filter((line) => line.includes('"reason":"violation"'));
    assert.equal(metrics.length, 1);
    await register(client, mailbox);
    await client.close();
  });

  it("frames beyond the rate are slowed, then RATE_LIMITED; the connection stays", async (t) => {
    const relay = await relayInProcess(t, { FRAMES_PER_SECOND: 10 });
    const client = await BareClient.connect(relay.address);
    await client.request(SOME_FRAMES.hello);
    const answers = await Promise.allSettled(
      client.requestAll(Array.from({ length: 60 }, () => SOME_FRAMES.hello)),
    );
    const taken = answers.filter(({ status }) => status === "fulfilled").length;
    assert.ok(taken >= 29 && taken <= 40, String(taken));
    for (const answer of answers) {
      if (answer.status === "rejected") assert.equal(answer.reason.code, "RATE_LIMITED");
    }
    assert.equal((await client.request(SOME_FRAMES.hello)).type, "hello.answer");
    await client.close();
  });

  it("bytes beyond the rate are slowed, and nothing is lost", async (t) => {
    const relay = await relayInProcess(t, { BYTES_PER_SECOND: 200_000 });
    const owner = await BareClient.connect(relay.address);
    const sender = await BareClient.connect(relay.address);
    const mailbox = await register(owner, newMailbox());
    await owner.request(subscribeFrame(mailbox));
    const deposits = Array.from({ length: 30 }, () => depositFrame(mailbox, systemRandom(16_384)));
    await Promise.all(sender.requestAll(deposits));
    assert.equal((await owner.delivered(30)).length, 30);
  });

  it("connections beyond the number of one address are refused with 429", async (t) => {
    const relay = await relayInProcess(t, { CONNECTIONS_PER_ADDRESS: 2 });
    const first = await BareClient.connect(relay.address);
    await BareClient.connect(relay.address);
    await assert.rejects(BareClient.connect(relay.address), /429/);
    const elsewhere = await BareClient.connect(relay.address, { localAddress: "127.0.0.77" });
    await elsewhere.close();
    await first.close();
    const third = await BareClient.connect(relay.address);
    await third.close();
  });

  it("behind a proxy, the address is the one the proxy saw", async (t) => {
    const relay = await relayInProcess(t, { CONNECTIONS_PER_ADDRESS: 1, PROXY_HOPS: 1 });
    const from = (address: string) =>
      BareClient.connect(relay.address, { headers: { "x-forwarded-for": address } });
    await from("192.0.2.1");
    await from("192.0.2.1, 192.0.2.2");
    await assert.rejects(from("192.0.2.9, 192.0.2.1"), /429/);
    await BareClient.connect(relay.address);
  });

  it("there is one path for WebSockets", async (t) => {
    const relay = await relayInProcess(t);
    for (const path of ["/", "/v1/ws/", "/v1/ws?x=1", "/v1/channel-key"]) {
      await assert.rejects(socketTo(relay.port, path), /404/, path);
    }
  });

  it("who says nothing is cut: late before message 1, silent after it", async (t) => {
    let nowMs = 0;
    const relay = await relayInProcess(t, {}, { timer: () => nowMs });
    const late = await socketTo(relay.port);
    nowMs = 21_000;
    assert.equal(await closeCode(late), 1006);
    await logged(relay, '"reason":"late"');
    const client = await BareClient.connect(relay.address);
    await client.request(SOME_FRAMES.hello);
    nowMs += 40_000;
    await once(client.socket, "ping");
    client.socket.pause();
    const passing = setInterval(() => {
      nowMs += 80_000;
    }, 200);
    t.after(() => clearInterval(passing));
    await logged(relay, '"reason":"silent"');
    client.socket.resume();
    assert.equal(await client.closed, 1006);
  });
});

describe("bytes for a disk that is behind", () => {
  it("are not read beyond a bound; who waits for it is not taken for silent", async (t) => {
    let nowMs = 0;
    const store = new LyingStore(new MemoryStore(DEFAULT_STORE_LIMITS));
    const relay = await relayInProcess(t, {}, { store, timer: () => nowMs });
    const { depositId } = await register(await BareClient.connect(relay.address), newMailbox());
    const client = await BareClient.connect(relay.address);
    const blob = new BareUpload((request) => client.request(request), depositId);
    await blob.create();
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    store.lies = {
      commit: async (operations, keep) => {
        await gate;
        return await keep(operations);
      },
    };
    const uploading = Array.from({ length: 10 }, (_, i) =>
      blob.append(i * 50_000, new Uint8Array(50_000), i === 9),
    );
    // another connection is cut for its silence: the same time has passed for this one
    const silent = await BareClient.connect(relay.address);
    await silent.request(SOME_FRAMES.hello);
    silent.socket.pause();
    const passing = setInterval(() => {
      nowMs += 80_000;
    }, 200);
    t.after(() => clearInterval(passing));
    await logged(relay, '"reason":"silent"');
    clearInterval(passing);
    goOn();
    assert.ok((await Promise.all(uploading)).at(-1)?.isComplete);
    silent.socket.resume();
  });
});

describe("stop", () => {
  it("ends though clients go on to send, and answers what it read", async (t) => {
    const relay = await relayInProcess(t);
    const { depositId } = await register(await BareClient.connect(relay.address), newMailbox());
    let sent = 0;
    let begin = () => {};
    const isBusy = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const busy = Array.from({ length: 6 }, async () => {
      const client = await BareClient.connect(relay.address);
      const blob = new BareUpload((request) => client.request(request), depositId);
      await blob.create();
      for (let at = 0; at < 1500; at++, sent++) {
        await blob.append(at, Uint8Array.of(1));
        if (sent === 20) begin();
      }
    });
    const ends = Promise.allSettled(busy);
    await isBusy;
    await relay.close();
    const codes = (await ends).map((end) => (end.status === "rejected" ? end.reason.code : "done"));
    assert.deepEqual(codes, Array(6).fill("LINK_CLOSED"));
  });
});

describe("start", () => {
  it("refuses a port in use and a directory another relay has", async (t) => {
    const relay = await relayInProcess(t);
    const DATA = await temporaryDirectory(t);
    await assert.rejects(startRelay({ config: { DATA, PORT: relay.port } }), {
      code: "PORT_UNUSABLE",
    });
    await assert.rejects(startRelay({ config: { DATA: relay.directory, PORT: 0 } }), {
      code: "STORE_IN_USE",
    });
  });

  it("keeps its identity and the channel key of the day over a restart", async (t) => {
    const first = await relayInProcess(t);
    const client = await BareClient.connect(first.address);
    const { channelKey, identity } = client.announcement;
    await first.close();
    assert.equal(await client.closed, 1001);
    const second = await relayInProcess(t, { DATA: first.directory });
    const again = await BareClient.connect(second.address);
    assert.deepEqual(again.announcement.channelKey, channelKey);
    assert.deepEqual(again.announcement.identity, identity);
    assert.notDeepEqual(again.announcement.epoch, client.announcement.epoch);
    assert.deepEqual(parseRelayAddress(second.address).hash, relayHash(identity));
  });
});
