/**
 * Deposits what the outbox holds: each relay on its own, many envelopes at once, by lane. The
 * same bytes are repeated until a receipt comes. Where a device can be reached through another relay
 * too, what its relay does not take goes there; a relay that is silent holds up nothing but what only
 * it can take.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import type { Clock } from "../net/clock.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { deposit, isSilence } from "./deposit.ts";
import { DepositWindow } from "./deposit-window.ts";
import { RETRY, type RetryPolicy, retryDelayMs } from "./retry.ts";
import { type Deposited, moveAway, settle } from "./settling.ts";
import { type EnvelopeRow, getEnvelope, placesAt, relaysWithEnvelopes } from "./state/outbox.ts";

/** Envelopes under way to one relay at once. */
const IN_FLIGHT = 64;

/** What is for one relay; by the hash of its key. */
interface Queue {
  readonly relay: string;
  /** Bytes by place. */
  readonly inFlight: Map<number, number>;
  /** For what is not urgent: an alert waits for no more than that on the wire. */
  readonly window: DepositWindow;
  /** Tried without success since the queue began to work: they wait for the next time. */
  readonly failed: Set<number>;
  finished: Deposited[];
  isWorking: boolean;
  /** Something may be there that is not under way. */
  isDue: boolean;
  failures: number;
  wake: () => void;
  cancelRetry: () => void;
}

export class Deposits {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #end: AbortSignal;
  readonly #retry: RetryPolicy;
  readonly #onStored: () => Promise<void>;
  readonly #queues = new Map<string, Queue>();
  readonly #resting: (() => void)[] = [];

  /** `onStored` is called when envelopes have left; what it seals is deposited before this rests. */
  constructor(
    core: Core,
    clock: Clock,
    end: AbortSignal,
    onStored: () => Promise<void>,
    retry: RetryPolicy = RETRY,
  ) {
    this.#onStored = onStored;
    this.#core = core;
    this.#clock = clock;
    this.#end = end;
    this.#retry = retry;
    end.addEventListener("abort", () => {
      for (const queue of this.#queues.values()) queue.cancelRetry();
    });
  }

  /** Something was sealed, or it is worth trying again at once. */
  async kick(): Promise<void> {
    if (this.#end.aborted) return;
    const relays = await this.#core.vault.read(relaysWithEnvelopes);
    for (const relay of relays) this.#start(this.#queueOf(relay));
  }

  /** Resolves when nothing is under way: all is stored, or waits until its relay is tried again. */
  async rested(): Promise<void> {
    await this.kick();
    if (this.#isResting()) return;
    await new Promise<void>((resolve) => this.#resting.push(resolve));
  }

  #queueOf(relay: string): Queue {
    const known = this.#queues.get(relay);
    if (known !== undefined) return known;
    const nothing = (): void => undefined;
    const queue: Queue = {
      relay,
      inFlight: new Map(),
      window: new DepositWindow(),
      failed: new Set(),
      finished: [],
      isWorking: false,
      isDue: false,
      failures: 0,
      wake: nothing,
      cancelRetry: nothing,
    };
    this.#queues.set(relay, queue);
    return queue;
  }

  #start(queue: Queue): void {
    if (this.#end.aborted) return;
    queue.cancelRetry();
    queue.isDue = true;
    if (queue.isWorking) queue.wake();
    else void this.#work(queue);
  }

  async #work(queue: Queue): Promise<void> {
    queue.isWorking = true;
    queue.failed.clear();
    let isVaultAtFault = false;
    try {
      await this.#depositAll(queue);
    } catch {
      // The vault is busy, full or gone: what is queued stays queued.
      isVaultAtFault = true;
    }
    queue.isWorking = false;
    if (isVaultAtFault || queue.failed.size > 0) this.#retryLater(queue);
    if (this.#isResting()) for (const resolve of this.#resting.splice(0)) resolve();
  }

  /** Until nothing is under way and nothing is left that was not tried. */
  async #depositAll(queue: Queue): Promise<void> {
    for (;;) {
      if (queue.finished.length > 0) await this.#settle(queue, queue.finished.splice(0));
      else if (queue.isDue) await this.#fill(queue);
      else if (queue.inFlight.size === 0) return;
      else await new Promise<void>((resolve) => Object.assign(queue, { wake: resolve }));
    }
  }

  async #fill(queue: Queue): Promise<void> {
    queue.isDue = false;
    if (this.#end.aborted) return;
    const rows = await this.#core.vault.read((view) => nextOf(view, queue));
    for (const [place, row] of rows) {
      const { length } = row.envelope;
      const startMs = this.#clock.now();
      queue.inFlight.set(place, length);
      void deposit(this.#core, this.#clock, place, row).then((result) => {
        queue.inFlight.delete(place);
        if (result.receipt !== undefined) {
          queue.window.answered(length, this.#clock.now() - startMs);
        }
        queue.finished.push(result);
        queue.wake();
      });
    }
  }

  async #settle(queue: Queue, results: readonly Deposited[]): Promise<void> {
    if (this.#end.aborted) return;
    const { movedTo, left } = await settle(this.#core, results);
    for (const hash of movedTo) this.#start(this.#queueOf(toHex(hash)));
    for (const place of left) queue.failed.add(place);
    if (results.some(({ receipt }) => receipt !== undefined)) {
      queue.failures = 0;
      await this.#onStored();
    }
    const isSilent = results.some(({ fault }) => isSilence(fault));
    if (isSilent) queue.window.lost();
    if (isSilent) await this.#leave(queue);
    else queue.isDue = true;
  }

  /** The relay is silent: what waits for it and can go elsewhere does, the rest waits. */
  async #leave(queue: Queue): Promise<void> {
    const finished = queue.finished.map(({ place }) => place);
    const busy = new Set([...queue.inFlight.keys(), ...queue.failed, ...finished]);
    for (;;) {
      const { movedTo, left, isDone } = await moveAway(this.#core, queue.relay, busy);
      for (const hash of movedTo) this.#start(this.#queueOf(toHex(hash)));
      for (const place of left) {
        busy.add(place);
        queue.failed.add(place);
      }
      if (isDone) return;
    }
  }

  #retryLater(queue: Queue): void {
    if (this.#end.aborted) return;
    const waitMs = retryDelayMs(this.#retry, queue.failures, this.#core.random);
    queue.failures += 1;
    queue.cancelRetry = this.#clock.after(waitMs, () => this.#start(queue));
  }

  #isResting(): boolean {
    return [...this.#queues.values()].every(({ isWorking }) => !isWorking);
  }
}

/** Urgent ones at once, whatever is under way; the others as far as there is room. */
function nextOf(
  view: VaultView,
  { relay, inFlight, failed, window }: Queue,
): readonly (readonly [place: number, row: EnvelopeRow])[] {
  const isFresh = (place: number): boolean => !inFlight.has(place) && !failed.has(place);
  const next = new Map<number, EnvelopeRow>();
  let count = inFlight.size;
  let bytes = [...inFlight.values()].reduce((sum, size) => sum + size, 0);
  for (const place of placesAt(view, relay).filter(isFresh)) {
    const row = getEnvelope(view, place);
    if (row === undefined) continue;
    const isFull = count >= IN_FLIGHT || bytes >= window.bytes;
    if (isFull && row.lane !== "urgent") break;
    next.set(place, row);
    count += 1;
    bytes += row.envelope.length;
  }
  return [...next];
}
