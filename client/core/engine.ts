/**
 * What runs in the background once a client is started: each of our relays is looked after on its own
 * (home-keeper.ts), the outbox is drained as soon as one of them has said that this vault is the newest
 * copy, and messages that wait for a gap are released.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "../net/clock.ts";
import { Timers } from "../net/timers.ts";
import { keepBlobs } from "./blob-keeping.ts";
import type { Core } from "./context.ts";
import { HomeKeeper } from "./home-keeper.ts";
import { Milestone } from "./milestone.ts";
import { Outgoing } from "./outgoing.ts";
import { persistently } from "./persistently.ts";
import { closeAllSessions } from "./repair.ts";
import { listHeld } from "./state/held.ts";
import { listHomes, liveHomes } from "./state/homes.ts";
import { waitingMessages } from "./state/outbox.ts";
import { releaseHeld } from "./taken-content.ts";
import { keepUp } from "./upkeep.ts";

/** How often it looks for gaps that are over, and for relays another process added or removed. */
const LOOK_MS = 5_000;
/** A first flight without an answer is repeated after minutes at the soonest. */
const OUTBOX_LOOK_MS = 60_000;
/** A closing client waits this long for its last word to its relays. */
const FAREWELL_MS = 2_000;
/** When none of our relays has said by then whether this is the newest copy, what is written leaves all the same. */
const PRESUME_MS = 10_000;
/** The relay has answered once; on the slowest network with its outages the rest takes a minute or two. */
const REGISTER_MS = 300_000;

export class Engine {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #end = new AbortController();
  readonly #timers: Timers;
  readonly #outgoing: Outgoing;
  /** By address. */
  readonly #keepers = new Map<string, HomeKeeper>();
  #mayPresume = false;
  /** The vault is known to be the newest copy: sealing may begin. */
  readonly #trusted = new Milestone();
  #isStarted = false;
  #keeping: Promise<void> = Promise.resolve();

