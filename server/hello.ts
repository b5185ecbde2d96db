/** The answer to `hello`: what this relay is and allows now. */

import { EMPTY } from "../shared/crypto/bytes.ts";
import type { Hello } from "../shared/wire/frames.ts";
import { ENVELOPE_BUCKETS, PROTOCOL_VERSION } from "../shared/wire/limits.ts";
import { hourOf } from "./clock.ts";
import type { FrameContext } from "./frame-context.ts";

export function answerHello(frame: Hello, { services, peer }: FrameContext): void {
  const { config, epochs, clock, pressure } = services;
  const puzzle = pressure.puzzle;
  peer.send({
    type: "hello.answer",
    requestId: frame.requestId,
    version: Math.min(frame.version, PROTOCOL_VERSION),
    epoch: epochs.current,
    hour: hourOf(clock()),
    lives: {
      mailboxDays: config.MAILBOX_DAYS,
      letterboxDays: config.LETTERBOX_DAYS,
      recordDays: config.RECORD_DAYS,
    },
    window: config.WINDOW,
    framesPerSecond: config.FRAMES_PER_SECOND,
    envelopeBuckets: ENVELOPE_BUCKETS,
    puzzleSeed: puzzle?.seed ?? EMPTY,
    puzzleBits: puzzle?.bits ?? 0,
    blobs: {
      maxBlobBytes: config.BLOB_MAX_BYTES,
      blobDays: Math.min(config.BLOB_DAYS, config.MAILBOX_DAYS),
    },
  });
}
