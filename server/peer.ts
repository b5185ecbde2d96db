/** A connection as frame handlers and deliveries see it: where answers go, and whether they may. */

import type { ErrorCode } from "../shared/crypto/errors.ts";
import type { RelayFrame, RequestId } from "../shared/wire/frames.ts";
import type { Delivery } from "./delivery.ts";
import type { MailboxHandle } from "./store/store.ts";

export interface Peer {
  /** Queued, and sent with all else of this turn in as few channel messages as fit. */
  send(frame: RelayFrame): void;
  refuse(requestId: RequestId, code: ErrorCode, data?: Uint8Array): void;
  /** An error nobody foresaw, in answer to this request: logged, and refused as INTERNAL. */
  fail(requestId: RequestId, error: unknown): void;
  /** True while so much is unsent that nothing should be added unasked. */
  readonly isCongested: boolean;
  /** False once the connection is gone or going. */
  readonly isOpen: boolean;
  /** Largest encoded frame that one message to this peer carries. */
  readonly maxFrameBytes: number;
  /** Messages to this peer are from now on of at most this bucket. */
  limitMessages(bucket: number): void;
  /** Subscriptions of this connection that have not ended. */
  readonly deliveries: Map<MailboxHandle, Delivery>;
}