  constructor(core: Core, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
    this.#timers = new Timers(clock, this.#end.signal);
    this.#outgoing = new Outgoing(core, clock, this.#end.signal, () => this.#tendDueHomes());
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get isTrusted(): boolean {
    return this.#trusted.isReached;
  }

  /** Why none of our own relays could be reached last; undefined while one can. */
  get homeFault(): TumarError | undefined {
    const faults = [...this.#keepers.values()].map(({ trouble }) => trouble);
    return faults.includes(undefined) ? undefined : faults[0];
  }

  /** Why drafts to this contact could not be sealed last. */
  sealingFault(root: Uint8Array): TumarError | undefined {
    return this.#outgoing.sealingFault(root);
  }

  /** Registers a new vault at its relays, once, in the foreground. */
  async register(): Promise<void> {
    const homes = await this.#core.vault.read(listHomes);
    const means = { clock: this.#clock, random: this.#core.random };
    for (const { address } of homes) {
      const relay = this.#core.relays.home(address);
      await persistently(means, REGISTER_MS, () => keepUp(this.#core, relay));
    }
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#watch();
    this.#timers.after(OUTBOX_LOOK_MS, () => this.#lookAtOutbox());
    this.#timers.after(PRESUME_MS, () => {
      this.#mayPresume = true;
      this.#send();
    });
    void this.findHomes().catch(() => undefined);
    // What it does not get to it does the next time.
    this.#keeping = keepBlobs(this.#core).catch(() => undefined);
  }

  /** Something was written: the outbox is to be looked at. */
  kick(): void {
    this.#outgoing.forgive();
    this.#send();
  }

  /** What waited for its next try is tried at once. */
  networkChanged(): void {
    for (const keeper of this.#keepers.values()) keeper.tend();
    this.kick();
  }

  /**
   * Everything that waits now at those of our relays that answer is in the vault.
   * @returns the addresses of those that do not answer; it waits for one at least
   */
  async drained(): Promise<readonly string[]> {
    await this.findHomes();
    const live = (await this.#core.vault.read(liveHomes)).map(({ address }) => address);
    const silent = new Set<string>();
    const waits = [...this.#keepers.values()].map((keeper) => {
      const watch = keeper.watchSilence();
      const drained = keeper.drained().then(() => silent.delete(keeper.address));
      const given = watch.silent.then(() => silent.add(keeper.address));
      return {
        address: keeper.address,
        drained,
        given: Promise.race([drained, given]),
        stop: () => watch.stop(),
      };
    });
    try {
      const wanted = waits.filter(({ address }) => live.includes(address));
      await Promise.any(wanted.map(({ drained }) => drained));
      await Promise.all(waits.map(({ given }) => given));
    } finally {
      for (const { stop } of waits) stop();
    }
    return live.filter((address) => silent.has(address));
  }

  /** All that is in the outbox now has been tried. */
  async sent(): Promise<void> {
    await this.#trusted.reached();
    await this.#outgoing.drained();
  }

  /** All media that lies ready has been tried. */
  async uploaded(): Promise<void> {
    await this.#trusted.reached();
    await this.#outgoing.uploaded();
  }

  /** Homes were added or removed, here or by another process: each is looked after from now on. */
  async findHomes(): Promise<void> {
    if (!this.#isStarted || this.#end.signal.aborted) return;
    const homes = await this.#core.vault.read((view) => {
      this.#core.doors.load(view);
      return listHomes(view);
    });
    if (this.#end.signal.aborted) return;
    for (const { address } of homes) {
      const known = this.#keepers.get(address);
      if (known === undefined) this.#keep(address);
    }
    const addresses = new Set(homes.map(({ address }) => address));
    for (const [address, keeper] of this.#keepers) {
      if (!addresses.has(address)) this.#release(keeper);
    }
  }

  /** A home changed its stage: what follows from it is done at once. */
  tend(address: string): void {
    this.#keepers.get(address)?.tend();
    this.#send();
  }

  /** `closeRelays` ends what is under way; nothing of ours is lost by it. */
  async stop(closeRelays: () => void): Promise<void> {
    if (this.#end.signal.aborted) return;
    const keepers = [...this.#keepers.values()];
    const farewells = this.isTrusted ? keepers.map((keeper) => keeper.farewell()) : [];
    for (const keeper of keepers) keeper.close();
    const timeout = new Promise<void>((resolve) => this.#timers.after(FAREWELL_MS, resolve));
    // A vault that takes no commit now must still be closed.
    const told = Promise.all(farewells.map((farewell) => farewell.catch(() => undefined)));
    if (farewells.length > 0) await Promise.race([told, timeout]);
    this.#end.abort(new TumarError("CLIENT_CLOSED", "the client was closed"));
    closeRelays();
    await told;
    await this.#outgoing.stopped();
    await this.#keeping;
  }

  #keep(address: string): void {
    const keeper = new HomeKeeper(this.#core, this.#clock, this.#timers, address, {
      onChecked: () => {
        this.#trusted.reach();
        this.#send();
      },
      onTaken: () => this.#send(),
      onKept: () => this.#send(),
      onGone: () => {
        this.#release(keeper);
        this.#core.emit({ type: "relays" });
      },
    });
    this.#keepers.set(address, keeper);
    keeper.start();
  }

  #release(keeper: HomeKeeper): void {
    keeper.close();
    this.#keepers.delete(keeper.address);
  }

  /** Grants were given out: the relays learn of them, and the next contact finds some ready. */
  #tendDueHomes(): void {
    for (const keeper of this.#keepers.values()) void keeper.tendIfDue();
  }

  #send(): void {
    if (this.isTrusted) void this.#outgoing.run();
    else if (this.#mayPresume) void this.#presumeOlder().catch(() => undefined);
  }

  /**
   * No relay of ours can say whether this copy is the newest, and somebody waits: as if it were an older
   * one, nothing more is sealed in the sessions it holds, and each contact gets a new one.
   */
  async #presumeOlder(): Promise<void> {
    const isSending = await this.#core.vault.transaction((tx) => {
      if (this.isTrusted || waitingMessages(tx).length === 0) return false;
      closeAllSessions(tx);
      return true;
    });
    if (!isSending) return;
    this.#trusted.reach();
    this.#send();
  }

  #lookAtOutbox(): void {
    this.#send();
    this.#timers.after(OUTBOX_LOOK_MS, () => this.#lookAtOutbox());
  }

  // --- what other processes do, and messages that wait for a gap ---------------------------------

  #watch(): void {
    this.#timers.after(LOOK_MS, () => void this.#look());
  }

  /** Also for what another process of this vault took in and did not live to show. */
  async #look(): Promise<void> {
    try {
      await this.findHomes();
      this.#outgoing.look();
      const held = await this.#core.vault.read(listHeld);
      if (held.length > 0) {
        const events = await this.#core.vault.transaction((tx) => releaseHeld(tx, this.#core));
        for (const event of events) this.#core.emit(event);
      }
    } catch {
      // The vault is busy: what waits does so a little longer.
    }
    this.#watch();
  }
}
