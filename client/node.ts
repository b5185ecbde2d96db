/**
 * The client library on Node: a vault in a file with a folder beside it for media, and connections through Node's own sockets.
 *
 *     import { openClient } from "tumar/node";
 *     const client = await openClient("./aigul.vault", passphrase);
 *
 * Whoever opens a client closes it: `close` wipes its keys.
 */

import type { DeriveKey } from "../shared/crypto/argon2id.ts";
import { Client } from "./core/client.ts";
import type { ClientEnvironment } from "./core/environment.ts";
import type { CreateOptions, NewIdentity } from "./core/types.ts";
import { photoCopy } from "./media/node/photo-copy.ts";
import type { TransportKind } from "./net/connection.ts";
import { nodeNetwork, watchNodeNetwork } from "./net/node/network.ts";
import { type NodeTransportOptions, nodeTransport } from "./net/node/node-transport.ts";
import { FileBlobStorage } from "./vault/node/file-blob-storage.ts";
import { FileStorage } from "./vault/node/file-storage.ts";

export interface NodeClientOptions extends NodeTransportOptions {
  /** Argon2id elsewhere, for example in a worker thread: same input, same output. */
  readonly deriveKey?: DeriveKey;
  /** The only kind of connection used; without it, what works. */
  readonly transportKind?: TransportKind;
}

/** Works offline. @throws TumarError of the vault (docs/ERRORS.md, 400), PROXY_INVALID */
export async function openClient(
  path: string,
  passphrase: string,
  options: NodeClientOptions = {},
): Promise<Client> {
  return await Client.open(environment(path, passphrase, options));
}

/** A new identity at a relay. Leaves no file behind when it fails; never touches a vault that is there. */
export async function createClient(
  path: string,
  passphrase: string,
  identity: CreateOptions,
  options: NodeClientOptions = {},
): Promise<{ readonly client: Client; readonly created: NewIdentity }> {
  return await Client.create(environment(path, passphrase, options), identity);
}

export function vaultExists(path: string): Promise<boolean> {
  return new FileStorage(path).exists();
}

function environment(
  path: string,
  passphrase: string,
  { deriveKey, transportKind, ...options }: NodeClientOptions,
): ClientEnvironment {
  return {
    storage: new FileStorage(path),
    blobs: new FileBlobStorage(`${path}.blobs`),
    passphrase,
    transport: nodeTransport(options),
    network: nodeNetwork,
    onNetworkChange: watchNodeNetwork,
    photoCopy,
    ...(transportKind === undefined ? {} : { transportKind }),
    ...(deriveKey === undefined ? {} : { deriveKey }),
  };
}
