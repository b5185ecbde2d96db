/**
 * Story (e): two people talk from 127.0.0.77, first contact included. Neither the relay's files
 * (`-wal` included, before and after it stops) nor its logs at the most verbose level hold anything
 * of theirs, nor that address; and whoever recorded the network has noise.
 */

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, it, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { findLeaks, formsOf, type Needle } from "../support/leak-search.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { rawFiles } from "../support/raw-files.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";
import { allStored, pingPong, sendAll, textsOf } from "../support/stories.ts";
import { TcpTap } from "../support/tcp-tap.ts";
import { needlesOf, tagsOf } from "../support/vault-needles.ts";

const LOCAL_ADDRESS = "127.0.0.77";
const NAMES = ["Айгүл Қасымқызы", "Бек Тоқтарұлы"] as const;
const TEXTS = [
  "Сәлем, Бек! Мен әлі транзит аймағындамын, ешкімге айтпа.",
  "قىز كىچىك، ئۇنى ئېلىپ كەتتى",
  "明天早上六点的飞机",
  "🛫🆘 Gate 17, 06:10",
];
const ADDRESS: readonly Needle[] = [
  { what: "network address", secret: LOCAL_ADDRESS },
  { what: "network address in bytes", secret: Uint8Array.of(127, 0, 0, 77) },
  { what: "network address as a number", secret: String(0x7f00004d) },
];

interface Scene {
  readonly directory: string;
  readonly relay: RelayProcess;
  readonly tap: TcpTap;
  readonly aigul: Person;
  readonly bek: Person;
  readonly needles: readonly Needle[];
}

/** A conversation, and at its end messages that still wait in the mailbox of somebody who left. */
async function converse(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t);
  const settings = { LOG_LEVEL: "debug", SWEEP_SECONDS: 1 };
  const relay = await relayProcess(t, { directory, settings });
  const tap = await TcpTap.start(t, relay.address);
  const transport = nodeTransport({ localAddress: LOCAL_ADDRESS });
  const aigul = await person(t, tap.address, { transport });
  const bek = await person(t, tap.address, { transport });
  await acquaint([aigul, NAMES[0]], [bek, NAMES[1]]);
  aigul.client.start();
  bek.client.start();
  await sendAll(aigul.client, NAMES[1], TEXTS);
  await textsOf(bek.client, TEXTS.length);
  await pingPong([aigul.client, NAMES[0]], [bek.client, NAMES[1]], 6);
  await bek.client.close();
  await sendAll(
    aigul.client,
    NAMES[1],
    TEXTS.map((text) => `${text} — қайта`),
  );
  await allStored(aigul.client);
  const needles = [
    ...(await needlesOf("Aigul", aigul.environment)),
    ...(await needlesOf("Bek", bek.environment)),
    ...[aigul, bek].flatMap(({ created }) => [
      { what: "phrase", secret: created.phrase },
      { what: "phrase in digits", secret: created.digits },
    ]),
  ];
  return { directory, relay, tap, aigul, bek, needles };
}

describe("story (e): nothing to read", () => {
  it("the relay's files, its logs and the network hold nothing of a conversation", async (t) => {
    const { directory, relay, tap, aigul, bek, needles } = await converse(t);
    const relayNeedles = [...needles, ...ADDRESS];
    assert.ok((await readdir(directory)).includes("relay.sqlite-wal"));
    const running = await rawFiles(directory);
    assert.deepEqual(findLeaks(running, relayNeedles), []);
    // The search works on these very files: the relay keeps tags as they are.
    for (const { environment } of [aigul, bek]) {
      const tags = await tagsOf(environment);
      assert.deepEqual(findLeaks(running, tags), ["tag (raw)"]);
    }

    await aigul.client.close();
    assert.equal(await relay.end("SIGTERM"), 0);
    assert.deepEqual(findLeaks(await rawFiles(directory), relayNeedles), []);
    const log = relay.log();
    assert.match(log, /"started"/);
    assert.match(log, /"stopped"/);
    assert.deepEqual(findLeaks(Buffer.from(log), relayNeedles), []);
    assert.deepEqual([...tap.sources], [LOCAL_ADDRESS]);
    assert.ok(tap.connections >= 4);
    assert.deepEqual(findLeaks(tap.recording(), needles), []);
  });

  it("the search finds what is planted, in every form it looks for", () => {
    for (const secret of [TEXTS[0] ?? "", Uint8Array.from({ length: 32 }, (_, i) => 7 * i)]) {
      for (const [form, bytes] of formsOf(secret)) {
        const heap = Buffer.concat([Buffer.alloc(999, "a"), bytes, Buffer.alloc(999, "b")]);
        const found = findLeaks(heap, [{ what: "planted", secret }]);
        assert.ok(found.includes(`planted (${form})`), form);
      }
    }
    const inLonger = Buffer.from(`[${NAMES[0]}]`).toString("base64");
    const found = findLeaks(Buffer.from(inLonger), [{ what: "planted", secret: NAMES[0] }]);
    assert.notDeepEqual(found, []);
  });

  it("the recording of the network shows what was planted under a WebSocket mask", async (t) => {
    const directory = await temporaryDirectory(t);
    const relay = await relayProcess(t, { directory });
    const tap = await TcpTap.start(t, relay.address);
    const { host } = new URL(tap.address);
    const socket = new WebSocket(`ws://${host}/v1/ws`, { localAddress: LOCAL_ADDRESS });
    socket.on("open", () => socket.send(Buffer.from(`\u0001${TEXTS[0]}`)));
    await new Promise((resolve) => socket.on("close", resolve));
    const planted = [{ what: "text", secret: TEXTS[0] ?? "" }];
    assert.deepEqual(findLeaks(tap.recording(), planted), ["text (raw)"]);
  });
});
