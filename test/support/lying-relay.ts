/** A relay in this process whose store a test can make lie, and whose clock a test can turn. */

import { join } from "node:path";
import { DEFAULT_STORE_LIMITS, type StoreLimits } from "../../server/store/limits.ts";
import { openSqliteStore } from "../../server/store/sqlite/sqlite-engine.ts";
import { LyingStore } from "./lying-store.ts";
import { type Person, person } from "./people.ts";
import { type Cleanup, relayInProcess, type TestRelay, temporaryDirectory } from "./relay.ts";
import { hurriedClock } from "./stories.ts";

export interface LyingRelay {
  readonly relay: TestRelay;
  readonly store: LyingStore;
}

export interface LyingRelayOptions {
  /** Of an earlier relay, to go on where it stopped. */
  readonly directory?: string;
  readonly port?: number;
  /** Milliseconds since 1970; the system's clock when not given. */
  readonly clock?: () => number;
  readonly limits?: Partial<StoreLimits>;
  /** A disk of so many pages of 4 KiB. */
  readonly maxPages?: number;
}

/** One key for every store, so that a directory can be opened again. */
const STORE_KEY = new Uint8Array(32).fill(7);

export async function lyingRelay(
  test: Cleanup,
  { directory: given, port = 0, clock, limits, maxPages }: LyingRelayOptions = {},
): Promise<LyingRelay> {
  const directory = given ?? (await temporaryDirectory(test));
  const engine = openSqliteStore({
    file: join(directory, "story.sqlite"),
    key: STORE_KEY,
    limits: { ...DEFAULT_STORE_LIMITS, ...limits },
    ...(maxPages === undefined ? {} : { maxPages }),
  });
  const store = new LyingStore(engine);
  const options = clock === undefined ? { store } : { store, clock };
  const relay = await relayInProcess(test, { DATA: directory, PORT: port }, options);
  return { relay, store };
}

export interface LyingScene extends LyingRelay {
  readonly aigul: Person;
  readonly bek: Person;
  /** Moves the clocks of both people and the relay. */
  turnClock(ms: number): void;
  /** Another one on the same clock. */
  newcomer(): Promise<Person>;
}

/** Two people on it, not yet acquainted, whose clients retry in a hurry. */
export async function lyingScene(t: Cleanup): Promise<LyingScene> {
  let aheadMs = 0;
  const now = () => Date.now() + aheadMs;
  const lying = await lyingRelay(t, { clock: now });
  const given = { now, clock: hurriedClock };
  const aigul = await person(t, lying.relay.address, given);
  const bek = await person(t, lying.relay.address, given);
  return {
    ...lying,
    aigul,
    bek,
    newcomer: () => person(t, lying.relay.address, given),
    turnClock: (ms) => {
      aheadMs += ms;
    },
  };
}
