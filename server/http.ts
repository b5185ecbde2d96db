/**
 * What the relay answers over plain HTTP: an ordinary page, its channel key, and whether it is well.
 *
 * Nothing here takes a parameter, sets a cookie or is logged. The WebSocket upgrade is in sockets.ts.
 */

import Fastify, { type FastifyInstance } from "fastify";
import { PAGE } from "./page.ts";

export interface HttpParts {
  /** Bytes of the announcement, fresh for each request. */
  readonly announcement: () => Uint8Array;
  /** False while draining or when the last commit failed. */
  readonly isReady: () => boolean;
}

/** Nothing of ours has a body: an exchange has its own limit. */
const BODY_LIMIT = 1024;
const REQUEST_TIMEOUT_MS = 10_000;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

export function buildHttp({ announcement, isReady }: HttpParts): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
  });
  app.addHook("onSend", async (_request, reply) => {
    reply.headers(HEADERS);
  });
  app.get("/", async (_request, reply) => reply.type("text/html; charset=utf-8").send(PAGE));
  app.get("/v1/channel-key", async (_request, reply) => {
    reply.header("access-control-allow-origin", "*");
    return reply.type("application/octet-stream").send(Buffer.from(announcement()));
  });
  app.get("/healthz", async (_request, reply) => reply.type("text/plain").send("ok\n"));
  app.get("/readyz", async (_request, reply) => {
    const isOk = isReady();
    return reply
      .code(isOk ? 200 : 503)
      .type("text/plain")
      .send(isOk ? "ready\n" : "not ready\n");
  });
  app.setNotFoundHandler(async (_request, reply) =>
    reply.code(404).type("text/plain").send("Not found\n"),
  );
  app.setErrorHandler(async (error: { readonly statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    return reply
      .code(status)
      .type("text/plain")
      .send(status < 500 ? "Bad request\n" : "Error\n");
  });
  return app;
}
