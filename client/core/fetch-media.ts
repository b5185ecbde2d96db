/**
 * Fetching what others sent beside an envelope, and reading what is here. Several processes of a vault may
 * fetch the same: one does it, the others wait and go on with what it left.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import {
  BLOB_CHUNK_BYTES,
  BLOB_HEADER_BYTES,
  BlobCipher,
  chunkOffset,
} from "../../shared/e2ee/blob.ts";
import type { PartRole } from "../../shared/e2ee/media.ts";
import { type BlobState, downloadBlob } from "../net/blob-download.ts";
import type { BlobClaim } from "../vault/blob-storage.ts";
import type { VaultView } from "../vault/draft.ts";
import { storedChunks } from "./blob-scan.ts";
import type { Core } from "./context.ts";
import { DamagedChunk, FetchedPart, mismatch } from "./fetched-part.ts";
import { mediaRelay } from "./media-relay.ts";
import { learn, mediaState } from "./media-state.ts";
import { getMessage, messageIndex } from "./state/messages.ts";
import {
  getReceivedMedia,
  getReceivedPart,
  putReceivedPart,
  type ReceivedPartRow,
  receivedPartsOf,
} from "./state/received-media.ts";
import type { FetchOptions } from "./types.ts";

/** A vault's commit costs some disk: what a kill loses of this is found in the storage again. */
const NOTE_MS = 5_000;
const EVENT_MS = 500;
const CLAIM_LOOK_MS = 250;

/** The places of the parts wanted, the preview first. @throws TumarError MESSAGE_UNKNOWN, MEDIA_UNKNOWN */
export function partsWanted(
  view: VaultView,
  id: Uint8Array,
  role: PartRole | undefined,
): readonly (0 | 1)[] {
  const index = messageIndex(view, id);
  const message = index === undefined ? undefined : getMessage(view, index);
  if (message?.direction !== "in") throw new TumarError("MESSAGE_UNKNOWN", "no such message");
  if (getReceivedMedia(view, id) === undefined) {
    throw new TumarError("MEDIA_UNKNOWN", "there is nothing to fetch in this message");
  }
  const parts = receivedPartsOf(view, id).filter(
    ([, row]) => role === undefined || row.role === role,
  );
  if (parts.length === 0) throw new TumarError("MEDIA_UNKNOWN", "the message has no such part");
  return parts.map(([part]) => part);
}

/** Resolves when all that the relay has of it now is here. */
export async function fetchPart(
  core: Core,
  id: Uint8Array,
  part: 0 | 1,
  options: FetchOptions,
): Promise<void> {
  const row = await storedRow(core, id, part);
  if (isWhole(row)) return;
  const claim = await claimOf(core, row.store, options.signal);
  try {
    await new Fetch(core, id, part, options).run();
  } finally {
    await claim.release();
  }
}

function isWhole({ sealedBytes, fetchedBytes }: ReceivedPartRow): boolean {
  return sealedBytes > 0 && fetchedBytes >= sealedBytes;
}

/** The row with a name in the storage; made by the first who fetches it. */
async function storedRow(core: Core, id: Uint8Array, part: 0 | 1): Promise<ReceivedPartRow> {
  const known = await core.vault.read((view) => rowOf(view, id, part));
  const length = known.store === "" ? null : await core.blobs.length(known.store);
  if (length !== null) return { ...known, fetchedBytes: Math.min(length, known.fetchedBytes) };
  const claim = await core.blobs.create();
  try {
    const row = await core.vault.transaction((tx) => {
      const held = rowOf(tx, id, part);
      if (held.store !== known.store) return held;
      const fresh = { ...held, store: claim.name, fetchedBytes: 0 };
      putReceivedPart(tx, id, part, fresh);
      return fresh;
    });
    if (row.store !== claim.name) await core.blobs.delete(claim.name);
    return row;
  } finally {
    await claim.release();
  }
}

