/** Doors for tests, in this process; closed when the test ends. */

import type { SettingValues } from "../../server/config-table.ts";
import { type Door, startDoor } from "../../server/door/door.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";

export interface TestDoor extends Door {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  readonly log: readonly string[];
}

export async function doorInProcess(
  test: Cleanup,
  relay: string,
  config: Partial<SettingValues> = {},
): Promise<TestDoor> {
  const log: string[] = [];
  const door = await startDoor({
    config: { PORT: 0, LOG_LEVEL: "debug", ...config, DOOR: relay },
    log: { write: (line) => log.push(line) },
  });
  atEnd(test, () => door.close());
  return { ...door, origin: `http://127.0.0.1:${door.port}`, log };
}
