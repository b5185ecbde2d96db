/**
 * The peer of the relay bench: a bare `ws` server that stores nothing, checks nothing and seals
 * nothing. What sender i sends goes to receiver i, and what receiver i sends goes back to sender i.
 * Prints {"address": ...} when it listens.
 */

import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
const ends = new Map();

/** `/sender/7` is across from `/receiver/7`. */
function across(path) {
  const [, side, number] = path.split("/");
  return `/${side === "sender" ? "receiver" : "sender"}/${number}`;
}

sockets.on("connection", (socket, request) => {
  const other = across(request.url);
  ends.set(request.url, socket);
  socket.on("message", (data) => ends.get(other)?.send(data));
  socket.on("error", () => socket.terminate());
});

http.listen(0, "127.0.0.1");
await once(http, "listening");
console.log(JSON.stringify({ address: `ws://127.0.0.1:${http.address().port}` }));
