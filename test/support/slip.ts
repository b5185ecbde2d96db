/** Content that no honest client writes, slipped into a person's vault as a draft for their client to seal. */

import { vaultOptions } from "../../client/core/environment.ts";
import { getContact, putContact } from "../../client/core/state/contacts.ts";
import { getIdentity } from "../../client/core/state/identity.ts";
import { nextPlace, putDraft } from "../../client/core/state/outbox.ts";
import { encodeSet } from "../../client/core/state/statements.ts";
import type { VaultTransaction } from "../../client/vault/draft.ts";
import { Vault } from "../../client/vault/vault.ts";
import { parseSigningPublicKey, signingKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import {
  type Content,
  type MessageBody,
  parseMessageId,
  SET_HASH_BYTES,
} from "../../shared/e2ee/content.ts";
import { rootKeyPair } from "../../shared/e2ee/root.ts";
import { decodeStatement } from "../../shared/e2ee/statement.ts";
import { addStatements, emptySet } from "../../shared/e2ee/statement-set.ts";
import {
  signDelegation,
  type VerifiedDelegation,
} from "../../shared/e2ee/statements/delegation.ts";
import { type Person, phraseSeedOf } from "./people.ts";

/** Changes a person's vault beside their client. */
export async function meddle<T>(
  { environment }: Person,
  change: (tx: VaultTransaction) => T,
): Promise<T> {
  const vault = await Vault.open(
    environment.storage,
    environment.passphrase,
    vaultOptions(environment),
  );
  try {
    return await vault.transaction(change);
  } finally {
    await vault.close();
  }
}

/** `from` sends these to `to` with the next round of its outbox. */
export async function slip(
  from: Person,
  to: Person,
  bodies: readonly MessageBody[],
  head: Partial<Pick<Content, "seq" | "hour" | "deviceId">> = {},
): Promise<void> {
  await meddle(from, (tx) => {
    for (const body of bodies) {
      const contact = getContact(tx, to.client.identity);
      if (contact === undefined) throw new Error("no such contact");
      const seq = contact.lastSeq + 1;
      const none = new Uint8Array(SET_HASH_BYTES);
      const content: Content = {
        messageId: parseMessageId(systemRandom(16)),
        deviceId: getIdentity(tx).device.id,
        seq,
        hour: 1,
        senderSet: none,
        readerSet: none,
        body,
        ...head,
      };
      putDraft(tx, nextPlace(tx), { root: contact.root, content });
      putContact(tx, { ...contact, lastSeq: seq });
    }
  });
}

/** A statement by this person's root that its own device has never seen. */
export async function secretDelegation(writer: Person): Promise<VerifiedDelegation> {
  const root = rootKeyPair(await phraseSeedOf(writer));
  return signDelegation(root, {
    power: "guardians",
    k: 1,
    keys: [signingKeyPair(new Uint8Array(32).fill(5)).publicKey],
    devices: [],
    epoch: 1,
    notAfter: 1_000_000,
  });
}

/** Lets `reader` know such a statement about `writer`. */
export async function tellSecretly(reader: Person, writer: Person): Promise<void> {
  const delegation = await secretDelegation(writer);
  await meddle(reader, (tx) => {
    const contact = getContact(tx, writer.client.identity);
    if (contact === undefined) throw new Error("no such contact");
    const known = contact.statements.map((row) => decodeStatement(row.subarray(4)));
    const key = parseSigningPublicKey(writer.client.identity);
    const set = addStatements(emptySet(key), [...known, delegation], 1);
    putContact(tx, { ...contact, statements: encodeSet(set) });
  });
}
