/**
 * The peer of the upload bench: `@tus/server` with its file store, as its page says, on loopback.
 * `node tus-server.mjs DIRECTORY`; prints {"address": ...} when it listens.
 */

import { once } from "node:events";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const server = new Server({
  path: "/files",
  datastore: new FileStore({ directory: process.argv[2] }),
});
const http = server.listen({ host: "127.0.0.1", port: 0 });
await once(http, "listening");
console.log(JSON.stringify({ address: `http://127.0.0.1:${http.address().port}/files` }));
