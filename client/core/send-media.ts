/**
 * Sending media: prepared (client/media), sealed into spools beside the vault, and only then written as
 * a message whose manifest names them. What is live is written first and sealed as it comes.
 */

import { EMPTY } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { generateBlobKey } from "../../shared/e2ee/blob.ts";
import type { PartRole } from "../../shared/e2ee/media.ts";
import { UPLOAD_ID_BYTES } from "../../shared/wire/limits.ts";
import type { PreparedMedia } from "../media/prepare.ts";
import type { BlobClaim } from "../vault/blob-storage.ts";
import { noteBroken, noteEnd } from "./broken-recording.ts";
import type { Core } from "./context.ts";
import { Recording } from "./recording.ts";
import { sealDrafts } from "./seal.ts";
import { Spool } from "./spool.ts";
import {
  deleteSealing,
  putSealing,
  putSentMedia,
  putSentPart,
  type SentMediaRow,
  type SentPartRow,
} from "./state/sent-media.ts";
import type { MediaKind, SendMediaOptions } from "./types.ts";
import { recipientOf, writeManifest } from "./writing.ts";

/** Not at any relay yet. */
const UNPLACED = {
  relay: "",
  depositId: EMPTY,
  expiryDay: 0,
  storedBytes: 0,
  isStored: false,
  lastFault: "",
} as const;

/** What the engine does about it. */
export interface MediaHooks {
  isTrusted(): boolean;
  kick(): void;
}

/**
 * @returns the id of the message, which is in the vault
 * @throws TumarError CONTACT_UNKNOWN, IDENTITY_CHANGED, MEDIA_EMPTY, MEDIA_TYPE, METADATA_NOT_REMOVABLE,
 *   VAULT_STORAGE, and the signal's reason: then nothing was written
 */
export async function sendMedia(
  core: Core,
  hooks: MediaHooks,
  nameOrPrefix: string,
  options: SendMediaOptions,
): Promise<Uint8Array> {
  await core.vault.read((view) => recipientOf(view, nameOrPrefix));
  const { kind, source, name = "", keepMetadata = false, isLive = false, signal } = options;
  signal?.throwIfAborted();
  // Loaded when something is sent first: a page that only reads does without it.
  const { prepareMedia } = await import("../media/prepare.ts");
  const prepared = await prepareMedia({
    kind,
    source,
    name,
    keepMetadata,
    isLive,
    makePreview: core.photoCopy,
  });
  const send = isLive ? sendLive : sendSealed;
  return await send(core, hooks, nameOrPrefix, options, prepared);
}

async function sendSealed(
  core: Core,
  hooks: MediaHooks,
  nameOrPrefix: string,
  options: SendMediaOptions,
  prepared: PreparedMedia,
): Promise<Uint8Array> {
  const claims: BlobClaim[] = [];
  try {
    const whole = await claimNoted(core, nameOrPrefix, options.kind, prepared.name);
    claims.push(whole);
    const parts: SentPartRow[] = [];
    const { preview, stream } = prepared;
    if (preview !== null) {
      const claim = await core.blobs.create();
      claims.push(claim);
      parts.push(await sealPart(core, claim, "preview", pieces(preview), options));
    }
    parts.push(await sealPart(core, whole, "whole", stream, options));
    options.signal?.throwIfAborted();
    return await write(core, hooks, nameOrPrefix, options, prepared, parts);
  } catch (error) {
    await forget(core, claims).catch(() => undefined);
    throw error;
  } finally {
    for (const claim of claims) await claim.release();
    hooks.kick();
  }
}

async function forget(core: Core, claims: readonly BlobClaim[]): Promise<void> {
  for (const { name } of claims) await core.blobs.delete(name);
  await core.vault.transaction((tx) => {
    for (const { name } of claims) deleteSealing(tx, name);
  });
}

