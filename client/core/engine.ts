/**
 * What runs in the background once a client is started: first the check for a rolled-back vault,
 * then upkeep at our relay, the inbox, and rounds of the outbox, each again when there is a reason.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Clock } from "../net/clock.ts";
import type { Relay } from "../net/requests.ts";
import type { Core } from "./context.ts";
import { asFault } from "./faults.ts";
import { Inbox } from "./inbox.ts";
import { Outgoing } from "./outgoing.ts";
import { RETRY, retryDelayMs } from "./retry.ts";
import { checkRollback, countRun, rememberRuns } from "./rollback.ts";
import { listHeld } from "./state/held.ts";
import { type HomeRow, listHomes } from "./state/identity.ts";
import { putHour } from "./state/relays.ts";
import { releaseHeld } from "./taken-content.ts";
import { isUpkeepDue, keepUp } from "./upkeep.ts";

const HELD_CHECK_MS = 5_000;
/** How often a client that goes on running asks the hour, renews prekeys and makes up for used pairs. */
const UPKEEP_MS = 3_600_000;
/** A closing client waits this long for its last word to its relay. */
const FAREWELL_MS = 2_000;

/** A promise that is settled from outside, and may be asked for again. */
class Milestone {
  isReached = false;
  readonly #waiting: (() => void)[] = [];

