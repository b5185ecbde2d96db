/**
 * Takes the frames of a channel one by one and asks of each what the frame table says: the kind of
 * channel, freshness, and a proven key. Only then its handler sees it.
 *
 * The answer to a frame that is refused here depends on nothing that is stored.
 */

import { type ErrorCode, TumarError } from "../shared/crypto/errors.ts";
import type { FrameFault } from "../shared/wire/frame-codec.ts";
import type { ClientFrame } from "../shared/wire/frames.ts";
import { admit } from "../shared/wire/preconditions.ts";
import { BLOB_HANDLERS } from "./blob-frames.ts";
import {
  type ChannelState,
  type FrameContext,
  type FrameNamed,
  type Handler,
  provenName,
} from "./frame-context.ts";
import { answerHello } from "./hello.ts";
import { OWNER_HANDLERS } from "./owner-frames.ts";
import type { TokenBucket } from "./rate.ts";
import { SENDER_HANDLERS } from "./sender-frames.ts";

type Handlers = { readonly [Type in ClientFrame["type"]]: Handler<FrameNamed<Type>> };

const HANDLERS: Handlers = {
  hello: answerHello,
  ...OWNER_HANDLERS,
  ...SENDER_HANDLERS,
  ...BLOB_HANDLERS,
};

/**
 * What a frame counts in the rate of frames. Slices of blobs are held by the rate of bytes: as whole
 * frames they would hold a fast line to 10 MB/s.
 */
const SLICE_COST = 0.2;

function costOf({ type }: ClientFrame | FrameFault): number {
  return type === "blob.append" || type === "blob.get" ? SLICE_COST : 1;
}

/** In their order, as far as the rate of frames allows. */
export function dispatchAll(
  frames: readonly (ClientFrame | FrameFault)[],
  context: FrameContext,
  rate: TokenBucket,
): void {
  for (const frame of frames) {
    if (rate.take(costOf(frame))) dispatch(frame, context);
    else context.peer.refuse(frame.requestId, "RATE_LIMITED");
  }
}

function dispatch(frame: ClientFrame | FrameFault, context: FrameContext): void {
  const { peer, services } = context;
  if (frame.type === "fault") {
    peer.refuse(frame.requestId, frame.error.code);
    return;
  }
  services.metrics.frame(frame.type);
  const code = admitted(frame, context.state);
  if (code === "RETRY") peer.refuse(frame.requestId, code, services.epochs.current);
  else if (code !== undefined) peer.refuse(frame.requestId, code);
  else handlerOf(frame)(frame, context);
}

/** The code of the refusal; undefined when the frame may be handled. */
function admitted(frame: ClientFrame, state: ChannelState): ErrorCode | undefined {
  const { kind, isFresh, proven } = state;
  try {
    const isProven = (key: Uint8Array) => proven.has(provenName(key));
    state.kind = admit(frame, { kind, isFresh, isProven });
    return undefined;
  } catch (error) {
    if (error instanceof TumarError) return error.code;
    throw error;
  }
}

function handlerOf(frame: ClientFrame): Handler<ClientFrame> {
  return HANDLERS[frame.type] as Handler<ClientFrame>;
}
