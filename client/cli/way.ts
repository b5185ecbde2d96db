/** How the relay is reached while a command works, told on stderr when that is not the plain way. */

import type { Client } from "../core/client.ts";
import type { Invocation } from "./invocation.ts";

/** Once for each change, not for each try. The result stops it. */
export function tellWay(invocation: Invocation, client: Client): () => void {
  let told = keyOf(true, "none", "");
  return client.on((event) => {
    if (event.type !== "connection") return;
    const { isUp, trying, situation } = event;
    const now = keyOf(isUp, situation.hindrance, situation.door);
    if (now === told) return;
    const wasUp = told.startsWith("true");
    told = now;
    if (!isUp) invocation.warn("RELAY_UNREACHABLE", `the relay is not reached: ${trying}`);
    else if (!wasUp) invocation.remark(`The relay is reached again: ${trying}.`);
    else invocation.remark(`${trying}.`);
  });
}

function keyOf(isUp: boolean, hindrance: string, door: string): string {
  return `${isUp} ${hindrance} ${door}`;
}