  reach(): void {
    this.isReached = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  reached(): Promise<void> {
    return this.isReached
      ? Promise.resolve()
      : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

export class Engine {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #end = new AbortController();
  readonly #timers = new Set<() => void>();
  readonly #outgoing: Outgoing;
  /** The vault is known to be the newest copy: sealing may begin. */
  readonly #trusted = new Milestone();
  #drained = new Milestone();
  #homeFault: TumarError | undefined;
  #inbox: Inbox | undefined;
  #isStarted = false;
  #isConnectionWatched = false;
  #isTending = false;
  #cancelTending: () => void = () => undefined;
  /** What our relay is to remember of this vault; undefined once it does. */
  #untoldRuns: number | undefined;

  constructor(core: Core, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
    this.#outgoing = new Outgoing(core, clock, this.#end.signal, () => void this.#tendIfDue());
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get isTrusted(): boolean {
    return this.#trusted.isReached;
  }

  /** Why our own relay could not be reached last; undefined while it can. */
  get homeFault(): TumarError | undefined {
    return this.#homeFault;
  }

  /** Why drafts to this contact could not be sealed last. */
  sealingFault(root: Uint8Array): TumarError | undefined {
    return this.#outgoing.sealingFault(root);
  }

  /** Registers a new vault at its relay, once, in the foreground. */
  async register(): Promise<void> {
    const [home] = await this.#core.vault.read(listHomes);
    if (home === undefined) throw new TumarError("VAULT_DAMAGED", "the vault names no relay");
    const address = parseRelayAddress(home.address);
    await keepUp(this.#core, address, this.#core.relays.home(home.address));
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#tend(0);
    this.#watchHeld();
  }

  /** Something was written: the outbox is to be looked at. */
  kick(): void {
    this.#outgoing.forgive();
    this.#send();
  }

  /** Everything that waits at our relay now is in the vault. */
  drained(): Promise<void> {
    if (this.#drained.isReached) {
      this.#drained = new Milestone();
      this.#inbox?.renew();
    }
    return this.#drained.reached();
  }

  /** All that is in the outbox now has been tried. */
  async sent(): Promise<void> {
    await this.#trusted.reached();
    await this.#outgoing.drained();
  }

  /** `closeRelays` ends what is under way; nothing of ours is lost by it. */
  async stop(closeRelays: () => void): Promise<void> {
    if (this.#end.signal.aborted) return;
    const farewell = this.#isStarted && this.isTrusted ? this.#farewell() : Promise.resolve();
    this.#inbox?.close();
    // A vault that takes no commit now must still be closed.
    await farewell.catch(() => undefined);
    this.#end.abort(new TumarError("CLIENT_CLOSED", "the client was closed"));
    for (const cancel of this.#timers) cancel();
    closeRelays();
    await this.#outgoing.stopped();
  }

  // --- our own relay ----------------------------------------------------------------------------

  /** The check for a rollback, the inbox, upkeep: until all is well, and again from time to time. */
  async #tend(failures: number): Promise<void> {
    if (this.#isTending || this.#end.signal.aborted) return;
    this.#isTending = true;
    this.#cancelTending();
    try {
      const [home] = await this.#core.vault.read(listHomes);
      if (home === undefined) throw new TumarError("VAULT_DAMAGED", "the vault names no relay");
      await this.#settleIn(home);
      this.#homeFault = undefined;
      this.#cancelTending = this.#after(UPKEEP_MS, () => {
        // Only `hello` tells the hour, and a connection that lives asks it seldom.
        this.#core.relays.home(home.address).kick();
        void this.#tend(0);
      });
    } catch (error) {
      this.#homeFault = asFault(error);
      const waitMs = retryDelayMs(RETRY, failures, this.#core.random);
      this.#cancelTending = this.#after(waitMs, () => void this.#tend(failures + 1));
      return;
    } finally {
      this.#isTending = false;
    }
    await this.#tendIfDue();
  }

  /** Grants were given out: the relay learns of them, and the next contact finds one ready. */
  async #tendIfDue(): Promise<void> {
    const isDue = await this.#core.vault.read(isUpkeepDue).catch(() => false);
    if (isDue && this.#homeFault === undefined) await this.#tend(0);
  }

  async #settleIn(home: HomeRow): Promise<void> {
    const address = parseRelayAddress(home.address);
    const relay = this.#core.relays.home(home.address);
    this.#watchConnection(relay);
    if (!this.isTrusted) {
      this.#untoldRuns = await checkRollback(this.#core, address, relay, this.#end.signal);
      this.#trusted.reach();
      this.#send();
    }
    this.#openInbox(home);
    await this.#core.vault.transaction((tx) => putHour(tx, this.#core.time.hour()));
    if (this.#untoldRuns !== undefined) {
      await rememberRuns(this.#core, relay, home, this.#untoldRuns);
      this.#untoldRuns = undefined;
    }
    await keepUp(this.#core, address, relay);
  }

  #openInbox(home: HomeRow): void {
    if (this.#inbox !== undefined || this.#end.signal.aborted) return;
    const relay = this.#core.relays.home(home.address);
    this.#inbox = new Inbox(this.#core, relay, home, this.#clock, {
      onTaken: () => this.#send(),
      onDrained: () => this.#drained.reach(),
    });
    this.#inbox.subscribe();
  }

  /** Only what a person can see: that it is up, or that it waits for the next try. */
  #watchConnection(relay: Relay): void {
    if (this.#isConnectionWatched) return;
    this.#isConnectionWatched = true;
    relay.onState(({ error, reason, ...state }) => {
      if (!state.isUp && state.nextTryMs === null) return;
      this.#core.emit({ type: "connection", relay: relay.address, ...state });
    });
  }

  /** Tells our relay that this run is over, so that a copy made during it is known for one. */
  async #farewell(): Promise<void> {
    const runs = await countRun(this.#core);
    const [home] = await this.#core.vault.read(listHomes);
    if (home === undefined) return;
    const relay = this.#core.relays.home(home.address);
    const timeout = new Promise<void>((resolve) => this.#after(FAREWELL_MS, resolve));
    const told = rememberRuns(this.#core, relay, home, runs).catch(() => undefined);
    await Promise.race([told, timeout]);
  }

  #send(): void {
    if (this.isTrusted) void this.#outgoing.run();
  }

  // --- messages that wait for a gap -------------------------------------------------------------

  /** Also for what another process of this vault took in and did not live to show. */
  #watchHeld(): void {
    this.#after(HELD_CHECK_MS, () => void this.#releaseHeld());
  }

  async #releaseHeld(): Promise<void> {
    try {
      const held = await this.#core.vault.read(listHeld);
      if (held.length > 0) {
        const events = await this.#core.vault.transaction((tx) => releaseHeld(tx, this.#core));
        for (const event of events) this.#core.emit(event);
      }
    } catch {
      // The vault is busy: what waits does so a little longer.
    }
    this.#watchHeld();
  }

  /** The result cancels it. */
  #after(ms: number, task: () => void): () => void {
    if (this.#end.signal.aborted) return () => undefined;
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(cancel);
      task();
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }
}
