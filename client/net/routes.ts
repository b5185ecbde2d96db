/**
 * The ways to one relay: the address it was asked for by, and doors to it. Attempts over all of them are
 * staggered, the way that worked last first; the first over which the relay shows its signed channel key is
 * used, and the others are closed in silence. What a door says of itself is never believed: only the key is.
 *
 * The key shows which relay is meant, and no more: everybody can have it. A way is relied on when the relay
 * answered over it, sealed; one that only showed the key comes behind all others from then on.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import {
  equalRelayAddress,
  type RelayAddress,
  relayOrigin,
} from "../../shared/e2ee/relay-address.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import { verifiedAnnouncement } from "./announcements.ts";
import type { Clock } from "./clock.ts";
import { notARelay } from "./transport-faults.ts";

/** From the first attempt: when the second and each further one begins, unless one fails before. */
export const STAGGER_MS: readonly number[] = [0, 300, 1_000, 5_000, 10_000];

/** So long after it showed the key, a way over which nothing was answered is doubtful. */
const TRIAL_MS = 2_000;
/** When the first doubtful way is tried, unless all others have failed before. */
const DOUBTFUL_AT_MS = 5_000;

export interface RoutesOptions {
  readonly clock: Clock;
  readonly address: RelayAddress;
  /** Of this relay, by what the user added; asked before each attempt. */
  doors(): readonly RelayAddress[];
}

export class Routes {
  readonly #options: RoutesOptions;
  /** Over which the relay showed itself last. */
  #good: RelayAddress;
  #isTrusted = false;
  /** By origin: when a way showed the key over which nothing has been answered since. */
  readonly #trials = new Map<string, number>();

  constructor(options: RoutesOptions) {
    this.#options = options;
    this.#good = options.address;
  }

