/** Which connection belongs to which kind of transport. */

import type { Connection, ConnectionEvents, TransportKind } from "./connection.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { ExchangeConnection } from "./exchange-connection.ts";
import { EXCHANGE_TERMS } from "./exchange-terms.ts";
import { WebSocketConnection } from "./websocket-connection.ts";

/** Begins to connect. `events` are never told before it has returned. */
export type ConnectionFactory = (kind: TransportKind, events: ConnectionEvents) => Connection;

export function connectionFactory(context: ConnectionContext): ConnectionFactory {
  return (kind, events) =>
    kind === "websocket"
      ? new WebSocketConnection(context, events)
      : new ExchangeConnection(context, EXCHANGE_TERMS[kind], events);
}
