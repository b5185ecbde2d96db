/** Which media changed, each named once for any number of changes before it was taken from here. */

import { toBase32 } from "../../shared/crypto/bytes.ts";
import type { Client } from "../core/client.ts";

/** Ids, until `signal` aborts. */
export async function* changedMedia(
  client: Client,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const changed = new Map<string, Uint8Array>();
  let wake = (): void => undefined;
  const stop = client.on((event) => {
    if (event.type !== "media") return;
    changed.set(toBase32(event.id), event.id);
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort);
  try {
    while (!signal.aborted) {
      for (const [key, id] of changed) {
        changed.delete(key);
        yield id;
      }
      if (changed.size > 0 || signal.aborted) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}
