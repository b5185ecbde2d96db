/**
 * What a frame needs before a relay acts on it, read from the frame table: the kind of channel, a
 * channel that cannot be a replay, and a key proven in it. Pure: the relay keeps the facts.
 */

import { TumarError } from "../crypto/errors.ts";
import { type ChannelKind, CLIENT_FRAMES } from "./frame-table.ts";
import type { ClientFrame } from "./frames.ts";

export interface ChannelFacts {
  /** Undefined until the first frame that fixes it. */
  readonly kind: ChannelKind | undefined;
  /**
   * True after message 2, or in a message 1 whose epoch is the current or previous one and whose
   * ephemeral key was not seen in either: the frames were made for this channel just now.
   */
  readonly isFresh: boolean;
  readonly isProven: (publicKey: Uint8Array) => boolean;
}

/**
 * The kind of the channel from this frame on.
 * @throws TumarError WRONG_CHANNEL, RETRY, PROOF_REQUIRED
 */
export function admit(frame: ClientFrame, facts: ChannelFacts): ChannelKind | undefined {
  const { channel, needsEpoch } = CLIENT_FRAMES[frame.type];
  const kind = channel === "both" ? facts.kind : channel;
  if (facts.kind !== undefined && kind !== facts.kind) {
    throw new TumarError("WRONG_CHANNEL", `${frame.type} does not belong on this channel`);
  }
  if (needsEpoch && !facts.isFresh) {
    throw new TumarError("RETRY", `${frame.type} needs the current epoch`);
  }
  const key = keyToProve(frame);
  if (key !== undefined && !facts.isProven(key)) {
    throw new TumarError("PROOF_REQUIRED", `${frame.type} needs a proof`);
  }
  return kind;
}

/** The key that must have been proven for this frame; undefined when none. */
export function keyToProve(frame: ClientFrame): Uint8Array | undefined {
  const name: string | undefined = CLIENT_FRAMES[frame.type].provenField;
  if (name === undefined) return undefined;
  return (frame as unknown as Readonly<Record<string, Uint8Array>>)[name];
}
