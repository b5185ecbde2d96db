/**
 * Which relays answer and which grants they take, as far as this process has seen: kept in memory only.
 * A message goes straight to a place that is good; a relay that was silent is asked now and then
 * whether it is back, with a question that says nothing about anybody.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import type { GrantPlace } from "../../shared/e2ee/grant.ts";
import { formatRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Clock } from "../net/clock.ts";

const FIRST_PROBE_MS = 30_000;
const LAST_PROBE_MS = 600_000;
/** A grant that was refused may be asked of again then: a quota is over, a mailbox has room. */
const REFUSAL_MS = 600_000;

interface Silence {
  readonly waitMs: number;
  readonly probeAtMs: number;
}

export class RelayHealth {
  readonly #clock: Clock;
  readonly #probe: (address: string) => Promise<boolean>;
  readonly #silent = new Map<string, Silence>();
  readonly #answeredAtMs = new Map<string, number>();
  readonly #refusedAtMs = new Map<string, number>();

  /** `probe` asks a relay anything at all and tells whether it answered; it never rejects. */
  constructor(clock: Clock, probe: (address: string) => Promise<boolean>) {
    this.#clock = clock;
    this.#probe = probe;
  }

  answered(address: string): void {
    this.#silent.delete(address);
    this.#answeredAtMs.set(address, this.#clock.now());
  }

  /** Many envelopes may find it silent at once; that counts as one. */
  silent(address: string): void {
    const known = this.#silent.get(address);
    const nowMs = this.#clock.now();
    if (known !== undefined && nowMs < known.probeAtMs) return;
    const waitMs = known === undefined ? FIRST_PROBE_MS : Math.min(LAST_PROBE_MS, 2 * known.waitMs);
    this.#silent.set(address, { waitMs, probeAtMs: nowMs + waitMs });
  }

  refused(depositId: Uint8Array): void {
    this.#refusedAtMs.set(toHex(depositId), this.#clock.now());
  }

  isDown(address: string): boolean {
    return this.#silent.has(address);
  }

  /** When the relay answered last, on the clock of the client; undefined when it never did. */
  lastAnswerMs(address: string): number | undefined {
    return this.#answeredAtMs.get(address);
  }

  /** The same places: good ones first, then those that refused, then those whose relay is silent. */
  inOrder(places: readonly GrantPlace[]): readonly GrantPlace[] {
    return places
      .map((place, index) => ({ place, index, rank: this.#rank(place) }))
      .sort((a, b) => a.rank - b.rank || a.index - b.index)
      .map(({ place }) => place);
  }

  isGood(place: GrantPlace): boolean {
    return this.#rank(place) === 0;
  }

  #rank({ relay, depositId }: GrantPlace): number {
    const address = formatRelayAddress(relay);
    if (this.isDown(address)) {
      this.#probeIfDue(address);
      return 2;
    }
    const refusedAtMs = this.#refusedAtMs.get(toHex(depositId));
    return refusedAtMs !== undefined && this.#clock.now() - refusedAtMs < REFUSAL_MS ? 1 : 0;
  }

  #probeIfDue(address: string): void {
    const silence = this.#silent.get(address);
    if (silence === undefined || this.#clock.now() < silence.probeAtMs) return;
    this.silent(address);
    void this.#probe(address).then((isBack) => {
      if (isBack) this.answered(address);
    });
  }
}
