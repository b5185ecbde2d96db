/** Where a contact is reached, when two relays bring what they told in another order. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getContact, listPeers } from "../../../client/core/state/contacts.ts";
import {
  decodeGrantList,
  type GrantPlace,
  parseDepositId,
  parseWrapKey,
} from "../../../shared/e2ee/grant.ts";
import { parseReadKey, parseRecordId } from "../../../shared/e2ee/record-part.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { decodeStatusPlaces, type StatusPlace } from "../../../shared/e2ee/status-record.ts";
import { acquaint, type Person, person } from "../../support/people.ts";
import { relayInProcess } from "../../support/relay.ts";
import { slip } from "../../support/slip.ts";
import { pingPong, readVault, synced, until } from "../../support/stories.ts";

const NEWER = 60;
const OLDER = 50;

function grantsAt(address: string, fill: number): readonly GrantPlace[] {
  return [
    {
      relay: parseRelayAddress(address),
      depositId: parseDepositId(new Uint8Array(24).fill(fill)),
      wrapKey: parseWrapKey(new Uint8Array(32).fill(fill)),
      mayBeUrgent: true,
    },
  ];
}

function statusAt(address: string, fill: number): readonly StatusPlace[] {
  return [
    {
      relay: parseRelayAddress(address),
      id: parseRecordId(new Uint8Array(24).fill(fill)),
      readKey: parseReadKey(new Uint8Array(32).fill(fill)),
    },
  ];
}

/** First bytes of the depositIds and of the ids of status records that this person uses for the other. */
async function toldOf({ environment }: Person, other: Person): Promise<readonly unknown[]> {
  return await readVault(environment, (view) => {
    const root = other.client.identity;
    const grants = listPeers(view, root).flatMap((row) => decodeGrantList(row.grants));
    const status = getContact(view, root)?.status ?? Uint8Array.of(0);
    return [
      grants.map(({ depositId }) => depositId[0]),
      decodeStatusPlaces(status).map(({ id }) => id[0]),
    ];
  });
}

describe("lists that a contact told", () => {
  it("stand in the order they were told, not in that in which they came", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    bek.client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);

    const tell = async (fill: number, seq: number): Promise<void> => {
      await slip(bek, aigul, [{ kind: "grant", places: grantsAt(relay.address, fill) }], { seq });
      const places = statusAt(relay.address, fill);
      await slip(bek, aigul, [{ kind: "status", places }], { seq: seq + 1 });
      await synced(bek.client);
      await synced(aigul.client);
    };
    await tell(1, NEWER);
    await until("the newer lists", async () => {
      return JSON.stringify(await toldOf(aigul, bek)) === "[[1],[1]]";
    });
    await tell(2, OLDER);
    assert.deepEqual(await toldOf(aigul, bek), [[1], [1]]);
    await tell(3, NEWER + 10);
    assert.deepEqual(await toldOf(aigul, bek), [[3], [3]]);
  });
});
