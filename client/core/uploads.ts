/**
 * Uploads what lies sealed in the spools, each relay on its own: previews first, then what was written
 * first, one at a time; a recording that is going on beside them. Every blob is uploaded by one process
 * of the vault, which has its spool claimed; another takes over when that one is gone.
 *
 * What a relay does not take goes to another place of the recipient, who is told; or it waits.
 */

import { fromHex, toHex } from "../../shared/crypto/bytes.ts";
import { type ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { blobIdOf } from "../../shared/wire/ids.ts";
import { type BlobSource, uploadBlob } from "../net/blob-upload.ts";
import type { Clock } from "../net/clock.ts";
import type { BlobClaim } from "../vault/blob-storage.ts";
import type { VaultView } from "../vault/draft.ts";
import { markLost } from "./blob-keeping.ts";
import { endRecording } from "./broken-recording.ts";
import type { Core } from "./context.ts";
import { isSilence } from "./deposit.ts";
import { asFault } from "./faults.ts";
import { BlobRefusals, isGoodPlace, moveUpload } from "./media-places.ts";
import { solve } from "./puzzle-work.ts";
import { LEFT, type Recording } from "./recording.ts";
import { RETRY, retryDelayMs } from "./retry.ts";
import { giveUp, type SettledMessage, settleMessage } from "./settled-messages.ts";
import { messageIndex } from "./state/messages.ts";
import {
  getSentMedia,
  getSentPart,
  isUploading,
  listSentParts,
  putSentPart,
  type SentPartRow,
} from "./state/sent-media.ts";

/** One blob on its way. */
interface Upload {
  readonly id: Uint8Array;
  readonly part: 0 | 1;
  readonly row: SentPartRow;
}

interface Running extends Upload {
  readonly stop: AbortController;
}

/** What waits for one relay; by the hash of its key. */
interface Queue {
  /** By spool. */
  readonly running: Map<string, Running>;
  /** Spools tried without success; they wait for the next time. */
  readonly failed: Set<string>;
  /** Spools that another process has claimed. */
  readonly foreign: Set<string>;
  failures: number;
  cancelRetry: () => void;
}

/** Answers of the relay about this grant; another grant may do. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "REFUSED",
  "QUOTA",
  "BLOB_TOO_LARGE",
  "STORAGE_FULL",
]);
/** A vault's commit costs some disk: what a kill loses of this is asked of the relay again. */
const NOTE_MS = 5_000;
const EVENT_MS = 500;
const STEPPED_ASIDE = new TumarError("CLIENT_CLOSED", "a preview goes first");

export class Uploads {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #end: AbortSignal;
  /** Updates were drafted: they are to be sealed. */
  readonly #onDrafted: () => void;
  readonly #refusals: BlobRefusals;
  readonly #queues = new Map<string, Queue>();
  readonly #resting: (() => void)[] = [];
  #looks: Promise<void> | undefined;
  #isDue = false;

  constructor(core: Core, clock: Clock, end: AbortSignal, onDrafted: () => void) {
    this.#core = core;
    this.#clock = clock;
    this.#end = end;
    this.#onDrafted = onDrafted;
    this.#refusals = new BlobRefusals(clock);
    end.addEventListener("abort", () => {
      for (const queue of this.#queues.values()) {
        queue.cancelRetry();
        for (const { stop } of queue.running.values()) stop.abort(end.reason);
      }
    });
  }

  /** Something was sealed, or another process may be gone. */
  kick(): void {
    if (this.#end.aborted) return;
    this.#isDue = true;
    this.#looks ??= this.#look();
  }

  /** As `kick`, also for what another process had claimed. */
  look(): void {
    for (const { foreign } of this.#queues.values()) foreign.clear();
    this.kick();
  }

  /** What failed is worth another try. */
  forgive(): void {
    for (const queue of this.#queues.values()) {
      queue.failures = 0;
      queue.failed.clear();
    }
  }

  /** Resolves when nothing is under way but recordings. */
  async rested(): Promise<void> {
    this.kick();
    if (this.#isResting()) return;
    await new Promise<void>((resolve) => this.#resting.push(resolve));
  }

  /** After the end: when nothing touches vault and blobs any more. */
  async stopped(): Promise<void> {
    await this.#looks;
    while (this.#all().length > 0) {
      await new Promise<void>((resolve) => this.#resting.push(resolve));
    }
  }

  async #look(): Promise<void> {
    while (this.#isDue && !this.#end.aborted) {
      this.#isDue = false;
      try {
        const waiting = await this.#core.vault.read((view) => this.#waiting(view));
        for (const [relay, uploads] of waiting) this.#start(this.#queueOf(relay), uploads);
      } catch {
        // The vault is busy or gone: the next look finds the same.
      }
    }
    this.#looks = undefined;
    this.#rest();
  }

  /** By relay, in the order they leave. */
  #waiting(view: VaultView): ReadonlyMap<string, readonly Upload[]> {
    const found: (Upload & { readonly index: number })[] = [];
    for (const [key, part, row] of listSentParts(view)) {
      if (!isUploading(row) || row.relay === "") continue;
      const id = fromHex(key);
      found.push({ id, part, row, index: messageIndex(view, id) ?? 0 });
    }
    found.sort((a, b) => rank(a) - rank(b) || a.index - b.index);
    const byRelay = new Map<string, Upload[]>();
    for (const upload of found) {
      const hash = toHex(parseRelayAddress(upload.row.relay).hash);
      byRelay.set(hash, [...(byRelay.get(hash) ?? []), upload]);
    }
    return byRelay;
  }

  #queueOf(relay: string): Queue {
    const known = this.#queues.get(relay);
    if (known !== undefined) return known;
    const queue: Queue = {
      running: new Map(),
      failed: new Set(),
      foreign: new Set(),
      failures: 0,
      cancelRetry: () => undefined,
    };
    this.#queues.set(relay, queue);
    return queue;
  }

  #start(queue: Queue, uploads: readonly Upload[]): void {
    const isFresh = ({ row }: Upload): boolean =>
      ![queue.running, queue.failed, queue.foreign].some((spools) => spools.has(row.spool));
    const fresh = uploads.filter(isFresh);
    for (const upload of fresh) if (this.#isGoingOn(upload)) this.#begin(queue, upload);
    const current = [...queue.running.values()].find((running) => !this.#isGoingOn(running));
    const next = fresh.find((upload) => !this.#isGoingOn(upload));
    if (next === undefined) return;
    if (current === undefined) this.#begin(queue, next);
    else if (rank(next) < rank(current)) current.stop.abort(STEPPED_ASIDE);
  }

  /** Its recording does, in this process. */
  #isGoingOn({ row }: Upload): boolean {
    return this.#core.recordings.of(row.spool)?.isEnded() === false;
  }

  #begin(queue: Queue, upload: Upload): void {
    const running = { ...upload, stop: new AbortController() };
    const { spool } = upload.row;
    queue.running.set(spool, running);
    void this.#run(running).then((result) => {
      queue.running.delete(spool);
      if (result === "failed") {
        queue.failed.add(spool);
        this.#retryLater(queue);
      } else if (result === "foreign") queue.foreign.add(spool);
      else if (result === "done") queue.failures = 0;
      this.kick();
      this.#rest();
    });
  }

  /** Never rejects. *foreign*: another process has it. */
  async #run(upload: Running): Promise<"done" | "again" | "failed" | "foreign"> {
    const { row } = upload;
    const recording = this.#core.recordings.of(row.spool);
    let claim: BlobClaim | null = recording?.claim ?? null;
    try {
      claim ??= await this.#core.blobs.claim(row.spool);
      if (claim === null) return "foreign";
      return await this.#upload(upload, recording);
    } catch (error) {
      return await this.#failed(upload, asFault(error)).catch(() => "failed" as const);
    } finally {
      if (recording === undefined) await claim?.release().catch(() => undefined);
    }
  }

  async #upload(upload: Running, recording: Recording | undefined): Promise<"done" | "again"> {
    const core = this.#core;
    const { id, part, stop } = upload;
    const { row, media } = await core.vault.read((view) => ({
      row: getSentPart(view, id, part),
      media: getSentMedia(view, id),
    }));
    if (row === undefined || !isUploading(row) || row.relay !== upload.row.relay) return "again";
    // It was left meanwhile, and its claim with it.
    if (recording !== core.recordings.of(row.spool)) return "again";
    const length = await core.blobs.length(row.spool);
    if (length === null || length < row.sealedBytes) return await this.#lost(id);
    if (await this.#stepsElsewhere(upload, row)) return "again";
    if (recording === undefined && row.sealedBytes === 0) {
      await endRecording(core, id, part, row);
      this.#onDrafted();
      return "again";
    }
    const note = this.#noteOf(upload);
    await uploadBlob({
      relay: core.relays.peer(row.relay),
      clock: this.#clock,
      depositId: row.depositId,
      uploadId: row.uploadId,
      expiryDay: row.expiryDay,
      claimedBytes: media?.isLive ? 0 : row.sealedBytes,
      source: recording ?? spoolSource(core, row),
      signal: stop.signal,
      puzzle: (error, signal) =>
        solve(error, row.depositId, blobIdOf(row.uploadId), this.#clock, signal),
      onStored: (bytes) => {
        recording?.stored(bytes);
        core.health.answered(row.relay);
        note(bytes);
      },
    });
    // A recording is over when the vault has its end.
    await core.recordings.ended(id)?.catch(() => undefined);
    return await this.#stored(upload);
  }

  /** The relay was silent before, and another takes it. */
  async #stepsElsewhere({ id, part }: Upload, row: SentPartRow): Promise<boolean> {
    const isGood = await this.#core.vault.read((view) =>
      isGoodPlace(view, this.#core, this.#refusals, id, row),
    );
    return !isGood && (await this.#move(id, part, row));
  }

  async #move(id: Uint8Array, part: 0 | 1, row: SentPartRow): Promise<boolean> {
    const isMoved = await this.#core.vault.transaction((tx) => {
      const held = getSentPart(tx, id, part);
      if (held === undefined || !isUploading(held) || held.relay !== row.relay) return true;
      return moveUpload(tx, this.#core, this.#refusals, id, part, held);
    });
    if (!isMoved) return false;
    this.#core.progress.forget(id, part);
    this.#onDrafted();
    return true;
  }

  /** What the relay has is told to listeners now and then, and to the vault more seldom. */
  #noteOf({ id, part }: Upload): (bytes: number) => void {
    let [toldMs, notedMs] = [Number.NEGATIVE_INFINITY, this.#clock.now()];
    return (storedBytes) => {
      this.#core.progress.note(id, part, storedBytes);
      const nowMs = this.#clock.now();
      if (nowMs - toldMs >= EVENT_MS) {
        toldMs = nowMs;
        this.#core.emit({ type: "media", id });
      }
      if (nowMs - notedMs < NOTE_MS) return;
      notedMs = nowMs;
      this.#change(id, part, { storedBytes, lastFault: "" }).catch(() => undefined);
    };
  }

  async #change(id: Uint8Array, part: 0 | 1, change: Partial<SentPartRow>): Promise<void> {
    await this.#core.vault.transaction((tx) => {
      const held = getSentPart(tx, id, part);
      if (held !== undefined && isUploading(held))
        putSentPart(tx, id, part, { ...held, ...change });
    });
  }

  async #stored({ id, part, row: { spool } }: Upload): Promise<"done" | "again"> {
    const settled = await this.#core.vault.transaction((tx) => {
      const held = getSentPart(tx, id, part);
      if (held === undefined || !isUploading(held)) return { events: [], spools: [] };
      if (held.sealedBytes === 0) return null;
      const storedBytes = held.sealedBytes;
      putSentPart(tx, id, part, { ...held, storedBytes, isStored: true, spool: "", lastFault: "" });
      return settleMessage(tx, id);
    });
    if (settled !== null) await this.#core.blobs.delete(spool).catch(() => undefined);
    await this.#core.recordings.release(spool);
    await this.#over(id, settled ?? { events: [], spools: [] });
    return settled === null ? "again" : "done";
  }

  async #failed(upload: Running, fault: TumarError): Promise<"again" | "failed"> {
    const { id, part, row, stop } = upload;
    if (this.#end.aborted || stop.signal.reason === STEPPED_ASIDE) return "again";
    if (fault === LEFT) return "again";
    if (fault.code === "EXPIRED") {
      await this.#over(id, await this.#core.vault.transaction((tx) => giveUp(tx, id)));
      return "again";
    }
    if (isSilence(fault)) this.#core.health.silent(row.relay);
    if (REFUSALS.has(fault.code)) this.#refusals.add(row.depositId);
    const isElsewhere = isSilence(fault) || REFUSALS.has(fault.code);
    if (isElsewhere && (await this.#move(id, part, row))) return "again";
    await this.#change(id, part, { lastFault: fault.code });
    this.#core.emit({ type: "media", id });
    return "failed";
  }

  /** Somebody removed its spool. */
  async #lost(id: Uint8Array): Promise<"again"> {
    await this.#over(id, await this.#core.vault.transaction((tx) => markLost(tx, id)));
    return "again";
  }

  async #over(id: Uint8Array, { events, spools }: SettledMessage): Promise<void> {
    for (const spool of spools) await this.#core.blobs.delete(spool).catch(() => undefined);
    this.#core.emit({ type: "media", id });
    for (const event of events) this.#core.emit(event);
  }

  #retryLater(queue: Queue): void {
    if (this.#end.aborted) return;
    queue.cancelRetry();
    const waitMs = retryDelayMs(RETRY, queue.failures, this.#core.random);
    queue.failures += 1;
    queue.cancelRetry = this.#clock.after(waitMs, () => {
      queue.failed.clear();
      this.kick();
    });
  }

  #all(): readonly Running[] {
    return [...this.#queues.values()].flatMap(({ running }) => [...running.values()]);
  }

  #isResting(): boolean {
    return this.#looks === undefined && this.#all().every((running) => this.#isGoingOn(running));
  }

  #rest(): void {
    if (this.#isResting()) for (const resolve of this.#resting.splice(0)) resolve();
  }
}

/** What leaves first. */
function rank({ row }: Upload): number {
  return row.role === "preview" ? 0 : 1;
}

/** All of it is there. */
function spoolSource(core: Core, { spool, sealedBytes }: SentPartRow): BlobSource {
  return {
    availableBytes: () => sealedBytes,
    isEnded: () => true,
    read: (offset, length) => core.blobs.read(spool, offset, length),
    changed: () => Promise.resolve(),
  };
}
