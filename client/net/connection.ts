/**
 * What carries one channel link for a while: a WebSocket, or exchanges over HTTP that together pass
 * for a connection. It is opened by being made, takes what is to be sent, and ends once, with a
 * reason; it is never used again. Made by connections.ts.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { HelloAnswer } from "../../shared/wire/frames.ts";
import type { Outgoing } from "./outgoing.ts";

/** From the fastest to the one that gets through most: docs/ARCHITECTURE.md, client/net. */
export const TRANSPORT_KINDS = ["websocket", "exchange", "thrifty"] as const;
export type TransportKind = (typeof TRANSPORT_KINDS)[number];

export interface ConnectionEvents {
  /** The relay has the key its address names, and answers. */
  onOpen(): void;
  onHello(hello: HelloAnswer): void;
  /** Something waits for its answer and nothing was heard for `doubtMs`: the connection may be dead. */
  onDoubt(): void;
  /** Once. `unsent` never left; everything sent and unanswered was told. */
  onClosed(error: TumarError, unsent: readonly Outgoing[]): void;
}

export interface Connection {
  readonly isOpen: boolean;
  /** True when nothing waits to be sent or answered; subscriptions do not count. */
  readonly isQuiet: boolean;
  /** True from `onDoubt` until a byte comes. */
  readonly isDoubtful: boolean;
  /** Bytes of the relay's messages so far: tells a connection that was frozen from one that is dead. */
  readonly receivedBytes: number;
  /** Call before it is closed only. */
  submit(outgoing: Outgoing): void;
  /** Asks for a sign of life, and ends the connection when none comes soon. */
  probe(): void;
  /** Ends it, silently towards the relay. Idempotent. */
  fail(error: TumarError): void;
}
