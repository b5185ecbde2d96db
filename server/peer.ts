/**
 * A WebSocket or an exchange as frame handlers and deliveries see it: where answers go, and how much
 * of them.
 */

import type { ErrorCode } from "../shared/crypto/errors.ts";
import type { RelayFrame, RequestId, Subscribe } from "../shared/wire/frames.ts";
import type { MailboxHandle } from "./store/store.ts";
import type { Subscriber } from "./subscriptions.ts";

export interface Peer {
  /** Queued, and sent with all else of this turn in as few channel messages as fit. */
  send(frame: RelayFrame): void;
  refuse(requestId: RequestId, code: ErrorCode, data?: Uint8Array): void;
  /** An error nobody foresaw, in answer to this request: logged, and refused as INTERNAL. */
  fail(requestId: RequestId, error: unknown): void;
  /** Largest encoded frame that may answer this request now. */
  roomFor(requestId: RequestId): number;
  /** The same for a slice of a blob, which may have a message of the largest size. */
  sliceRoomFor(requestId: RequestId): number;
  /** Counts bytes that wait for a disk, so that the peer is not read while they are too many. */
  hold(bytes: number): () => void;
  /** Resolves when the peer has read most of what it was sent, or is gone. */
  drained(): Promise<void>;
  /** Begins to hand out the mailbox in its own way. Does nothing once the peer is gone. */
  subscribe(handle: MailboxHandle, frame: Subscribe): void;
  /** Subscriptions of this peer that have not ended. */
  readonly deliveries: Map<MailboxHandle, Subscriber>;
}
