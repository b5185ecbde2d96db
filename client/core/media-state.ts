/**
 * The life of media of others, as far as this device knows it:
 *
 *     arriving ──▶ complete            all of it is at the relay, or here
 *         │ ▲
 *         ▼ │                          quiet for 10 minutes by the relay's clock; it may go on
 *      cut-off                         all there will be is there, and its sender says it broke off
 *
 * Pure; which state it is follows from what is known, whatever was known before.
 */

import type { BlobState } from "../net/blob-download.ts";
import type { MediaState } from "./types.ts";

/** What is known of one blob. */
export interface PartKnowledge {
  /** In the end, by the sender's word; 0 = not known yet. */
  readonly sealedBytes: number;
  /** The sender says that what it recorded ended too early. */
  readonly isCutOff: boolean;
  /** At the relay, as it said last. */
  readonly storedBytes: number;
  /** It did not grow for `QUIET_SECONDS` when the relay was asked last. */
  readonly isQuiet: boolean;
  /** Here, and opened. */
  readonly fetchedBytes: number;
}

export const QUIET_SECONDS = 600;

export function mediaState(part: PartKnowledge): MediaState {
  const { sealedBytes, isCutOff, isQuiet } = part;
  if (sealedBytes > 0 && presentBytes(part) >= sealedBytes)
    return isCutOff ? "cut-off" : "complete";
  return isQuiet ? "cut-off" : "arriving";
}

/** How much of it there is anywhere that this device can reach. */
export function presentBytes({ storedBytes, fetchedBytes }: PartKnowledge): number {
  return Math.max(storedBytes, fetchedBytes);
}

/** Whole; 100 only when nothing is missing. Null while its size is not known. */
export function mediaPercent(part: PartKnowledge): number | null {
  const { sealedBytes } = part;
  if (sealedBytes === 0) return null;
  return Math.floor((100 * Math.min(sealedBytes, presentBytes(part))) / sealedBytes);
}

/**
 * What a relay said last is what counts, also when it said more before: then it claimed what it has not,
 * or lost it. Of two answers that overtook each other the next one tells.
 */
export function learn(said: BlobState): Pick<PartKnowledge, "storedBytes" | "isQuiet"> {
  return {
    storedBytes: said.storedBytes,
    isQuiet: !said.isComplete && said.quietSeconds >= QUIET_SECONDS,
  };
}
