/** Everything in a vault that nobody but its owner, or those it was given to, may ever see. */

import type { ClientEnvironment } from "../../client/core/environment.ts";
import { listContacts, listPeers } from "../../client/core/state/contacts.ts";
import { listMyGrants } from "../../client/core/state/grants.ts";
import { type HomeRow, listHomes } from "../../client/core/state/homes.ts";
import { getIdentity, type IdentityRow } from "../../client/core/state/identity.ts";
import { listMessages } from "../../client/core/state/messages.ts";
import type { VaultView } from "../../client/vault/draft.ts";
import { devicePublicKeys } from "../../shared/e2ee/device.ts";
import { decodePeer } from "../../shared/e2ee/device-peer.ts";
import { depositHash } from "../../shared/wire/ids.ts";
import type { Needle } from "./leak-search.ts";
import { readVault } from "./stories.ts";

/** `who` only names the needles. */
export async function needlesOf(who: string, environment: ClientEnvironment): Promise<Needle[]> {
  const needles = await readVault(environment, (view) => [
    ...identityNeedles(getIdentity(view)),
    ...listHomes(view).flatMap(homeNeedles),
    ...grantNeedles(view),
    ...contactNeedles(view),
    ...messageNeedles(view),
    { what: "passphrase", secret: environment.passphrase },
  ]);
  return needles.map(({ what, secret }) => ({ what: `${who}: ${what}`, secret }));
}

/** Tags of grants: the relay keeps them as they are, so that a search that works finds them. */
export async function tagsOf(environment: ClientEnvironment): Promise<readonly Needle[]> {
  const grants = await readVault(environment, listMyGrants);
  return grants
    .filter(({ use }) => use === "card")
    .map(({ tag }) => ({ what: "tag", secret: tag }));
}

function identityNeedles({ root, cardSecret, device, ownerKeys }: IdentityRow): readonly Needle[] {
  const { IKs, IKd } = devicePublicKeys(device);
  return [
    { what: "identity", secret: root },
    { what: "card secret", secret: cardSecret },
    { what: "device id", secret: device.id },
    { what: "device signing key", secret: IKs },
    { what: "device key", secret: IKd },
    ...ownerKeys.map((secret) => ({ what: "owner key", secret })),
  ];
}

function homeNeedles({ mailbox, writer, front, status, generation }: HomeRow): readonly Needle[] {
  return [
    { what: "mailbox public key", secret: mailbox.publicKey },
    { what: "mailbox secret key", secret: mailbox.secretKey.subarray(0, 32) },
    { what: "writer public key", secret: writer.publicKey },
    { what: "writer secret key", secret: writer.secretKey.subarray(0, 32) },
    ...[front, status, generation].flatMap(({ id, readKey }) => [
      { what: "record id", secret: id },
      { what: "read key", secret: readKey },
    ]),
  ];
}

function grantNeedles(view: VaultView): readonly Needle[] {
  return listMyGrants(view).flatMap(({ depositId, wrapKey }) => [
    { what: "depositId", secret: depositId },
    { what: "hash of a depositId", secret: depositHash(depositId) },
    { what: "wrap key", secret: wrapKey },
  ]);
}

function contactNeedles(view: VaultView): readonly Needle[] {
  const names = listContacts(view).flatMap(({ name }) =>
    name === null ? [] : [{ what: "name", secret: name }],
  );
  const sessions = listPeers(view).flatMap((row) =>
    row.sessions === null ? [] : decodePeer(row.sessions).sessions,
  );
  return [...names, ...sessions.map(({ id }) => ({ what: "session id", secret: id }))];
}

function messageNeedles(view: VaultView): readonly Needle[] {
  return listMessages(view).flatMap(([, { id, text }]) => [
    { what: "message id", secret: id },
    { what: "text", secret: text },
  ]);
}
