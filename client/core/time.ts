/**
 * Time for the protocol: the hour that relays tell, never the device's own idea of the date while a
 * relay's is known. Minutes are that hour's first plus what has passed here since it was told.
 */

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

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
    return this.#relayHour() ?? Math.floor(this.#nowMs() / HOUR_MS);
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

export function hourToMs(hour: number): number {
  return hour * HOUR_MS;
}
