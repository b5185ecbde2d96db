/**
 * One person's line as it is now: how long a packet takes over it. Its rate is shared by all its
 * connections, in the order their packets come to it.
 */

import type { Chance } from "./chance.ts";
import type { Outages } from "./outages.ts";
import type { Profile } from "./profiles.ts";

export type Direction = "up" | "down";

/** What fits into one TCP packet of a common path; the unit of loss and of pacing. */
export const PACKET_BYTES = 1460;

/** Shortest wait before TCP repeats what was not acknowledged. */
const RETRANSMIT_MS = 200;

export interface Passage {
  /** When the other side has it. */
  readonly atMs: number;
  /** How often it was lost on the way. */
  readonly losses: number;
}

export class Line {
  readonly profile: Profile;
  readonly outages: Outages | undefined;
  readonly #freeAtMs: Record<Direction, number> = { up: 0, down: 0 };

  constructor(profile: Profile, outages: Outages | undefined) {
    this.profile = profile;
    this.outages = outages;
  }

  /** Nothing of this network takes time: bytes may go on at once. */
  get isStraight(): boolean {
    const { rate, rttMs, jitterMs, loss } = this.profile;
    const takesTime = rttMs > 0 || jitterMs > 0 || loss > 0 || this.outages?.kind === "holds";
    return rate === undefined && !takesTime;
  }

  /** A packet comes to the line at `nowMs`, and the line is busy with it for a time. */
  pass(direction: Direction, bytes: number, nowMs: number, chance: Chance): Passage {
    const { rttMs, jitterMs, loss } = this.profile;
    const sentMs = this.#sent(direction, bytes, nowMs);
    let delayMs = (rttMs + chance.between(-jitterMs, jitterMs)) / 2;
    let losses = 0;
    for (; chance.happens(loss); losses++) delayMs += (rttMs + RETRANSMIT_MS) * 2 ** losses;
    const atMs = sentMs + delayMs;
    return { atMs: this.#upFrom(atMs), losses };
  }

  /** When the last bit of it has left. */
  #sent(direction: Direction, bytes: number, nowMs: number): number {
    const { rate } = this.profile;
    const startMs = this.#upFrom(Math.max(nowMs, this.#freeAtMs[direction]));
    if (rate === undefined) return startMs;
    const kbps = direction === "up" ? rate.upKbps : rate.downKbps;
    this.#freeAtMs[direction] = startMs + (bytes * 8) / kbps;
    return this.#freeAtMs[direction];
  }

  #upFrom(ms: number): number {
    return this.outages?.kind === "holds" ? this.outages.upFrom(ms) : ms;
  }
}
