/** People with a client each, over a real relay in this process and vaults in memory. */

import { Client } from "../../client/core/client.ts";
import type { ClientEnvironment } from "../../client/core/environment.ts";
import type { NewIdentity } from "../../client/core/types.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { MemoryBlobStorage } from "../../client/vault/memory-blob-storage.ts";
import { MemoryStorage } from "../../client/vault/memory-storage.ts";
import { parsePhrase, phraseSeed } from "../../shared/crypto/phrase.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";
import { quickDerive } from "./quick-derive.ts";

export const PASSPHRASE = "correct horse battery";

export interface Person {
  readonly client: Client;
  readonly created: NewIdentity;
  readonly environment: ClientEnvironment;
  /** Closes the client and opens the same vault anew. */
  reopen(): Promise<Client>;
}

/** Registered at the relay, or at several; not started. Closed when the test ends. */
export async function person(
  test: Cleanup,
  relays: string | readonly string[],
  given: Partial<ClientEnvironment> = {},
): Promise<Person> {
  const environment: ClientEnvironment = {
    storage: new MemoryStorage(),
    blobs: new MemoryBlobStorage(),
    passphrase: PASSPHRASE,
    transport: nodeTransport(),
    deriveKey: quickDerive,
    ...given,
  };
  const [relay = "", ...moreRelays] = typeof relays === "string" ? [relays] : relays;
  const identity = { relay, moreRelays, wordList: "english" } as const;
  const { client, created } = await Client.create(environment, identity);
  let current = client;
  atEnd(test, () => current.close());
  const reopen = async (): Promise<Client> => {
    await current.close();
    current = await Client.open(environment);
    return current;
  };
  return { client, created, environment, reopen };
}

/** What this person's identity is derived from; the device does not keep it. */
export async function phraseSeedOf({ created, environment }: Person): Promise<Uint8Array> {
  return phraseSeed(await parsePhrase(created.phrase), environment.deriveKey);
}

/** Both add each other's card. */
export async function acquaint(
  [a, aName]: readonly [Person, string],
  [b, bName]: readonly [Person, string],
): Promise<void> {
  await a.client.addContact(await b.client.card(), bName);
  await b.client.addContact(await a.client.card(), aName);
}
