/** A relay of ours in plain words, for people. */

import type { OwnRelay, RelayStage } from "../core/types.ts";
import { localTime } from "./local-time.ts";

const STAGES: Readonly<Record<RelayStage, string>> = {
  joining: "being set up, nobody is told of it yet",
  live: "your inbox lives here",
  leaving: "left: nobody is told of it any more; emptied and deleted when it answers",
};

export function relayText(relay: OwnRelay): string {
  const { address, stage, doors, holds } = relay;
  const { contacts, spareGrants, pairs } = holds;
  const held = `mailbox, 3 records, ${pairs} one-time key pairs, ${contacts} contacts' grants, ${spareGrants} spare`;
  return [
    address,
    `    ${STAGES[stage]}`,
    `    ${reached(relay)}`,
    `    holds: ${held}`,
    ...doors.map((door) => `    door: ${door}`),
  ].join("\n");
}

function reached({ isUp, reachedAt, trying }: OwnRelay): string {
  if (isUp) return trying === "" || trying === "Connected" ? "connected" : `connected: ${trying}`;
  const since = reachedAt === null ? "never reached" : `not reached since ${localTime(reachedAt)}`;
  return trying === "" ? since : `${since}; ${trying}`;
}
