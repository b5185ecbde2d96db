/** Frames of a sender channel: nobody proves anything; what they name is the permission. */

import type { Deposit, PrekeysTake, RecordGet, TakenPair } from "../shared/wire/frames.ts";
import { depositHash, envelopeId } from "../shared/wire/ids.ts";
import { MAX_PAIRS_PER_FRAME, MAX_SLICE_BYTES } from "../shared/wire/limits.ts";
import { PAIR_HEAD_BYTES, PAIRS_HEAD_BYTES, RECORD_HEAD_BYTES } from "../shared/wire/padding.ts";
import { encodeRecordParts, recordDigest } from "../shared/wire/record-parts.ts";
import { dayOfHour, hourOf } from "./clock.ts";
import type { FrameContext, FrameNamed, Handler } from "./frame-context.ts";
import type { RecordPart } from "./store/store.ts";
import { submit } from "./submit.ts";

function deposit(frame: Deposit, context: FrameContext): void {
  const { services, peer } = context;
  const { requestId, depositId, envelope, urgent, expiryDay, puzzleNonce } = frame;
  const hour = hourOf(services.clock());
  const id = envelopeId(envelope);
  const isPuzzleOwed = !services.pressure.admits(depositId, id, puzzleNonce);
  submit(
    context,
    requestId,
    {
      type: "deposit",
      depositHash: depositHash(depositId),
      envelopeId: id,
      envelope,
      urgent,
      isPuzzleOwed,
      expiryDay: expiryDay - 1,
      hour,
    },
    ({ mailbox, duplicate, receipt }) => {
      if (!duplicate) services.subscriptions.wake(mailbox);
      const { index, path, signature } = receipt;
      peer.send({ type: "receipt", requestId, hour, index, path, signature });
    },
  );
}

function getRecord({ requestId, recordId, offset }: RecordGet, context: FrameContext): void {
  const { services, peer } = context;
  services.store
    .record(recordId)
    .then((parts) => {
      if (parts === undefined) peer.refuse(requestId, "REFUSED");
      else sendRecord(context, requestId, parts, offset);
    })
    .catch((error: unknown) => peer.fail(requestId, error));
}

function sendRecord(
  { services, peer }: FrameContext,
  requestId: number,
  parts: readonly RecordPart[],
  offset: number,
): void {
  const encoding = encodeRecordParts(
    parts.map(({ writer, version, part }) => ({ writer, version, bytes: part })),
  );
  const sliceBytes = Math.min(peer.roomFor(requestId) - RECORD_HEAD_BYTES, MAX_SLICE_BYTES);
  peer.send({
    type: "record",
    requestId,
    digest: recordDigest(encoding),
    hour: hourOf(services.clock()),
    offset,
    total: encoding.length,
    bytes: encoding.subarray(offset, offset + sliceBytes),
  });
}

function takePrekeys(
  { requestId, recordId, token, first }: PrekeysTake,
  context: FrameContext,
): void {
  const { services, peer } = context;
  const day = dayOfHour(hourOf(services.clock()));
  submit(context, requestId, { type: "takePrekeys", recordId, token, day }, (taken) => {
    const pairs = fitting(taken.slice(first), peer.roomFor(requestId) - PAIRS_HEAD_BYTES);
    peer.send({ type: "pairs", requestId, total: taken.length, pairs });
  });
}

function fitting(pairs: readonly TakenPair[], room: number): TakenPair[] {
  const kept: TakenPair[] = [];
  let left = room;
  for (const { writer, sealed } of pairs.slice(0, MAX_PAIRS_PER_FRAME)) {
    left -= sealed.length + PAIR_HEAD_BYTES;
    if (left < 0) break;
    kept.push({ writer, sealed });
  }
  return kept;
}

type SenderHandlers = {
  readonly [Type in "deposit" | "record.get" | "prekeys.take"]: Handler<FrameNamed<Type>>;
};

export const SENDER_HANDLERS: SenderHandlers = {
  deposit,
  "record.get": getRecord,
  "prekeys.take": takePrekeys,
};
