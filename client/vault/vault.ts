/**
 * The encrypted store on a device: transactions over one slot of a container (docs/VAULT.md).
 *
 * A transaction holds the lock from reading to durable writing, so several processes may have the
 * same vault open. What `transaction` has answered survives a kill at any later instant; what it
 * has not answered is there whole or not at all.
 */

import {
  ARGON2ID_FLOOR,
  ARGON2ID_SALT_BYTES,
  type Argon2idParameters,
  argon2id,
  checkArgon2idParameters,
  type DeriveKey,
} from "../../shared/crypto/argon2id.ts";
import { equalBytes, type Random, wipe } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { AEAD_KEY_BYTES, systemRandom } from "../../shared/crypto/sodium.ts";
import { applyChanges, Draft, type VaultTransaction, type VaultView } from "./draft.ts";
import {
  createEntries,
  ENTRY_KEY_BYTES,
  type Header,
  openEntries,
  parseHeader,
  type SlotKeys,
} from "./header.ts";
import { type CellWrite, type Lane, planCommit } from "./journal.ts";
import { bodyPlainBytes, MAX_POWER, MIN_POWER, SLOTS } from "./layout.ts";
import { passphraseBytes } from "./passphrase.ts";
import {
  afterCommit,
  checkpointedSlot,
  checkpointImage,
  commitPatches,
  firstImage,
  foreignCells,
  isUnchanged,
  readSlot,
  type Slot,
  watchedRanges,
} from "./slot.ts";
import {
  CHECKPOINT_ID_BYTES,
  copyState,
  emptyState,
  encodeState,
  type VaultState,
} from "./state.ts";
import type { VaultStorage } from "./storage.ts";
import { Turns } from "./turns.ts";

export const LOCK_WAIT_MS = 10_000;

export interface VaultOptions {
  /** How long a transaction waits for others before VAULT_BUSY. */
  readonly lockWaitMs?: number;
  readonly random?: Random;
  /** A clock that never steps back. */
  readonly now?: () => number;
  /** Argon2id elsewhere, for example in a web worker: same input, same output. */
  readonly deriveKey?: DeriveKey;
}

export interface CreateVaultOptions extends VaultOptions {
  readonly parameters?: Argon2idParameters;
}

export class Vault {
  readonly #storage: VaultStorage;
  readonly #keys: SlotKeys;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #lockWaitMs: number;
  readonly #turns = new Turns();
  #slot: Slot;
  /** The next write must be a new image: the one that lies there is in doubt. */
  #mustCheckpoint = false;
  /** What is in memory is in doubt. */
  #mustReload = false;
  #isClosed = false;
  #foreignCommitAt = Number.NEGATIVE_INFINITY;

  private constructor(storage: VaultStorage, keys: SlotKeys, slot: Slot, options: VaultOptions) {
    this.#storage = storage;
    this.#keys = keys;
    this.#slot = slot;
    this.#random = options.random ?? systemRandom;
    this.#now = options.now ?? (() => performance.now());
    this.#lockWaitMs = options.lockWaitMs ?? LOCK_WAIT_MS;
  }

  /** @throws TumarError VAULT_EXISTS, VAULT_STORAGE, PARAMETERS_TOO_HIGH; then nothing was made. */
  static async create(
    storage: VaultStorage,
    passphrase: string,
    options: CreateVaultOptions = {},
  ): Promise<Vault> {
    const random = options.random ?? systemRandom;
    const parameters = options.parameters ?? ARGON2ID_FLOOR;
    checkArgon2idParameters(parameters);
    if (await storage.exists()) throw new TumarError("VAULT_EXISTS", "a vault is there already");
    const salt = random(ARGON2ID_SALT_BYTES);
    const entryKey = await deriveEntryKey(passphrase, { parameters, salt }, options);
    const keys: SlotKeys = {
      slot: (random(1)[0] ?? 0) % SLOTS,
      slotKey: random(AEAD_KEY_BYTES),
      containerKey: random(AEAD_KEY_BYTES),
    };
    const entries = createEntries(entryKey, keys, random);
    wipe(entryKey);
    const header: Header = { power: MIN_POWER, parameters, salt, entries };
    const checkpointId = random(CHECKPOINT_ID_BYTES);
    const state = emptyState();
    const body = encodeState(state, checkpointId, bodyPlainBytes(MIN_POWER));
    const image = firstImage(header, keys, body, random);
    await storage.create(image);
    const slot = checkpointedSlot(image, keys, { header, checkpointId, state });
    return new Vault(storage, keys, slot, options);
  }

