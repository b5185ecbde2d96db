/**
 * Exchanges through a door: a place for each within the limits, the bytes to the relay and its answer
 * back, unread. The relay's refusals before a channel pass by their code; anything else it answers
 * is RELAY_UNREACHABLE.
 */

import { ERRORS, type ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import type { Release } from "../address-limit.ts";
import type { AddressNames } from "../address-names.ts";
import type { Clock } from "../clock.ts";
import type { SettingValues } from "../config-table.ts";
import type { ExchangePath } from "../exchange-paths.ts";
import { type ExchangePlace, ExchangePlaces } from "../exchange-places.ts";
import type { ExchangeTaker } from "../exchange-routes.ts";
import { CHANNEL_KEY_PATH } from "../http-base.ts";
import type { Asked, Onward, OnwardAnswer } from "./onward.ts";

export interface DoorPlace extends ExchangePlace {
  readonly path: ExchangePath;
}

/** An announcement has 158 bytes. */
const MAX_ANNOUNCEMENT_BYTES = 1024;
/** A held exchange waits 25 s at the relay. */
const EXCHANGE_TIMEOUT_MS = 60_000;
const CHANNEL_KEY_TIMEOUT_MS = 10_000;

export class Forwarder implements ExchangeTaker<DoorPlace> {
  readonly #onward: Onward;
  readonly #places: ExchangePlaces;
  readonly #open = new Set<AbortController>();
  #isRelayThere = true;

  constructor(onward: Onward, config: SettingValues, names: AddressNames, timer: Clock) {
    this.#onward = onward;
    this.#places = new ExchangePlaces(config, names, timer);
  }

  /** False while closing, and while the relay does not answer. */
  get isWell(): boolean {
    return this.#places.isAccepting && this.#isRelayThere;
  }

  /** @throws TumarError CLOSING, RATE_LIMITED, with `retryAfter` seconds in its details */
  enter(path: ExchangePath, address: string): DoorPlace {
    return { path, ...this.#places.enter(address) };
  }

  /** The relay behind it waits. */
  async room(): Promise<Release> {
    return () => undefined;
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
      if (!this.#places.isAccepting) throw this.#places.closing();
      if (abort.signal.aborted) return undefined;
      throw error;
    } finally {
      this.#open.delete(abort);
    }
  }

  /** The relay's announcement. @throws TumarError as `enter`, RELAY_UNREACHABLE */
  async channelKey(address: string): Promise<Uint8Array> {
    const { release } = this.#places.enter(address);
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
    this.#places.stopAccepting();
    for (const abort of this.#open) abort.abort();
    await this.#places.emptied(graceMs);
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
