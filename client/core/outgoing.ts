/**
 * Drains the outbox: seals drafts (sealing.ts), deposits envelopes (deposits.ts) and uploads blobs (uploads.ts), whenever there is a
 * reason, and again after a while as long as something stays behind. Nothing waits for a relay that
 * only concerns somebody else. Every fault leaves what it concerns in the outbox.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import type { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "../net/clock.ts";
import type { Core } from "./context.ts";
import { Deposits } from "./deposits.ts";
import { RETRY, retryDelayMs } from "./retry.ts";
import { type Faults, introductionsDue, sealKnown } from "./sealing.ts";
import { rootsWithDrafts } from "./state/outbox.ts";
import { Uploads } from "./uploads.ts";

export class Outgoing {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #end: AbortSignal;
  readonly #deposits: Deposits;
  readonly #uploads: Uploads;
  readonly #onPass: () => void;
  /** Contacts whose relays are being asked, by what for and root in hex. */
  readonly #introducing = new Map<string, Promise<void>>();
  readonly #introductionFaults: Faults = new Map();
  #sealingFaults: Faults = new Map();
  #passes: Promise<void> | undefined;
  #isPassDue = false;
  #failures = 0;
  #cancelRetry: () => void = () => undefined;

  /** `onPass` is called after each look at what is to be sealed. */
  constructor(core: Core, clock: Clock, end: AbortSignal, onPass: () => void) {
    this.#core = core;
    this.#clock = clock;
    this.#end = end;
    this.#deposits = new Deposits(core, clock, end, () => this.#sealMore());
    this.#uploads = new Uploads(core, clock, end, () => void this.run());
    this.#onPass = onPass;
    end.addEventListener("abort", () => this.#cancelRetry());
  }

  /** Why drafts to this contact could not be sealed last. */
  sealingFault(root: Uint8Array): TumarError | undefined {
    const key = toHex(root);
    return this.#sealingFaults.get(key) ?? this.#introductionFaults.get(key);
  }

  /** A person wrote something: what failed before is worth another try. */
  forgive(): void {
    this.#failures = 0;
    this.#sealingFaults = new Map();
    this.#introductionFaults.clear();
    this.#uploads.forgive();
  }

  /** Another process of this vault may be gone that uploaded something. */
  look(): void {
    this.#uploads.look();
  }

  /** Resolves when a pass that began at or after this call has ended; relays may still be at work. */
  run(): Promise<void> {
    if (this.#end.aborted) return Promise.resolve();
    this.#isPassDue = true;
    this.#passes ??= this.#runPasses();
    return this.#passes;
  }

  /** Everything that was written has been tried at every relay that it concerns. */
  async drained(): Promise<void> {
    await this.run();
    await Promise.all(this.#introducing.values());
    await this.#deposits.rested();
  }

  /** The same of blobs: none is under way, but for recordings. */
  async uploaded(): Promise<void> {
    await this.#uploads.rested();
  }

  /** After the end: when nothing touches the vault any more. */
  async stopped(): Promise<void> {
    await this.#passes;
    await Promise.all(this.#introducing.values());
    await this.#deposits.rested();
    await this.#uploads.stopped();
  }

  async #runPasses(): Promise<void> {
    while (this.#isPassDue && !this.#end.aborted) {
      this.#isPassDue = false;
      try {
        await this.#pass();
      } catch {
        // The vault is busy, full or gone: what is queued stays queued.
        this.#retryLater();
      }
    }
    // At once, so that no call in between is given a promise of a pass that is over.
    this.#passes = undefined;
    this.#onPass();
  }

  async #pass(): Promise<void> {
    const faults: Faults = new Map();
    const unsealed = await sealKnown(this.#core, faults);
    this.#sealingFaults = faults;
    if (faults.size > 0) this.#retryLater();
    await this.#deposits.kick();
    this.#uploads.kick();
    for (const { name, root, run } of await introductionsDue(this.#core, unsealed, this.#end)) {
      const key = `${name} ${toHex(root)}`;
      if (this.#introducing.has(key)) continue;
      const ended = this.#introduce(toHex(root), run).finally(() => this.#introducing.delete(key));
      this.#introducing.set(key, ended);
    }
  }

  /** What had to wait behind many sealed ones follows them. */
  async #sealMore(): Promise<void> {
    const before = await this.#core.vault.read(rootsWithDrafts);
    if (before.length === 0) return;
    await sealKnown(this.#core, new Map());
    await this.#deposits.kick();
  }

  async #introduce(root: string, run: () => Promise<TumarError | undefined>): Promise<void> {
    const fault = await run();
    if (fault === undefined) {
      this.#introductionFaults.delete(root);
      this.#failures = 0;
    } else {
      this.#introductionFaults.set(root, fault);
      this.#retryLater();
    }
    await this.#deposits.kick().catch(() => this.#retryLater());
    this.#uploads.kick();
  }

  #retryLater(): void {
    if (this.#end.aborted) return;
    this.#cancelRetry();
    const waitMs = retryDelayMs(RETRY, this.#failures, this.#core.random);
    this.#cancelRetry = this.#clock.after(waitMs, () => void this.run());
    this.#failures += 1;
  }
}
