/**
 * Time for the protocol: the hour that relays tell, never the device's own idea of the date while a
 * relay's is known. Minutes are that hour's first plus what has passed here since it was told.
 */

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Its minutes, with years of life added, are still 32 bits; a relay that tells more lies. */
const MAX_HOUR = 70_000_000;
const MAX_DATE_HOUR = 2_400_000_000;

export class CoreTime {
  readonly #relayHour: () => number | undefined;
  readonly #nowMs: () => number;
  #heard: { readonly hour: number; readonly atMs: number } | undefined;

  /** `relayHour` is what relays tell; `nowMs` the device's clock, in milliseconds since 1970. */
  constructor(relayHour: () => number | undefined, nowMs: () => number) {
    this.#relayHour = relayHour;
    this.#nowMs = nowMs;
  }

  /** Milliseconds since 1970 by the device's clock: for waiting and arrival, not for the protocol. */
  nowMs(): number {
    return this.#nowMs();
  }

  /** Hours since 1970. Before any relay was ever heard, by the device's clock. */
  hour(): number {
    return Math.min(MAX_HOUR, this.#relayHour() ?? Math.floor(this.#nowMs() / HOUR_MS));
  }

  day(): number {
    return Math.floor(this.hour() / 24);
  }

  minute(): number {
    const hour = this.hour();
    if (this.#heard?.hour !== hour) this.#heard = { hour, atMs: this.#nowMs() };
    const passed = Math.floor((this.#nowMs() - this.#heard.atMs) / MINUTE_MS);
    return hour * 60 + Math.max(0, Math.min(59, passed));
  }
}

/** An hour beyond what a Date can hold, which only a lie can be, is its last. */
export function hourToMs(hour: number): number {
  return Math.min(hour, MAX_DATE_HOUR) * HOUR_MS;
}
