/** A client that moves between networks: it remembers what works in each, and notices the change. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client } from "../../../client/core/client.ts";
import type { ClientEvent } from "../../../client/core/types.ts";
import { atEnd } from "../../support/cleanup.ts";
import { impair } from "../../support/impair/impair.ts";
import { PROFILES } from "../../support/impair/profiles.ts";
import { person } from "../../support/people.ts";
import { relayInProcess } from "../../support/relay.ts";

type Connection = Extract<ClientEvent, { readonly type: "connection" }>;

/** The next event of a connection that passes. */
function told(client: Client, passes: (event: Connection) => boolean): Promise<Connection> {
  return new Promise((resolve) => {
    const stop = client.on((event) => {
      if (event.type !== "connection" || !passes(event)) return;
      stop();
      resolve(event);
    });
  });
}

const refusing = { ...PROFILES["ws-killed"], upgrades: "refuse" } as const;

describe("a client between networks", () => {
  it("remembers that WebSockets are refused here, and begins with HTTP the next time", async (t) => {
    const relay = await relayInProcess(t);
    const network = await impair({ to: relay.address, profile: refusing });
    atEnd(t, () => network.close());
    let place = "cafe";
    const asked: string[] = [];
    const { client, reopen, environment } = await person(t, network.address(relay.address), {
      network: () => place,
    });
    const { transport } = environment;
    (environment as { transport: unknown }).transport = {
      ...transport,
      apart: undefined,
      connect: (...given: Parameters<typeof transport.connect>) => {
        asked.push("websocket");
        return transport.connect(...given);
      },
    };
    await client.sync();
    const again = await reopen();
    const up = told(again, ({ isUp }) => isUp);
    await again.sync();
    assert.equal((await up).trying, "WebSocket blocked here, using HTTP");
    assert.deepEqual(asked, [], "no WebSocket was tried");

    place = "at home";
    const elsewhere = await reopen();
    await elsewhere.sync();
    assert.notDeepEqual(asked, []);
  });

  it("tries at once when the network comes back, and says before why it waits", async (t) => {
    const relay = await relayInProcess(t);
    const network = await impair({ to: relay.address, profile: "none" });
    atEnd(t, () => network.close());
    let change = () => {};
    let stopped = 0;
    const { reopen } = await person(t, network.address(relay.address), {
      onNetworkChange: (listener) => {
        change = listener;
        return () => stopped++;
      },
    });
    network.setProfile("captive");
    const client = await reopen();
    const waiting = told(client, ({ isUp }) => !isUp);
    client.start();
    const { trying, situation } = await waiting;
    assert.match(trying, /^A login page of the network answers instead of the relay/);
    assert.equal(situation.hindrance, "login-page");
    network.setProfile("none");
    const up = told(client, ({ isUp }) => isUp);
    change();
    assert.equal((await up).transport, "websocket");
    await client.close();
    assert.equal(stopped, 2);
  });
});
