/**
 * The life of a message of ours, as far as this device knows it:
 *
 *     written ──▶ stored ──▶ read
 *        └──▶ expired ──┘
 *
 * News comes in any order and more than once; a state never goes back by it. Only a reset makes a
 * stored message written again, because its reader has said that it could not be opened.
 */

import type { MessageBody } from "../../shared/e2ee/content.ts";
import type { Lane, OutgoingState } from "./types.ts";

/** What one can learn of a message that was written. */
export type News = Exclude<OutgoingState, "written">;

/** A later one is never left for an earlier one. */
const ORDER: readonly OutgoingState[] = ["written", "expired", "stored", "read"];

export function advance(state: OutgoingState, news: News): OutgoingState {
  return ORDER.indexOf(news) > ORDER.indexOf(state) ? news : state;
}

/** It goes out once more under its old id. Who has read it has read it. */
export function writtenAgain(state: OutgoingState): OutgoingState {
  return state === "read" ? "read" : "written";
}

/** In the order they leave. */
export const LANES: readonly Lane[] = ["urgent", "text", "chunk"];

export function laneOf(kind: MessageBody["kind"]): Lane {
  return kind === "alert" ? "urgent" : "text";
}
