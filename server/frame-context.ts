/** What a frame handler is given: the relay, the connection, and what its channel has shown. */

import type { ChannelKind } from "../shared/wire/frame-table.ts";
import type { ClientFrame } from "../shared/wire/frames.ts";
import type { Peer } from "./peer.ts";
import type { Services } from "./services.ts";

/** What a channel has shown of itself so far; dispatch and `prove` move it on. */
export interface ChannelState {
  kind: ChannelKind | undefined;
  /** False while frames may be those of a replayed first message. */
  isFresh: boolean;
  /** What a proof signs now: h of message 1, later the handshake hash. */
  proofHash: Uint8Array;
  /** Keys proven, as `provenName` gives them. */
  readonly proven: Set<string>;
}

export interface FrameContext {
  readonly services: Services;
  readonly peer: Peer;
  readonly state: ChannelState;
}

export type Handler<F> = (frame: F, context: FrameContext) => void;

export type FrameNamed<Type extends ClientFrame["type"]> = Extract<ClientFrame, { type: Type }>;

/** A key as the set of proven keys holds it. */
export function provenName(publicKey: Uint8Array): string {
  return Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString("latin1");
}