  /**
   * Opening rewrites the whole container, whichever slot opens; a disk that refuses that still
   * lets it be read.
   * @throws TumarError VAULT_MISSING, VAULT_PASSPHRASE, VAULT_DAMAGED, VAULT_VERSION, VAULT_BUSY,
   * PARAMETERS_TOO_HIGH; then nothing was changed.
   */
  static async open(
    storage: VaultStorage,
    passphrase: string,
    options: VaultOptions = {},
  ): Promise<Vault> {
    const image = await storage.readAll();
    const header = parseHeader(image);
    const entryKey = await deriveEntryKey(passphrase, header, options);
    const keys = openEntries(entryKey, header.entries);
    wipe(entryKey);
    const unlock = await storage.lock(options.lockWaitMs ?? LOCK_WAIT_MS);
    try {
      const vault = new Vault(storage, keys, readSlot(await storage.readAll(), keys), options);
      await vault.#checkpointIfPossible();
      return vault;
    } finally {
      await unlock();
    }
  }

  /** Of the last commit seen. */
  get generation(): number {
    return this.#slot.state.generation;
  }

  /** How long ago a commit of another process was last seen; Infinity if never. See `refresh`. */
  get foreignCommitAgeMs(): number {
    return this.#now() - this.#foreignCommitAt;
  }

  /** `view` is of one commit and valid only inside `fn`. */
  async read<T>(fn: (view: VaultView) => T): Promise<T> {
    await this.refresh();
    const view = new Draft(this.#slot.state);
    try {
      return fn(view);
    } finally {
      view.end();
    }
  }

  /** Takes over what other processes committed; true when there was something. */
  async refresh(): Promise<boolean> {
    this.#checkOpen();
    const before = this.#slot.state.generation;
    if (!(await this.#isCurrent())) await this.#exclusive(async () => this.#reloadIfChanged());
    this.#checkOpen();
    return this.#slot.state.generation !== before;
  }

  /**
   * All that `fn` changes is committed when this resolves, or nothing is. If it rejects with
   * VAULT_STORAGE the commit is in doubt; the next call shows which.
   * @throws TumarError VAULT_BUSY, VAULT_FULL, VAULT_STORAGE, VAULT_CLOSED, and what `fn` throws
   */
  transaction<T>(fn: (tx: VaultTransaction) => T | Promise<T>): Promise<T> {
    return this.#exclusive(async () => {
      await this.#reloadIfChanged();
      const draft = new Draft(this.#slot.state);
      try {
        const result = await fn(draft);
        if (!draft.isEmpty) await this.#commit(draft);
        return result;
      } finally {
        draft.end();
      }
    });
  }

  /** Writes a new image, in which nothing deleted is left. */
  checkpoint(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#reloadIfChanged();
      await this.#checkpoint(this.#slot.state, this.#slot.header.power);
    });
  }