/** A spool for the whole, noted in the vault: if this process dies meanwhile, the person is told. */
async function claimNoted(
  core: Core,
  nameOrPrefix: string,
  kind: MediaKind,
  name: string,
): Promise<BlobClaim> {
  const claim = await core.blobs.create();
  await core.vault.transaction((tx) => {
    const { root } = recipientOf(tx, nameOrPrefix);
    putSealing(tx, claim.name, { root, kind, name });
  });
  return claim;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function sealPart(
  core: Core,
  claim: BlobClaim,
  role: PartRole,
  stream: AsyncIterable<Uint8Array>,
  { signal, onSealed }: SendMediaOptions,
): Promise<SentPartRow> {
  const key = generateBlobKey(core.random);
  const spool = Spool.begin(core, claim.name, key);
  try {
    for await (const piece of stream) {
      signal?.throwIfAborted();
      await spool.write(piece);
      if (role === "whole") onSealed?.(spool.dataBytes);
    }
    if (spool.dataBytes === 0) throw new TumarError("MEDIA_EMPTY", "there is nothing in it");
  } catch (error) {
    spool.giveUp();
    throw error;
  }
  const end = await spool.end();
  const uploadId = core.random(UPLOAD_ID_BYTES);
  return { ...UNPLACED, role, key, spool: claim.name, uploadId, ...end };
}

async function sendLive(
  core: Core,
  hooks: MediaHooks,
  nameOrPrefix: string,
  options: SendMediaOptions,
  prepared: PreparedMedia,
): Promise<Uint8Array> {
  const claim = await core.blobs.create();
  const key = generateBlobKey(core.random);
  const spool = Spool.begin(core, claim.name, key);
  const uploadId = core.random(UPLOAD_ID_BYTES);
  const growing = { dataBytes: 0, sealedBytes: 0, hash: EMPTY };
  const part = {
    ...UNPLACED,
    ...growing,
    role: "whole",
    key,
    spool: claim.name,
    uploadId,
  } as const;
  let id: Uint8Array;
  const recording = new Recording(claim, core.blobs, spool, core.clock);
  core.recordings.add(recording);
  try {
    await spool.makeDurable();
    id = await write(core, hooks, nameOrPrefix, options, prepared, [part]);
  } catch (error) {
    await core.blobs.delete(claim.name).catch(() => undefined);
    await core.recordings.release(claim.name);
    throw error;
  }
  hooks.kick();
  core.recordings.runs(id, record(core, hooks, id, recording, prepared, options.signal));
  return id;
}

/** Rejects with why the stream broke off, once what came of it is sealed. */
async function record(
  core: Core,
  hooks: MediaHooks,
  id: Uint8Array,
  recording: Recording,
  { stream }: PreparedMedia,
  stop: AbortSignal | undefined,
): Promise<void> {
  try {
    const end = await recording.run(stream, stop, () =>
      core.vault.transaction((tx) => noteBroken(tx, id)),
    );
    if (end === undefined) return;
    const { durationMs, fault } = end;
    const how = { durationMs, isCutOff: fault !== undefined };
    await core.vault.transaction((tx) => noteEnd(tx, core, id, 0, end, how));
    core.emit({ type: "media", id });
    if (fault !== undefined) throw fault;
  } catch (error) {
    // What it could not close is closed by whoever uploads it.
    if (!recording.isEnded()) await core.recordings.release(recording.claim.name);
    throw error;
  } finally {
    hooks.kick();
  }
}

async function write(
  core: Core,
  hooks: MediaHooks,
  nameOrPrefix: string,
  { kind, isLive = false }: SendMediaOptions,
  { name, type, metadata, durationMs }: PreparedMedia,
  parts: readonly SentPartRow[],
): Promise<Uint8Array> {
  const ends = { isCutOff: false, isLost: false };
  const media: SentMediaRow = { name, type, metadata, durationMs, isLive, ...ends };
  const { id } = await core.vault.transaction((tx) => {
    const message = writeManifest(tx, core, nameOrPrefix, kind);
    for (const { spool } of parts) deleteSealing(tx, spool);
    putSentMedia(tx, message.id, media);
    parts.forEach((part, i) => {
      putSentPart(tx, message.id, i === 0 ? 0 : 1, part);
    });
    if (hooks.isTrusted()) sealDrafts(tx, core, message.root);
    return message;
  });
  core.emit({ type: "written", id });
  return id;
}
