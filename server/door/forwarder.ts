/**
 * Exchanges through a door: a place for each within the limits, the bytes to the relay and its answer
 * back, unread. The relay's refusals before a channel pass by their code; anything else it answers
 * is RELAY_UNREACHABLE.
 */

import { ERRORS, type ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import { AddressLimit, type Release } from "../address-limit.ts";
import type { AddressNames } from "../address-names.ts";
import { AddressRates } from "../address-rates.ts";
import type { Clock } from "../clock.ts";
import type { SettingValues } from "../config-table.ts";
import type { ExchangePath } from "../exchange-paths.ts";
import type { ExchangeTaker } from "../exchange-routes.ts";
import { CHANNEL_KEY_PATH } from "../http-base.ts";
import type { Asked, Onward, OnwardAnswer } from "./onward.ts";

/** Of one request, from its head until its answer has left. */
export interface DoorPlace {
  readonly path: ExchangePath;
  readonly release: Release;
}

/** An announcement has 158 bytes. */
const MAX_ANNOUNCEMENT_BYTES = 1024;
/** A held exchange waits 25 s at the relay. */
const EXCHANGE_TIMEOUT_MS = 60_000;
const CHANNEL_KEY_TIMEOUT_MS = 10_000;
const RETRY_AFTER = { rate: 1, places: 5, closing: 5 } as const;

export class Forwarder implements ExchangeTaker<DoorPlace> {
  readonly #onward: Onward;
  readonly #limit: AddressLimit;
  readonly #rates: AddressRates;
  readonly #open = new Set<AbortController>();
  #isAccepting = true;
  #isRelayThere = true;
  #onEmpty: (() => void) | undefined;

  constructor(onward: Onward, config: SettingValues, names: AddressNames, timer: Clock) {
    this.#onward = onward;
    this.#limit = new AddressLimit(
      { perAddress: config.EXCHANGES_PER_ADDRESS, total: config.EXCHANGES },
      names,
    );
    this.#rates = new AddressRates(
      { exchanges: config.EXCHANGES_PER_SECOND, frames: config.EXCHANGE_FRAMES_PER_SECOND },
      names,
      timer,
    );
  }

  /** False while closing, and while the relay does not answer. */
  get isWell(): boolean {
    return this.#isAccepting && this.#isRelayThere;
  }

  /** @throws TumarError CLOSING, RATE_LIMITED, with `retryAfter` seconds in its details */
  enter(path: ExchangePath, address: string): DoorPlace {
    return { path, release: this.#enter(address) };
  }

  async run(
    { path }: DoorPlace,
    body: Uint8Array,
    onGone: (abandon: () => void) => void,
  ): Promise<Uint8Array | undefined> {
    const abort = new AbortController();
    this.#open.add(abort);
    onGone(() => abort.abort());
    try {
      return await this.#bytes({
        path: path.url,
        body,
        maxBytes: path.maxAnswerBytes,
        timeoutMs: EXCHANGE_TIMEOUT_MS,
        signal: abort.signal,
      });
    } catch (error) {
      if (!this.#isAccepting) throw busy("CLOSING", RETRY_AFTER.closing);
      if (abort.signal.aborted) return undefined;
      throw error;
    } finally {
      this.#open.delete(abort);
    }
  }

  /** The relay's announcement. @throws TumarError as `enter`, RELAY_UNREACHABLE */
  async channelKey(address: string): Promise<Uint8Array> {
    const release = this.#enter(address);
    try {
      return await this.ownChannelKey();
    } finally {
      release();
    }
  }

  /** The same for the door itself. @throws TumarError RELAY_UNREACHABLE */
  async ownChannelKey(): Promise<Uint8Array> {
    return await this.#bytes({
      path: CHANNEL_KEY_PATH,
      maxBytes: MAX_ANNOUNCEMENT_BYTES,
      timeoutMs: CHANNEL_KEY_TIMEOUT_MS,
    });
  }

  /** Gives up what waits for the relay; resolves when all have been told, or after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isAccepting = false;
    for (const abort of this.#open) abort.abort();
    if (this.#limit.open === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const late = setTimeout(() => this.#onEmpty?.(), graceMs);
    await empty;
    clearTimeout(late);
  }

  #enter(address: string): Release {
    if (!this.#isAccepting) throw busy("CLOSING", RETRY_AFTER.closing);
    if (!this.#rates.of(address).exchanges.take(1)) throw busy("RATE_LIMITED", RETRY_AFTER.rate);
    const leave = this.#limit.enter(address);
    if (leave === undefined) throw busy("RATE_LIMITED", RETRY_AFTER.places);
    return () => {
      leave();
      if (this.#limit.open === 0) this.#onEmpty?.();
    };
  }

  async #bytes(asked: Asked): Promise<Uint8Array> {
    const answer = await this.#onward.ask(asked).catch((cause: unknown) => {
      if (asked.signal?.aborted !== true) this.#isRelayThere = false;
      throw unreachable("the relay behind this door does not answer", cause);
    });
    const code = codeIn(answer);
    this.#isRelayThere = code !== undefined || (answer.status === 200 && answer.isBytes);
    if (code !== undefined) {
      const { retryAfter } = answer;
      throw new TumarError(code, "the relay's refusal", {
        details: retryAfter === undefined ? {} : { retryAfter },
      });
    }
    if (this.#isRelayThere) return answer.body;
    throw unreachable(`what answers in the relay's place (${answer.status}) is none`);
  }
}

/** The code that a relay gives as text when there is no channel (exchange-routes.ts). */
function codeIn({ status, body }: OnwardAnswer): ErrorCode | undefined {
  if (status === 200) return undefined;
  const text = Buffer.from(body).toString("latin1").trimEnd();
  const isCode = Object.hasOwn(ERRORS, text) && ERRORS[text as ErrorCode].status === status;
  return isCode ? (text as ErrorCode) : undefined;
}

function unreachable(what: string, cause?: unknown): TumarError {
  return new TumarError("RELAY_UNREACHABLE", what, { cause });
}

function busy(code: "CLOSING" | "RATE_LIMITED", retryAfter: number): TumarError {
  return new TumarError(code, "not taken now", { details: { retryAfter } });
}
