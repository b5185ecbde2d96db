/**
 * Blobs of the memory engine, written for plainness: it is the model that the embedded engine is
 * compared with.
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import type { ErrorCode } from "../../../shared/crypto/errors.ts";
import type { StoreLimits } from "../limits.ts";
import {
  blobQuotaRefusal,
  blobRoom,
  createRefusal,
  DONE,
  dayOf,
  done,
  growRefusal,
  lastBlobDay,
  mapKey,
  refused,
} from "../rules.ts";
import type {
  CreateBlob,
  DropBlob,
  GrowBlob,
  PinBlob,
  Result,
  StoredBlob,
  UnpinBlob,
} from "../store.ts";
import type { MemoryGrant, MemoryMailboxes } from "./memory-mailboxes.ts";

interface Blob {
  state: StoredBlob;
  readonly expiryDay: number;
  /** Last day by pin. */
  readonly pins: Map<string, number>;
}

export class MemoryBlobs {
  readonly #limits: StoreLimits;
  readonly #mailboxes: MemoryMailboxes;
  /** By name. */
  readonly #blobs = new Map<string, Blob>();

  constructor(limits: StoreLimits, mailboxes: MemoryMailboxes) {
    this.#limits = limits;
    this.#mailboxes = mailboxes;
  }

  create(operation: CreateBlob): Result<StoredBlob> {
    const { depositHash, blobId, claimedBytes, hour } = operation;
    const grant = this.#mailboxes.grant(depositHash);
    if (grant === undefined) return refused("REFUSED");
    const day = dayOf(hour);
    if (operation.expiryDay < day) return refused("EXPIRED");
    if (operation.isPuzzleOwed && grant.card) return refused("PUZZLE_REQUIRED");
    const name = toHex(blobId);
    const known = this.#blobs.get(name);
    if (known !== undefined) return done(known.state);
    const refusal =
      createRefusal(this.#limits, claimedBytes) ??
      this.#quotaRefusal(grant, day, blobRoom(claimedBytes));
    if (refusal !== undefined) return refused(refusal);
    charge(grant, day, blobRoom(0));
    const state = { name, storedBytes: 0, claimedBytes, isComplete: false, grownHour: hour };
    const expiryDay = lastBlobDay(this.#limits, grant.mailbox.kind, operation);
    this.#blobs.set(name, { state, expiryDay, pins: new Map() });
    return done(state);
  }

  grow(operation: GrowBlob): Result<StoredBlob> {
    const refusal = this.growthRefusal(operation);
    if (refusal !== undefined) return refused(refusal);
    const { depositHash, blobId, from, to, isLast, hour } = operation;
    const grant = this.#mailboxes.grant(depositHash);
    const blob = this.#blobs.get(toHex(blobId));
    if (grant === undefined || blob === undefined) return refused("REFUSED");
    if (to === from && !isLast) return done(blob.state);
    charge(grant, dayOf(hour), blobRoom(to) - blobRoom(from));
    blob.state = { ...blob.state, storedBytes: to, isComplete: isLast, grownHour: hour };
    return done(blob.state);
  }

  growthRefusal(operation: GrowBlob): ErrorCode | undefined {
    const { depositHash, blobId, from, to, hour } = operation;
    const grant = this.#mailboxes.grant(depositHash);
    const blob = this.#blobs.get(toHex(blobId));
    if (grant === undefined || blob === undefined) return "REFUSED";
    const added = blobRoom(to) - blobRoom(from);
    return (
      growRefusal(this.#limits, blob.state, operation) ??
      this.#quotaRefusal(grant, dayOf(hour), added)
    );
  }

  pin({ blobId, pin, untilDay }: PinBlob): Result<undefined> {
    const blob = this.#blobs.get(toHex(blobId));
    if (blob === undefined) return refused("REFUSED");
    blob.pins.set(mapKey(pin), untilDay);
    return DONE;
  }

  unpin({ blobId, pin }: UnpinBlob): Result<undefined> {
    this.#blobs.get(toHex(blobId))?.pins.delete(mapKey(pin));
    return DONE;
  }

  drop({ name, day }: DropBlob): Result<boolean> {
    const blob = this.#blobs.get(name);
    return done(blob !== undefined && isExpired(blob, day) && this.#blobs.delete(name));
  }

  blob(blobId: Uint8Array): StoredBlob | undefined {
    return this.#blobs.get(toHex(blobId))?.state;
  }

  expired(day: number, limit: number): string[] {
    const expired = [...this.#blobs].filter(([, blob]) => isExpired(blob, day));
    return expired.map(([name]) => name).slice(0, limit);
  }

  known(names: readonly string[]): ReadonlySet<string> {
    return new Set(names.filter((name) => this.#blobs.has(name)));
  }

  get count(): number {
    return this.#blobs.size;
  }

  #quotaRefusal(grant: MemoryGrant, day: number, added: number) {
    let total = 0;
    for (const { state } of this.#blobs.values()) total += blobRoom(state.storedBytes);
    const usedToday = grant.blobDay === day ? grant.blobBytes : 0;
    return blobQuotaRefusal(this.#limits, { usedToday, card: grant.card, total, added });
  }
}

function charge(grant: MemoryGrant, day: number, added: number): void {
  grant.blobBytes = (grant.blobDay === day ? grant.blobBytes : 0) + added;
  grant.blobDay = day;
}

function isExpired({ expiryDay, pins }: Blob, day: number): boolean {
  return Math.max(expiryDay, ...pins.values()) < day;
}
