/** A door is added to a relay of ours: it is listed under it, leads to it, and is forgotten again. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { doorInProcess } from "../support/doors.ts";
import { person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";

describe("a door to a relay of ours", () => {
  it("is listed under it, and forgotten when it is removed; another relay's is a relay of its own", async (t) => {
    const [relay, other] = [await relayInProcess(t), await relayInProcess(t)];
    const door = await doorInProcess(t, relay.address);
    const aigul = await person(t, relay.address);
    const key = relay.address.slice(relay.address.indexOf("#"));
    const address = `${new URL(door.address).origin}${key}`;

    const through = await aigul.client.addRelay(address);
    assert.deepEqual([through.address, through.doors], [relay.address, [address]]);
    assert.equal((await aigul.client.relays()).length, 1);
    const again = await aigul.reopen();
    assert.deepEqual((await again.relays())[0]?.doors, [address]);
    // An address with the key of a relay that is not behind it is no door.
    const forged = `${new URL(other.address).origin}${key}`;
    await assert.rejects(again.addRelay(forged), { code: "RELAY_MISMATCH" });
    await assert.rejects(again.removeRelay(relay.address), { code: "RELAY_LAST" });

    const without = await again.removeRelay(new URL(address).host);
    assert.deepEqual([without?.stage, without?.doors], ["live", []]);
    assert.equal((await again.addRelay(other.address)).stage, "live");
    assert.equal((await again.relays()).length, 2);
  });
});