  /** Host of the door in use; empty when the relay is reached by its own address. */
  get door(): string {
    return equalRelayAddress(this.#good, this.#options.address) ? "" : this.#good.host;
  }

  /** The way that worked last first. */
  all(): readonly RelayAddress[] {
    const { address, doors } = this.#options;
    const known = [address, ...doors()];
    const good = known.find((one) => equalRelayAddress(one, this.#good)) ?? address;
    return [good, ...known.filter((one) => !equalRelayAddress(one, good))];
  }

  /** The way to use without another attempt; undefined when that is to be found out. */
  get certain(): RelayAddress | undefined {
    const [first, ...others] = this.all();
    if (others.length === 0) return first;
    return this.#isTrusted && !this.#isDoubtful(this.#good) ? first : undefined;
  }

  /** It showed the key. */
  worked(route: RelayAddress): void {
    const origin = relayOrigin(route);
    this.#good = route;
    this.#isTrusted = true;
    if (this.#trials.has(origin) && !this.#isDoubtful(route)) return;
    this.#trials.set(origin, this.#options.clock.now());
  }

  /** The relay answered over it, sealed. */
  answered(route: RelayAddress): void {
    this.#trials.delete(relayOrigin(route));
  }

  /** The next attempt is made over all ways again. */
  failed(route: RelayAddress): void {
    if (equalRelayAddress(route, this.#good)) this.#isTrusted = false;
  }

  /** @throws TumarError NOT_A_RELAY, RELAY_MISMATCH, CHANNEL_KEY_FORGED */
  verify(message: Uint8Array): void {
    if (message[0] !== MESSAGE_KINDS.announcement) {
      throw notARelay("bytes that are no announcement of a channel key");
    }
    verifiedAnnouncement(message.subarray(1), this.#options.address.hash);
  }

  /**
   * The first result; the other attempts are aborted, and what they still bring is thrown away. When all
   * fail, the error of the way that worked last.
   */
  async race<T>(
    signal: AbortSignal,
    attempt: (route: RelayAddress, signal: AbortSignal) => Promise<T>,
    discard: (late: T) => void,
  ): Promise<{ readonly route: RelayAddress; readonly result: T }> {
    signal.throwIfAborted();
    const race = new Race(this.#options.clock, this.#plan(), attempt, discard);
    const giveUp = () => race.stop(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      const won = await race.run();
      this.worked(won.route);
      return won;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Doubtful ways come last and late, the one first that was passed over longest. */
  #plan(): readonly Attempt[] {
    const all = this.all();
    const sure = all.filter((route) => !this.#isDoubtful(route));
    const doubtful = all
      .filter((route) => this.#isDoubtful(route))
      .sort((a, b) => this.#shownAt(a) - this.#shownAt(b));
    return STAGGER_MS.flatMap((atMs, i) => {
      const route = [...sure, ...doubtful][i];
      if (route === undefined) return [];
      return [{ route, atMs: i > 0 && i >= sure.length ? Math.max(atMs, DOUBTFUL_AT_MS) : atMs }];
    });
  }

  #isDoubtful(route: RelayAddress): boolean {
    return this.#options.clock.now() - this.#shownAt(route) >= TRIAL_MS;
  }

  #shownAt(route: RelayAddress): number {
    return this.#trials.get(relayOrigin(route)) ?? Number.POSITIVE_INFINITY;
  }
}

interface Attempt {
  readonly route: RelayAddress;
  /** From the first attempt. */
  readonly atMs: number;
}

export function urlOver(route: RelayAddress, url: string): string {
  const { protocol, pathname } = new URL(url);
  const origin = relayOrigin(route);
  return `${protocol.startsWith("ws") ? origin.replace(/^http/, "ws") : origin}${pathname}`;
}

class Race<T> {
  readonly #clock: Clock;
  readonly #attempts: readonly Attempt[];
  readonly #attempt: (route: RelayAddress, signal: AbortSignal) => Promise<T>;
  readonly #discard: (late: T) => void;
  readonly #giveUp = new AbortController();
  readonly #errors = new Map<number, unknown>();
  #begun = 0;
  #cancelNext: () => void = () => {};
  #settle: {
    resolve(won: { readonly route: RelayAddress; readonly result: T }): void;
    reject(error: unknown): void;
  } = { resolve: () => {}, reject: () => {} };

  constructor(
    clock: Clock,
    attempts: readonly Attempt[],
    attempt: (route: RelayAddress, signal: AbortSignal) => Promise<T>,
    discard: (late: T) => void,
  ) {
    this.#clock = clock;
    this.#attempts = attempts;
    this.#attempt = attempt;
    this.#discard = discard;
  }

  run(): Promise<{ readonly route: RelayAddress; readonly result: T }> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#beginNext();
    });
  }

  stop(reason: unknown): void {
    this.#cancelNext();
    this.#giveUp.abort(reason);
    this.#settle.reject(reason);
  }

  #beginNext(): void {
    this.#cancelNext();
    const at = this.#begun;
    const { route, atMs } = this.#attempts[at] ?? {};
    if (route === undefined || atMs === undefined || this.#giveUp.signal.aborted) return;
    this.#begun++;
    const next = this.#attempts[at + 1];
    if (next !== undefined) {
      this.#cancelNext = this.#clock.after(next.atMs - atMs, () => this.#beginNext());
    }
    this.#attempt(route, this.#giveUp.signal).then(
      (result) => this.#onResult(route, result),
      (error: unknown) => this.#onError(at, error),
    );
  }

  #onResult(route: RelayAddress, result: T): void {
    if (this.#giveUp.signal.aborted) {
      this.#discard(result);
      return;
    }
    this.#settle.resolve({ route, result });
    this.stop(new TumarError("LINK_CLOSED", "another way was faster"));
  }

  #onError(at: number, error: unknown): void {
    if (this.#giveUp.signal.aborted) return;
    this.#errors.set(at, error);
    if (this.#errors.size === this.#attempts.length) this.stop(this.#errors.get(0));
    else this.#beginNext();
  }
}