function rowOf(view: VaultView, id: Uint8Array, part: 0 | 1): ReceivedPartRow {
  const row = getReceivedPart(view, id, part);
  if (row === undefined) throw new TumarError("MEDIA_UNKNOWN", "the message has no such part");
  return row;
}

/** Waits for another process that is at it. */
async function claimOf(
  core: Core,
  store: string,
  signal: AbortSignal | undefined,
): Promise<BlobClaim> {
  for (;;) {
    signal?.throwIfAborted();
    const claim = await core.blobs.claim(store);
    if (claim !== null) return claim;
    await new Promise<void>((resolve) => core.clock.after(CLAIM_LOOK_MS, resolve));
  }
}

class Fetch {
  readonly #core: Core;
  readonly #id: Uint8Array;
  readonly #part: 0 | 1;
  readonly #options: FetchOptions;
  /** Where a chunk did not open before. */
  #damagedAt: number | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #notedMs: number;

  constructor(core: Core, id: Uint8Array, part: 0 | 1, options: FetchOptions) {
    this.#core = core;
    this.#id = id;
    this.#part = part;
    this.#options = options;
    this.#notedMs = core.clock.now();
  }

  async run(): Promise<void> {
    for (let row = await this.#row(); !isWhole(row); row = await this.#row()) {
      const fetched = await FetchedPart.open(this.#core.blobs, row);
      try {
        await this.#fetchAll(row, fetched);
        return;
      } catch (error) {
        if (!(await this.#mayGoOn(row, error))) return;
      } finally {
        fetched.close();
        await this.#note(fetched).then(
          () => this.#core.progress.forget(this.#id, this.#part),
          () => undefined,
        );
        this.#tell();
      }
    }
  }

  #row(): Promise<ReceivedPartRow> {
    return this.#core.vault.read((view) => rowOf(view, this.#id, this.#part));
  }

  async #fetchAll(row: ReceivedPartRow, fetched: FetchedPart): Promise<void> {
    const { signal } = this.#options;
    const state = await downloadBlob({
      relay: await mediaRelay(this.#core, row.relay),
      clock: this.#core.clock,
      blobId: row.blobId,
      from: fetched.bytes,
      ...(signal === undefined ? {} : { signal }),
      onSlice: (_, bytes) => this.#onSlice(row, fetched, bytes),
    });
    await noteState(this.#core, this.#id, this.#part, row, state);
    await fetched.finish();
    this.#report(row, fetched);
    if (state.isComplete && row.sealedBytes > 0 && state.storedBytes !== row.sealedBytes) {
      throw mismatch("the relay has another length than the manifest names");
    }
  }

  /** Once more for what came damaged, and elsewhere for what went there meanwhile. @throws what cannot be mended */
  async #mayGoOn({ placeSeq, storedBytes }: ReceivedPartRow, error: unknown): Promise<boolean> {
    if (error instanceof DamagedChunk) {
      if (this.#damagedAt === error.offset) throw error.fault;
      this.#damagedAt = error.offset;
      return true;
    }
    const { placeSeq: newest, fetchedBytes } = await this.#row();
    if (newest !== placeSeq && this.#options.signal?.aborted !== true) return true;
    if (!(error instanceof TumarError) || error.code !== "REFUSED") throw error;
    // Its sender has not begun yet: all that is there is here.
    if (storedBytes + fetchedBytes === 0) return false;
    throw new TumarError("MEDIA_GONE", "the relay keeps it no longer", { cause: error });
  }

  async #onSlice(row: ReceivedPartRow, fetched: FetchedPart, bytes: Uint8Array): Promise<void> {
    await fetched.add(bytes);
    this.#report(row, fetched);
    const nowMs = this.#core.clock.now();
    if (nowMs - this.#toldMs >= EVENT_MS) this.#tell();
    if (nowMs - this.#notedMs >= NOTE_MS) await this.#note(fetched);
  }

  #report({ role, sealedBytes }: ReceivedPartRow, { checkedBytes }: FetchedPart): void {
    this.#core.progress.note(this.#id, this.#part, checkedBytes);
    const totalBytes = sealedBytes === 0 ? null : sealedBytes;
    this.#options.onProgress?.({ role, fetchedBytes: checkedBytes, totalBytes });
  }

  #tell(): void {
    this.#toldMs = this.#core.clock.now();
    this.#core.emit({ type: "media", id: this.#id });
  }

  async #note({ checkedBytes, isGrowing, elapsedMs }: FetchedPart): Promise<void> {
    this.#notedMs = this.#core.clock.now();
    await this.#core.vault.transaction((tx) => {
      const held = rowOf(tx, this.#id, this.#part);
      const isLastHere = checkedBytes > chunkOffset(Math.max(0, lastChunk(held)));
      const where = isLastHere ? { elapsedMs } : {};
      // Its end may have been told meanwhile, against which nothing was checked.
      const most = isGrowing && held.sealedBytes > 0 ? held.sealedBytes - 1 : checkedBytes;
      const fetchedBytes = Math.min(checkedBytes, most);
      putReceivedPart(tx, this.#id, this.#part, { ...held, ...where, fetchedBytes });
    });
  }
}

/** Of what the relay has; below 0 when it has none. */
export function lastChunk({ storedBytes }: Pick<ReceivedPartRow, "storedBytes">): number {
  return Math.floor((storedBytes - BLOB_HEADER_BYTES) / BLOB_CHUNK_BYTES) - 1;
}

/** Of the place that was asked; another place may have been told meanwhile. */
export async function noteState(
  core: Core,
  id: Uint8Array,
  part: 0 | 1,
  asked: ReceivedPartRow,
  state: BlobState,
): Promise<boolean> {
  return await core.vault.transaction((tx) => {
    const held = getReceivedPart(tx, id, part);
    if (held === undefined || held.placeSeq !== asked.placeSeq) return false;
    const said = { ...held, ...learn(state) };
    const next = lastChunk(said) === lastChunk(held) ? said : { ...said, elapsedMs: 0 };
    const isNews = next.storedBytes !== held.storedBytes || mediaState(next) !== mediaState(held);
    if (isNews || next.isQuiet !== held.isQuiet) putReceivedPart(tx, id, part, next);
    return isNews;
  });
}

/**
 * Plaintext in order, as far as it is here.
 * @throws TumarError BLOB_DAMAGED; BLOB_CUT_OFF behind the last of it, when it counts as complete and is not
 */
export async function* openPart(
  core: Core,
  id: Uint8Array,
  part: 0 | 1,
): AsyncGenerator<Uint8Array> {
  const { store, key } = await core.vault.read((view) => rowOf(view, id, part));
  const cipher = new BlobCipher(key);
  try {
    for await (const [index, sealed] of store === "" ? [] : storedChunks(core.blobs, store)) {
      const { kind, data } = cipher.open(index, sealed);
      if (data.length > 0) yield data;
      if (kind === "last") return;
    }
  } finally {
    cipher.wipe();
  }
  const row = await core.vault.read((view) => rowOf(view, id, part));
  if (mediaState(row) === "complete") {
    throw new TumarError("BLOB_CUT_OFF", "its end is not here yet: fetch it");
  }
}

/** Deletes what was fetched; another process that is at it ends first. */
export async function discardPart(core: Core, id: Uint8Array, part: 0 | 1): Promise<void> {
  const { store } = await core.vault.read((view) => rowOf(view, id, part));
  if (store === "") return;
  const claim = await claimOf(core, store, undefined);
  try {
    await core.vault.transaction((tx) => {
      const held = rowOf(tx, id, part);
      if (held.store === store)
        putReceivedPart(tx, id, part, { ...held, store: "", fetchedBytes: 0 });
    });
    core.progress.forget(id, part);
    await core.blobs.delete(store);
  } finally {
    await claim.release();
  }
}
