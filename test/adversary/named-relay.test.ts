/** A contact names a machine of theirs as the place of a file: the reader's device never goes there. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { generateBlobKey, paddedBlobBytes } from "../../shared/e2ee/blob.ts";
import { type MediaPart, parseBlobId } from "../../shared/e2ee/media.ts";
import { parseRelayAddress, parseRelayHash } from "../../shared/e2ee/relay-address.ts";
import { acquaint, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { slip } from "../support/slip.ts";
import { hurriedClock, synced, until } from "../support/stories.ts";

describe("a relay that a message names and that is not the reader's", () => {
  it("is never connected to, whoever names it: by syncing, following or fetching", async (t) => {
    let connections = 0;
    const trap = createServer((_, response) => response.end()).on("connection", () => {
      connections++;
    });
    await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
    t.after(() => trap.close());
    const { port } = trap.address() as AddressInfo;
    const { address } = await relayInProcess(t);
    const aigul = await person(t, address);
    const bek = await person(t, address, { clock: hurriedClock });
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);

    const ours = parseRelayAddress(address);
    const host = `127.0.0.1:${port}`;
    const end = { dataBytes: 9, sealedBytes: paddedBlobBytes(1), hash: systemRandom(32) };
    const growing = { dataBytes: 0, sealedBytes: 0, hash: new Uint8Array(0) };
    const hour = Math.floor(Date.now() / 3_600_000);
    const bodies = [ours.hash, parseRelayHash(systemRandom(16))].flatMap((hash) =>
      [end, growing].map((lengths) => {
        const place = {
          relay: { scheme: "http", host, hash },
          blobId: parseBlobId(systemRandom(24)),
        } as const;
        const key = generateBlobKey(systemRandom);
        const parts: readonly MediaPart[] = [{ role: "whole", key, place, ...lengths }];
        const media = { name: "x", type: "", metadata: "none", durationMs: 0, parts } as const;
        return { kind: "file", media } as const;
      }),
    );
    await slip(aigul, bek, bodies, { hour });
    await synced(aigul.client);

    let looks = 0;
    bek.client.start();
    const stop = new AbortController();
    const following = (async () => {
      for await (const _ of bek.client.messages({ signal: stop.signal })) {
        if (++looks === bodies.length) stop.abort();
      }
    })();
    await until("the messages", async () => (await bek.client.received()).length === bodies.length);
    await following;
    await bek.client.refreshMedia();
    for (const { id } of await bek.client.received()) {
      await assert.rejects(bek.client.fetchMedia(id), { code: "MEDIA_ELSEWHERE" });
      assert.equal((await bek.client.receivedMessage(id)).media?.isFetched, false);
    }
    assert.equal(connections, 0);
  });
});
