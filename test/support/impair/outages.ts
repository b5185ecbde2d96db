/** When a line is down: a row of times without end, drawn from the seed as far as somebody looks. */

import type { Chance } from "./chance.ts";
import type { OutagePlan } from "./profiles.ts";

interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

export class Outages {
  readonly #plan: OutagePlan;
  readonly #chance: Chance;
  readonly #drawn: Outage[] = [];
  #endMs: number;

  /** `startMs`: when the profile began. */
  constructor(plan: OutagePlan, chance: Chance, startMs: number) {
    this.#plan = plan;
    this.#chance = chance;
    this.#endMs = startMs;
    if (plan.startsDown) this.#draw(0);
  }

  get kind(): OutagePlan["kind"] {
    return this.#plan.kind;
  }

  /** The first moment from `ms` on when the line is up. */
  upFrom(ms: number): number {
    return this.#until(ms).find(({ fromMs, toMs }) => fromMs <= ms && ms < toMs)?.toMs ?? ms;
  }

  /** Whether the line was down at any moment of these, both ends included. */
  wasDown(fromMs: number, toMs: number): boolean {
    return this.#until(toMs).some((outage) => outage.fromMs <= toMs && outage.toMs > fromMs);
  }

  #until(ms: number): readonly Outage[] {
    while (this.#endMs <= ms) this.#draw(this.#chance.between(...this.#plan.upMs));
    return this.#drawn;
  }

  #draw(upMs: number): void {
    const fromMs = this.#endMs + upMs;
    this.#endMs = fromMs + this.#plan.downMs;
    this.#drawn.push({ fromMs, toMs: this.#endMs });
  }
}
