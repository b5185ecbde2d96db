/**
 * What runs in the background once a client is started: first the check for a rolled-back vault,
 * then upkeep at our relay, the inbox, and rounds of the outbox, each again when there is a reason.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Clock } from "../net/clock.ts";
import type { Core } from "./context.ts";
import { Inbox } from "./inbox.ts";
import { releaseHeld } from "./incoming.ts";
import { drainOutbox } from "./outgoing.ts";
import { checkRollback, countRun, rememberRuns } from "./rollback.ts";
import { listHeld } from "./state/held.ts";
import { type HomeRow, listHomes } from "./state/identity.ts";
import { putHour } from "./state/relays.ts";
import { keepUp } from "./upkeep.ts";

const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 30_000;
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
  /** The vault is known to be the newest copy: sealing may begin. */
  readonly #trusted = new Milestone();
  #drained = new Milestone();
  #homeFault: TumarError | undefined;
  #sealingFaults: ReadonlyMap<string, TumarError> = new Map();
  #inbox: Inbox | undefined;
  #isStarted = false;
  #round: Promise<void> | undefined;
  #isRoundDue = false;
  #failures = 0;
  #isHeldWatched = false;

  constructor(core: Core, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
  }

  get isTrusted(): boolean {
    return this.#trusted.isReached;
  }

  /** Why our own relay could not be reached last; undefined while it can. */
  get homeFault(): TumarError | undefined {
    return this.#homeFault;
  }

  /** Why drafts to this contact could not be sealed in the last round. */
  sealingFault(root: Uint8Array): TumarError | undefined {
    return this.#sealingFaults.get(toHex(root));
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
    void this.#run(0);
    this.#watchHeld();
  }

  /** Something was written: a round of the outbox is due. */
  kick(): void {
    this.#failures = 0;
    void this.#drain();
  }

  /** Everything that waits at our relay now is in the vault. */
  drained(): Promise<void> {
    if (this.#drained.isReached) {
      this.#drained = new Milestone();
      this.#inbox?.renew();
    }
    return this.#drained.reached();
  }

  /** One whole round of the outbox, begun after this call. */
  async round(): Promise<void> {
    await this.#trusted.reached();
    await this.#round;
    await this.#drain();
  }

  /** `closeRelays` ends what is under way; nothing of ours is lost by it. */
  async stop(closeRelays: () => void): Promise<void> {
    if (this.#end.signal.aborted) return;
    const farewell = this.#isStarted && this.isTrusted ? this.#farewell() : Promise.resolve();
    this.#inbox?.close();
    await farewell;
    this.#end.abort(new TumarError("CLIENT_CLOSED", "the client was closed"));
    for (const cancel of this.#timers) cancel();
    closeRelays();
    await this.#round;
  }

  // --- our own relay ----------------------------------------------------------------------------

  async #run(failures: number): Promise<void> {
    try {
      const [home] = await this.#core.vault.read(listHomes);
      if (home === undefined) throw new TumarError("VAULT_DAMAGED", "the vault names no relay");
      await this.#settleIn(home);
      this.#homeFault = undefined;
      this.#after(UPKEEP_MS, () => {
        // Only `hello` tells the hour, and a connection that lives asks it seldom.
        this.#core.relays.home(home.address).kick();
        void this.#run(0);
      });
    } catch (error) {
      if (this.#end.signal.aborted) return;
      if (!(error instanceof TumarError)) throw error;
      this.#homeFault = error;
      this.#after(this.#retryMs(failures), () => void this.#run(failures + 1));
    }
  }

  async #settleIn(home: HomeRow): Promise<void> {
    const address = parseRelayAddress(home.address);
    const relay = this.#core.relays.home(home.address);
    const signal = this.#end.signal;
    if (!this.isTrusted) {
      const runs = await checkRollback(this.#core, address, relay, signal);
      void rememberRuns(this.#core, relay, home, runs).catch(() => undefined);
      await this.#core.vault.transaction((tx) => putHour(tx, this.#core.time.hour()));
      this.#trusted.reach();
      void this.#drain();
    }
    this.#openInbox(home);
    await keepUp(this.#core, address, relay);
  }

  #openInbox(home: HomeRow): void {
    if (this.#inbox !== undefined || this.#end.signal.aborted) return;
    const relay = this.#core.relays.home(home.address);
    this.#inbox = new Inbox(this.#core, relay, home, this.#clock, {
      onTaken: () => {
        void this.#drain();
        this.#watchHeld();
      },
      onDrained: () => this.#drained.reach(),
    });
    this.#inbox.subscribe();
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

  // --- outbox -----------------------------------------------------------------------------------

  /** Resolves when a round that began at or after this call has ended. */
  #drain(): Promise<void> {
    if (this.#end.signal.aborted || !this.isTrusted) return Promise.resolve();
    this.#isRoundDue = true;
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #rounds(): Promise<void> {
    while (this.#isRoundDue && !this.#end.signal.aborted) {
      this.#isRoundDue = false;
      try {
        const round = await drainOutbox(this.#core, this.#end.signal);
        this.#sealingFaults = round.sealingFaults;
        if (round.stored > 0) this.#failures = 0;
        if (round.isRetryDue) this.#retryRound();
      } catch (error) {
        if (!(error instanceof TumarError)) throw error;
        this.#retryRound();
      }
    }
  }

  #retryRound(): void {
    if (this.#end.signal.aborted) return;
    this.#after(this.#retryMs(this.#failures), () => void this.#drain());
    this.#failures += 1;
  }

  /** Full jitter: uniform below an exponentially growing bound. */
  #retryMs(failures: number): number {
    const bound = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.min(failures, 10));
    const [a = 0, b = 0] = this.#core.random(2);
    return (bound * (a * 256 + b)) / 65536;
  }

  // --- messages that wait for a gap -------------------------------------------------------------

  #watchHeld(): void {
    if (this.#isHeldWatched || this.#end.signal.aborted) return;
    void this.#core.vault.read(listHeld).then(
      (held) => {
        if (held.length === 0 || this.#isHeldWatched) return;
        this.#isHeldWatched = true;
        this.#after(HELD_CHECK_MS, () => void this.#releaseHeld());
      },
      () => undefined,
    );
  }

  async #releaseHeld(): Promise<void> {
    this.#isHeldWatched = false;
    try {
      const events = await this.#core.vault.transaction((tx) => releaseHeld(tx, this.#core));
      for (const event of events) this.#core.emit(event);
    } catch (error) {
      if (!(error instanceof TumarError)) throw error;
    }
    this.#watchHeld();
  }

  #after(ms: number, task: () => void): void {
    if (this.#end.signal.aborted) return;
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(cancel);
      task();
    });
    this.#timers.add(cancel);
  }
}
