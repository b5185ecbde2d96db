/** What the choice of transport is made by and remembers. Where the numbers come from: docs/adr/0013. */

import type { Clock } from "./clock.ts";
import type { TransportKind } from "./connection.ts";

export interface ChoiceNumbers {
  /** So many failures in a row of one kind on one channel lead to the next lower kind. */
  readonly failures: number;
  /** In a row: the attempt began so soon after the last failure, and the connection lived less long. */
  readonly windowMs: number;
  /** The first connection in an unknown network has this long before the next kind is tried beside it. */
  readonly unknownMs: number;
  /** Any other one. */
  readonly knownMs: number;
  /** Until a higher kind that was refused, or froze, is tried again. */
  readonly probeMs: number;
  /** Until one that merely failed or was slower is tried again; doubles up to `probeMs`. */
  readonly softProbeMs: number;
  /** The same after no kind had worked: then the network was away, and all may work again. */
  readonly quickProbeMs: number;
  /** Silence is a curtain, and not a network gone, when thrifty works so soon after it. */
  readonly aliveMs: number;
}

export const DEFAULT_CHOICE: ChoiceNumbers = {
  failures: 2,
  windowMs: 60_000,
  unknownMs: 2_500,
  knownMs: 8_000,
  probeMs: 1_800_000,
  softProbeMs: 60_000,
  quickProbeMs: 5_000,
  aliveMs: 15_000,
};

/** Why a kind below the top is used. */
export const LOWERED_BY = ["slower", "failed", "refused", "frozen"] as const;
export type LoweredBy = (typeof LOWERED_BY)[number];

/** What is remembered of one relay in one network. */
export interface Remembered {
  readonly kind: TransportKind;
  /** Without meaning for the top kind. */
  readonly loweredBy: LoweredBy;
  /** How long ago it was learned. */
  readonly ageMs: number;
}

export interface ChoiceOptions {
  readonly clock: Clock;
  /** The only kind used. */
  readonly forced?: TransportKind | undefined;
  readonly numbers?: Partial<ChoiceNumbers>;
  recall(): Remembered | undefined;
  keep(remembered: Omit<Remembered, "ageMs">): void;
}

export interface Plan {
  readonly kind: TransportKind;
  /** Tried beside it when that is not open after `besideMs`; the first that opens is used. */
  readonly beside: TransportKind | undefined;
  readonly besideMs: number;
}
