/** Frames of blobs, on a sender channel: nobody proves anything; what they name is the permission. */

import { u64 } from "../shared/crypto/bytes.ts";
import type {
  BlobAppend,
  BlobCreate,
  BlobGet,
  BlobHead,
  RequestId,
} from "../shared/wire/frames.ts";
import { blobIdOf, depositHash } from "../shared/wire/ids.ts";
import { BLOB_SLICE_HEAD_BYTES } from "../shared/wire/padding.ts";
import { encodePuzzle } from "../shared/wire/puzzle.ts";
import { hourOf } from "./clock.ts";
import type { FrameContext, FrameNamed, Handler } from "./frame-context.ts";
import type { Peer } from "./peer.ts";
import type { StoredBlob } from "./store/store.ts";

function createBlob(frame: BlobCreate, context: FrameContext): void {
  const { services, peer } = context;
  const { requestId, depositId, uploadId, expiryDay, claimedBytes, puzzleNonce } = frame;
  const blobId = blobIdOf(uploadId);
  const isPuzzleOwed = !services.pressure.admits(depositId, blobId, puzzleNonce);
  services.blobs
    .create({
      type: "createBlob",
      depositHash: depositHash(depositId),
      blobId,
      isPuzzleOwed,
      claimedBytes,
      expiryDay: expiryDay - 1,
      hour: hourOf(services.clock()),
    })
    .then((result) => {
      if (result.ok) sendState(context, requestId, result.value);
      else if (result.code !== "PUZZLE_REQUIRED") peer.refuse(requestId, result.code);
      else peer.refuse(requestId, result.code, encodePuzzle(services.pressure.required));
    })
    .catch((error: unknown) => peer.fail(requestId, error));
}

function appendBlob(frame: BlobAppend, context: FrameContext): void {
  const { services, peer } = context;
  const { requestId, depositId, uploadId, offset, isLast, bytes } = frame;
  const letGo = peer.hold(bytes.length);
  services.blobs
    .append(blobIdOf(uploadId), { depositHash: depositHash(depositId), offset, isLast, bytes })
    .then((outcome) => {
      if (outcome.ok) sendState(context, requestId, outcome.blob);
      else if (outcome.code !== "WRONG_OFFSET") peer.refuse(requestId, outcome.code);
      else peer.refuse(requestId, outcome.code, u64(outcome.storedBytes));
    })
    .catch((error: unknown) => peer.fail(requestId, error))
    .finally(letGo);
}

function headBlob({ requestId, blobId }: BlobHead, context: FrameContext): void {
  const { services, peer } = context;
  services.blobs
    .state(blobId)
    .then((blob) => {
      if (blob === undefined) peer.refuse(requestId, "REFUSED");
      else sendState(context, requestId, blob);
    })
    .catch((error: unknown) => peer.fail(requestId, error));
}

/** One after the other for each peer, and none while it does not read what it was sent. */
function getBlob(frame: BlobGet, context: FrameContext): void {
  const { peer } = context;
  const before = readers.get(peer) ?? Promise.resolve();
  const reading = before
    .then(() => peer.drained())
    .then(() => sendSlice(frame, context))
    .catch((error: unknown) => peer.fail(frame.requestId, error));
  readers.set(peer, reading);
}

/** The last read of each peer. */
const readers = new WeakMap<Peer, Promise<void>>();

async function sendSlice(frame: BlobGet, { services, peer }: FrameContext): Promise<void> {
  const { requestId, blobId, offset, length } = frame;
  const blob = await services.blobs.state(blobId);
  if (blob === undefined) {
    peer.refuse(requestId, "REFUSED");
    return;
  }
  const room = () => Math.max(0, peer.sliceRoomFor(requestId) - BLOB_SLICE_HEAD_BYTES);
  const read = await services.blobs.read(blob, offset, Math.min(length, room()));
  if (read === undefined) {
    peer.refuse(requestId, "REFUSED");
    return;
  }
  // what was answered meanwhile may have taken of it
  const bytes = read.subarray(0, room());
  services.metrics.blobRead(bytes.length);
  const { storedBytes, isComplete } = blob;
  const quietSeconds = services.blobs.quietSeconds(blob);
  peer.send({
    type: "blob.slice",
    requestId,
    offset,
    storedBytes,
    isComplete,
    quietSeconds,
    bytes,
  });
}

function sendState({ services, peer }: FrameContext, requestId: RequestId, blob: StoredBlob): void {
  const { storedBytes, isComplete } = blob;
  const quietSeconds = services.blobs.quietSeconds(blob);
  peer.send({ type: "blob.state", requestId, storedBytes, isComplete, quietSeconds });
}

type BlobHandlers = {
  readonly [Type in "blob.create" | "blob.append" | "blob.head" | "blob.get"]: Handler<
    FrameNamed<Type>
  >;
};

export const BLOB_HANDLERS: BlobHandlers = {
  "blob.create": createBlob,
  "blob.append": appendBlob,
  "blob.head": headBlob,
  "blob.get": getBlob,
};