  /** Waits for the calls made before, then wipes keys and state. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#turns.take(Number.POSITIVE_INFINITY);
    wipe(this.#keys.slotKey, this.#keys.containerKey);
    this.#slot.state.entries.wipe();
    for (const run of this.#slot.lane) wipe(run.changes);
    await this.#storage.close();
  }

  async #commit(draft: Draft): Promise<void> {
    const { header, lane, state } = this.#slot;
    const changes = draft.encodeChanges();
    const generation = state.generation + 1;
    const power = powerFor(draft.resultBytes(), header.power);
    const isInPlace = power === header.power && !this.#mustCheckpoint;
    const plan = isInPlace ? planCommit(lane, changes, generation, this.#random) : undefined;
    if (plan) {
      await this.#writeCells(plan.writes, plan.lane, changes, generation);
    } else {
      await this.#checkpoint(applyChanges(copyState(state), changes, generation), power);
    }
  }

  async #writeCells(
    writes: readonly CellWrite[],
    lane: Lane,
    changes: Uint8Array,
    generation: number,
  ): Promise<void> {
    const slot = this.#slot;
    const foreign = await this.#storage.readRanges(
      foreignCells(slot.header.power, this.#keys.slot, writes),
    );
    const patches = commitPatches(slot, this.#keys, writes, foreign, this.#random);
    await this.#write(() => this.#storage.patch(patches));
    const state = applyChanges(slot.state, changes, generation);
    this.#slot = afterCommit(slot, this.#keys, state, lane, patches);
  }

  async #checkpoint(state: VaultState, power: number): Promise<void> {
    const old = await this.#storage.readAll();
    const header = { ...parseHeader(old), power };
    const checkpointId = this.#random(CHECKPOINT_ID_BYTES);
    const body = encodeState(state, checkpointId, bodyPlainBytes(power));
    const image = checkpointImage(old, this.#keys, body, power, this.#random);
    wipe(body);
    await this.#write(() => this.#storage.replace(image));
    this.#slot = checkpointedSlot(image, this.#keys, { header, checkpointId, state });
    this.#mustCheckpoint = false;
  }

  /** After a failed write nobody knows what the disk keeps: read again, and write all anew. */
  async #write(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#mustReload = true;
      this.#mustCheckpoint = true;
      throw error;
    }
  }

  async #checkpointIfPossible(): Promise<void> {
    try {
      await this.#checkpoint(this.#slot.state, this.#slot.header.power);
    } catch (error) {
      if (!(error instanceof TumarError && error.code === "VAULT_STORAGE")) throw error;
    }
  }

  async #isCurrent(): Promise<boolean> {
    const slot = this.#slot;
    const read = await this.#storage.readRanges(watchedRanges(slot, this.#keys));
    return !this.#mustReload && isUnchanged(slot, read);
  }

  /**
   * An image re-sealed by another slot's opener is that slot's to write cells into: ours begins
   * with a new one, so that the cell numbers never tell how many slots are in use.
   */
  async #reloadIfChanged(): Promise<void> {
    if (await this.#isCurrent()) return;
    const old = this.#slot;
    const slot = readSlot(await this.#storage.readAll(), this.#keys);
    if (slot.state.generation < old.state.generation) {
      throw new TumarError("VAULT_DAMAGED", "an older copy was put in the place of the vault");
    }
    if (slot.state.generation > old.state.generation && !this.#mustReload) {
      this.#foreignCommitAt = this.#now();
    }
    if (!equalBytes(old.checkpointId, slot.checkpointId)) this.#mustCheckpoint = false;
    else if (!equalBytes(old.bodyNonce, slot.bodyNonce)) this.#mustCheckpoint = true;
    this.#mustReload = false;
    this.#slot = slot;
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const deadline = this.#now() + this.#lockWaitMs;
    const endTurn = await this.#turns.take(this.#lockWaitMs);
    try {
      const unlock = await this.#storage.lock(Math.max(0, deadline - this.#now()));
      try {
        return await work();
      } finally {
        await unlock();
      }
    } finally {
      endTurn();
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new TumarError("VAULT_CLOSED", "the vault is closed");
  }
}

async function deriveEntryKey(
  passphrase: string,
  { salt, parameters }: Pick<Header, "salt" | "parameters">,
  options: VaultOptions,
): Promise<Uint8Array> {
  const deriveKey: DeriveKey = options.deriveKey ?? argon2id;
  const password = passphraseBytes(passphrase);
  try {
    return await deriveKey(password, salt, parameters, ENTRY_KEY_BYTES);
  } finally {
    wipe(password);
  }
}

/** The smallest slot, never smaller than now, that takes a state. @throws TumarError VAULT_FULL */
function powerFor(stateLength: number, power: number): number {
  for (let next = power; next <= MAX_POWER; next++) {
    if (stateLength <= bodyPlainBytes(next)) return next;
  }
  throw new TumarError("VAULT_FULL", "the vault has reached its largest size");
}
