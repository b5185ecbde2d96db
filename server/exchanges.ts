/**
 * Takes exchanges in within the limits on them, and knows those that are not answered yet.
 *
 *     enter (head of the request) ──> a place ──run (whole body)──> answer
 *
 * An address has only so many places, so slow bodies and held answers are bounded by number; how
 * fast it may ask is bounded too.
 */

import { TumarError } from "../shared/crypto/errors.ts";
import { refusalMessage } from "../shared/wire/channel.ts";
import { MAX_ORDINARY_MESSAGE_BYTES } from "../shared/wire/limits.ts";
import { violationOf } from "./accept.ts";
import type { Release } from "./address-limit.ts";
import type { AddressNames } from "./address-names.ts";
import { announcementOf } from "./announcement.ts";
import { BodyRoom } from "./body-room.ts";
import { MAX_WAITING_OPERATIONS } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import type { ExchangePath } from "./exchange-paths.ts";
import { type ExchangePlace, ExchangePlaces } from "./exchange-places.ts";
import type { ExchangeTaker } from "./exchange-routes.ts";
import type { TokenBucket } from "./rate.ts";
import type { Services } from "./services.ts";

export interface Place extends ExchangePlace {
  readonly path: ExchangePath;
  /** Of its address (address-names.ts). */
  readonly name: string;
}

export class Exchanges implements ExchangeTaker<Place> {
  readonly #services: Services;
  readonly #names: AddressNames;
  readonly #places: ExchangePlaces;
  readonly #bodies = new BodyRoom();
  readonly #open = new Set<Exchange>();

  constructor(services: Services, names: AddressNames) {
    this.#services = services;
    this.#names = names;
    this.#places = new ExchangePlaces(services.config, names, services.timer);
  }

  /** Places taken. */
  get count(): number {
    return this.#places.count;
  }

  /** @throws TumarError CLOSING, RATE_LIMITED, with `retryAfter` seconds in its details */
  enter(path: ExchangePath, address: string): Place {
    const { metrics, commits } = this.#services;
    try {
      if (commits.waiting > MAX_WAITING_OPERATIONS) throw this.#places.closing();
      return { path, name: this.#names.nameOf(address), ...this.#places.enter(address) };
    } catch (error) {
      metrics.exchanged(path.name, "limited");
      throw error;
    }
  }

  /** Only bodies that bring slices of blobs wait: for their share, and for a disk that is behind. */
  async room({ name }: Place, bodyBytes: number): Promise<Release> {
    if (!(bodyBytes > MAX_ORDINARY_MESSAGE_BYTES)) return () => undefined;
    const letGo = await this.#bodies.take(name, bodyBytes);
    await this.#services.blobs.pending.room();
    return letGo;
  }

  /**
   * The answer to a whole body; undefined when the client went away before it was ready: `onGone`
   * is given what to call then. @throws TumarError when there is no channel to answer in
   */
  async run(
    { path, frames }: Place,
    body: Uint8Array,
    onGone: (abandon: () => void) => void,
  ): Promise<Uint8Array | undefined> {
    const { metrics, timer } = this.#services;
    const beganMs = timer();
    const exchange = this.#begin(path, body, frames);
    if (exchange instanceof Uint8Array) return exchange;
    this.#open.add(exchange);
    if (!this.#places.isAccepting) exchange.stopWaiting();
    onGone(() => exchange.abandon());
    const answer = await exchange.answer;
    this.#open.delete(exchange);
    metrics.exchanged(path.name, answer === undefined ? "gone" : "answered");
    metrics.answered((timer() - beganMs) / 1000);
    return answer;
  }

  /** Takes nothing new, and answers what waits. */
  stopAccepting(): void {
    this.#places.stopAccepting();
    for (const exchange of [...this.#open]) exchange.stopWaiting();
  }

  /** Resolves when all have been answered, or have been given up after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.stopAccepting();
    await this.#places.emptied(graceMs);
    for (const exchange of [...this.#open]) exchange.abandon();
  }

  /** The exchange, or the refusal when no key opens it. */
  #begin(path: ExchangePath, body: Uint8Array, rate: TokenBucket): Exchange | Uint8Array {
    const { metrics } = this.#services;
    try {
      const { maxAnswerBytes } = path;
      return Exchange.begin(this.#services, body, { maxAnswerBytes, rate });
    } catch (error) {
      const code = violationOf(this.#services, error);
      const isRefused = code === "CHANNEL_KEY_UNKNOWN";
      metrics.exchanged(path.name, isRefused ? "refused" : "faulty");
      if (isRefused) return announcementOf(this.#services, refusalMessage);
      metrics.error(code);
      throw new TumarError(code, "no channel came about", { cause: error });
    }
  }
}
