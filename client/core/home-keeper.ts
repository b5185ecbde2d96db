/**
 * Looks after one of our relays, whatever the others do: the check for a rolled-back vault, the inbox,
 * upkeep, and the retreat from a relay that is left; each again with backoff until all is well.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";
import { parseRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Clock } from "../net/clock.ts";
import type { Relay } from "../net/requests.ts";
import type { Timers } from "../net/timers.ts";
import type { Core } from "./context.ts";
import { asFault } from "./faults.ts";
import { forgetHome } from "./homes.ts";
import { Inbox } from "./inbox.ts";
import { retryQuarantined } from "./quarantine.ts";
import { retreat } from "./retreat.ts";
import { RETRY, retryDelayMs } from "./retry.ts";
import { checkRollback, countRun, rememberRuns } from "./rollback.ts";
import { type SilenceWatch, watchSilence } from "./silence.ts";
import { getHome, type HomeRow } from "./state/homes.ts";
import { putHour } from "./state/relays.ts";
import { isUpkeepDue, keepUp } from "./upkeep.ts";

/** How often a client that goes on running asks the hour, renews prekeys and makes up for used pairs. */
const UPKEEP_MS = 3_600_000;
/** The life of a device mailbox. */
const GIVEN_UP_MS = 30 * 24 * 3_600_000;

export interface HomeListener {
  /** The relay remembers no newer copy of the vault. */
  onChecked(): void;
  /** Envelopes were taken; their content may have made drafts. */
  onTaken(): void;
  /** Upkeep changed what others are to be told. */
  onKept(): void;
  /** It is a home no more. */
  onGone(): void;
}

export class HomeKeeper {
  readonly address: string;
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #listener: HomeListener;
  readonly #relay: Relay;
  readonly #place: RelayAddress;
  #fault: TumarError | undefined;
  #inbox: Inbox | undefined;
  /** For the inbox to be opened. */
  readonly #waiting: (() => void)[] = [];
  #isChecked = false;
  #isTending = false;
  #isTendingDue = false;
  #isClosed = false;
  #heardMs: number | undefined;
  /** What the relay is to remember of this vault; undefined once it does. */
  #untoldRuns: number | undefined;
  #failures = 0;
  #cancelTending: () => void = () => undefined;
  #stopListening: () => void = () => undefined;

  constructor(core: Core, clock: Clock, timers: Timers, address: string, listener: HomeListener) {
    this.address = address;
    this.#core = core;
    this.#clock = clock;
    this.#timers = timers;
    this.#listener = listener;
    this.#relay = core.relays.home(address);
    this.#place = parseRelayAddress(address);
  }

  /** Why the relay could not be reached last; undefined while it can. */
  get fault(): TumarError | undefined {
    return this.#fault;
  }

  /** What a person is told: also why a first try that still goes on gets nowhere. */
  get trouble(): TumarError | undefined {
    return this.#fault ?? this.#relay.state().error ?? undefined;
  }

  start(): void {
    this.#stopListening = this.#relay.onState(({ error, reason, ...state }) => {
      // Only what a person can see: that it is up, or that it waits for the next try.
      if (!state.isUp && state.nextTryMs === null) return;
      this.#core.emit({ type: "connection", relay: this.address, ...state });
    });
    this.tend();
  }

  /** Now, or right after what is being done; does nothing more than is due. */
  tend(): void {
    if (this.#isClosed) return;
    this.#isTendingDue = true;
    if (!this.#isTending) void this.#tendAll();
  }

  /** Grants were given out or records changed: the relay learns of them. */
  async tendIfDue(): Promise<void> {
    if (this.#fault !== undefined || this.#isTending || this.#isClosed) return;
    const { hash } = this.#place;
    const isDue = await this.#core.vault.read((view) => isUpkeepDue(view, hash)).catch(() => false);
    if (isDue) this.tend();
  }

  /** Everything that waits at the relay now is in the vault. */
  async drained(): Promise<void> {
    while (this.#inbox === undefined && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    await this.#inbox?.drained();
  }

  /** Tells when the relay has said nothing for so long that it is not to be waited for. */
  watchSilence(): SilenceWatch {
    return watchSilence(this.#clock, this.#relay, 0, () => this.#heardMs);
  }

  /** Tells the relay that this run is over, so that a copy made during it is known for one. */
  async farewell(): Promise<void> {
    if (!this.#isChecked) return;
    const home = await this.#core.vault.transaction((tx) => countRun(tx, this.#place));
    if (home !== undefined) await rememberRuns(this.#core, this.#relay, home);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTending();
    this.#stopListening();
    this.#inbox?.close();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #tendAll(): Promise<void> {
    this.#isTending = true;
    this.#cancelTending();
    while (this.#isTendingDue && !this.#isClosed) {
      this.#isTendingDue = false;
      try {
        await this.#tendOnce();
        this.#fault = undefined;
        this.#failures = 0;
        this.#heard();
        this.#cancelTending = this.#timers.after(UPKEEP_MS, () => {
          // Only `hello` tells the hour, and a connection that lives asks it seldom.
          this.#relay.kick();
          this.tend();
        });
      } catch (error) {
        this.#fault = asFault(error);
        const waitMs = retryDelayMs(RETRY, this.#failures++, this.#core.random);
        this.#cancelTending = this.#timers.after(waitMs, () => this.tend());
        break;
      }
    }
    this.#isTending = false;
    if (this.#fault === undefined && !this.#isClosed) this.#listener.onKept();
  }

  async #tendOnce(): Promise<void> {
    const home = await this.#core.vault.read((view) => getHome(view, this.#place.hash));
    if (home === undefined || this.#isGivenUp(home)) {
      await this.#core.vault.transaction((tx) => forgetHome(tx, this.#place.hash));
      this.#listener.onGone();
      return;
    }
    await this.#check(home);
    if (await retryQuarantined(this.#core)) this.#listener.onTaken();
    this.#openInbox(home);
    await this.#core.vault.transaction((tx) => putHour(tx, this.#core.time.hour()));
    if (this.#untoldRuns !== undefined) {
      await rememberRuns(this.#core, this.#relay, home, this.#untoldRuns);
      this.#untoldRuns = undefined;
    }
    if (home.stage !== "leaving") {
      await keepUp(this.#core, this.#relay);
      return;
    }
    await retreat(this.#core, this.#relay, () => this.drained());
    this.#listener.onGone();
  }

  /** What was at a relay that did not answer for so long is gone by its age. */
  #isGivenUp({ stage, reachedMs }: HomeRow): boolean {
    return stage === "leaving" && this.#core.time.nowMs() - reachedMs > GIVEN_UP_MS;
  }

  /** A relay that never kept anything of ours cannot know whether there is a newer copy. */
  async #check(home: HomeRow): Promise<void> {
    if (this.#isChecked) return;
    // The inbox comes next: its channel opens while the relay is asked about the copy.
    this.#relay.owner.warm();
    const end = this.#timers.signal;
    this.#untoldRuns = await checkRollback(this.#core, this.#place, this.#relay, end);
    this.#isChecked = true;
    this.#heard();
    if (home.stage !== "joining") this.#listener.onChecked();
  }

  #openInbox(home: HomeRow): void {
    if (this.#inbox !== undefined || this.#isClosed) return;
    this.#inbox = new Inbox(this.#core, this.#relay, home, this.#clock, () => {
      this.#heard();
      this.#listener.onTaken();
    });
    this.#inbox.subscribe();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #heard(): void {
    this.#heardMs = this.#clock.now();
  }
}
