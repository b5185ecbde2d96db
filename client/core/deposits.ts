/**
 * Deposits what the outbox holds: each relay on its own, many envelopes at once, urgent ones first. The
 * same bytes are repeated until a receipt comes. Where a device can be reached through another relay
 * too, what its relay does not take goes there; a relay that is silent holds up nothing but what only
 * it can take.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import type { Clock } from "../net/clock.ts";
import type { Core } from "./context.ts";
import { deposit, isSilence } from "./deposit.ts";
import { RETRY, type RetryPolicy, retryDelayMs } from "./retry.ts";
import { type Deposited, moveAway, settle } from "./settling.ts";
import { getEnvelope, placesAt, relaysWithEnvelopes } from "./state/outbox.ts";

/** Envelopes under way to one relay at once. */
const IN_FLIGHT = 64;

/** What is for one relay; by the hash of its key. */
interface Lane {
  readonly relay: string;
  readonly inFlight: Set<number>;
  /** Tried without success since the lane began to work: they wait for the next time. */
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
  readonly #lanes = new Map<string, Lane>();
  readonly #resting: (() => void)[] = [];

  constructor(core: Core, clock: Clock, end: AbortSignal, retry: RetryPolicy = RETRY) {
    this.#core = core;
    this.#clock = clock;
    this.#end = end;
    this.#retry = retry;
    end.addEventListener("abort", () => {
      for (const lane of this.#lanes.values()) lane.cancelRetry();
    });
  }

  /** Something was sealed, or it is worth trying again at once. */
  async kick(): Promise<void> {
    if (this.#end.aborted) return;
    const relays = await this.#core.vault.read(relaysWithEnvelopes);
    for (const relay of relays) this.#start(this.#laneOf(relay));
  }

  /** Resolves when nothing is under way: all is stored, or waits until its relay is tried again. */
  async rested(): Promise<void> {
    await this.kick();
    if (this.#isResting()) return;
    await new Promise<void>((resolve) => this.#resting.push(resolve));
  }

  #laneOf(relay: string): Lane {
    const known = this.#lanes.get(relay);
    if (known !== undefined) return known;
    const nothing = (): void => undefined;
    const lane: Lane = {
      relay,
      inFlight: new Set(),
      failed: new Set(),
      finished: [],
      isWorking: false,
      isDue: false,
      failures: 0,
      wake: nothing,
      cancelRetry: nothing,
    };
    this.#lanes.set(relay, lane);
    return lane;
  }

  #start(lane: Lane): void {
    if (this.#end.aborted) return;
    lane.cancelRetry();
    lane.isDue = true;
    if (lane.isWorking) lane.wake();
    else void this.#work(lane);
  }

  async #work(lane: Lane): Promise<void> {
    lane.isWorking = true;
    lane.failed.clear();
    let isVaultAtFault = false;
    try {
      await this.#depositAll(lane);
    } catch {
      // The vault is busy, full or gone: what is queued stays queued.
      isVaultAtFault = true;
    }
    lane.isWorking = false;
    if (isVaultAtFault || lane.failed.size > 0) this.#retryLater(lane);
    if (this.#isResting()) for (const resolve of this.#resting.splice(0)) resolve();
  }

  /** Until nothing is under way and nothing is left that was not tried. */
  async #depositAll(lane: Lane): Promise<void> {
    for (;;) {
      if (lane.finished.length > 0) await this.#settle(lane, lane.finished.splice(0));
      else if (lane.isDue) await this.#fill(lane);
      else if (lane.inFlight.size === 0) return;
      else await new Promise<void>((resolve) => Object.assign(lane, { wake: resolve }));
    }
  }

  async #fill(lane: Lane): Promise<void> {
    lane.isDue = false;
    if (this.#end.aborted) return;
    const rows = await this.#core.vault.read((view) =>
      placesAt(view, lane.relay)
        .filter((place) => !lane.inFlight.has(place) && !lane.failed.has(place))
        .slice(0, IN_FLIGHT - lane.inFlight.size)
        .flatMap((place) => {
          const row = getEnvelope(view, place);
          return row === undefined ? [] : [[place, row] as const];
        }),
    );
    for (const [place, row] of rows) {
      lane.inFlight.add(place);
      void deposit(this.#core, this.#clock, place, row).then((result) => {
        lane.inFlight.delete(place);
        lane.finished.push(result);
        lane.wake();
      });
    }
  }

  async #settle(lane: Lane, results: readonly Deposited[]): Promise<void> {
    if (this.#end.aborted) return;
    const { movedTo, left } = await settle(this.#core, results);
    for (const hash of movedTo) this.#start(this.#laneOf(toHex(hash)));
    for (const place of left) lane.failed.add(place);
    if (results.some(({ receipt }) => receipt !== undefined)) lane.failures = 0;
    if (results.some(({ fault }) => isSilence(fault))) await this.#leave(lane);
    else lane.isDue = true;
  }

  /** The relay is silent: what waits for it and can go elsewhere does, the rest waits. */
  async #leave(lane: Lane): Promise<void> {
    const finished = lane.finished.map(({ place }) => place);
    const busy = new Set([...lane.inFlight, ...lane.failed, ...finished]);
    for (;;) {
      const { movedTo, left, isDone } = await moveAway(this.#core, lane.relay, busy);
      for (const hash of movedTo) this.#start(this.#laneOf(toHex(hash)));
      for (const place of left) {
        busy.add(place);
        lane.failed.add(place);
      }
      if (isDone) return;
    }
  }

  #retryLater(lane: Lane): void {
    if (this.#end.aborted) return;
    const waitMs = retryDelayMs(this.#retry, lane.failures, this.#core.random);
    lane.failures += 1;
    lane.cancelRetry = this.#clock.after(waitMs, () => this.#start(lane));
  }

  #isResting(): boolean {
    return [...this.#lanes.values()].every(({ isWorking }) => !isWorking);
  }
}
