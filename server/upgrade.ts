/** The one path where WebSockets are taken, by a relay and by a door. */

import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { MAX_CHANNEL_MESSAGE_BYTES } from "../shared/wire/limits.ts";

export const WEBSOCKET_PATH = "/v1/ws";

/** A larger message closes the socket with 1009; no compression, which would tell lengths. */
export function upgradeServer(): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_CHANNEL_MESSAGE_BYTES,
    clientTracking: false,
  });
}

/** Answers and lets go of the connection, whatever the other side does. */
export function refuseUpgrade(stream: Duplex, status: string): void {
  stream.once("finish", () => stream.destroy());
  stream.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
