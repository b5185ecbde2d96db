/**
 * What the end of a connection says about the network: whether another kind of connection could do
 * better, or none can.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "./clock.ts";
import type { TransportKind } from "./connection.ts";

export interface ConnectionFailure {
  readonly kind: TransportKind;
  readonly error: TumarError;
  /** Of the relay's messages, over the whole life of the connection. */
  readonly receivedBytes: number;
  /** From the attempt until the end. */
  readonly livedMs: number;
  /** Another connection to the relay opened while this one was silent. */
  readonly isRescued?: boolean;
}

/**
 * - *none*: nothing; the relay or this program ended it in good order
 * - *unreached*: no connection of any kind gets that far
 * - *refused*: something answers, and does not want this kind
 * - *frozen*: it went silent after as many bytes as networks let through that freeze connections
 * - *failed*: it did not work, for whatever reason
 */
export type Verdict = "none" | "unreached" | "refused" | "frozen" | "failed";

/**
 * The curtain seen in the field falls after 15 to 20 KB of what a server sends. Of that we see only the
 * channel's messages, and a connection may stand for several over HTTP: hence the wide bounds.
 */
export const CURTAIN_MIN_BYTES: number = 8 * 1024;
export const CURTAIN_MAX_BYTES: number = 40 * 1024;

/** Node's words for: no route, no name. A browser does not tell. */
const NO_NETWORK = /^(?:ENETUNREACH|EHOSTUNREACH|ENETDOWN|EADDRNOTAVAIL|EAI_AGAIN|ENOTFOUND)$/;
const NOBODY_LISTENS = "ECONNREFUSED";

export function verdictOn(failure: ConnectionFailure): Verdict {
  const { error } = failure;
  switch (error.code) {
    case "CLOSING":
    case "LINK_CLOSED":
    case "RATE_LIMITED":
      return "none";
    case "CAPTIVE_PORTAL":
      return "refused";
    case "NOT_A_RELAY":
      return statusOf(error) === undefined ? "failed" : "refused";
    default:
      if (isOffline(error) || causeOf(error) === NOBODY_LISTENS) return "unreached";
      if (statusOf(error) === 429) return "none";
      return isFrozen(failure) ? "frozen" : "failed";
  }
}

/** The device has no network, or none that leads out. */
export function isOffline(error: TumarError): boolean {
  return NO_NETWORK.test(causeOf(error));
}

/** The connection was up, and nothing came over it any more (`fellSilent`). */
export function isSilence({ details }: TumarError): boolean {
  return "silentMs" in details;
}

/** After this many bytes, silence is likely a network that freezes connections. */
export function isInCurtain(receivedBytes: number): boolean {
  return receivedBytes >= CURTAIN_MIN_BYTES && receivedBytes <= CURTAIN_MAX_BYTES;
}

/**
 * Failures that follow on each other, for each channel: the attempt began within `windowMs` of the last
 * one, and the connection lived less long or died in silence.
 */
export class FailuresInRow {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #rows = new Map<object, { readonly count: number; readonly lastAt: number }>();

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** How many there are now. */
  add(channel: object, { error, livedMs }: ConnectionFailure): number {
    const now = this.#clock.now();
    const hadWorked = livedMs >= this.#windowMs && !isSilence(error);
    const last = this.#rows.get(channel);
    this.#rows.delete(channel);
    if (hadWorked) return 0;
    const isInRow = last !== undefined && now - livedMs - last.lastAt < this.#windowMs;
    const count = isInRow ? last.count + 1 : 1;
    this.#rows.set(channel, { count, lastAt: now });
    return count;
  }

  clear(): void {
    this.#rows.clear();
  }
}

function isFrozen({ error, receivedBytes }: ConnectionFailure): boolean {
  return isSilence(error) && isInCurtain(receivedBytes);
}

function statusOf(error: TumarError): number | undefined {
  const { status } = error.details;
  return typeof status === "number" ? status : undefined;
}

function causeOf({ cause }: TumarError): string {
  const isCoded = cause instanceof Error && "code" in cause && typeof cause.code === "string";
  return isCoded ? String(cause.code) : "";
}
