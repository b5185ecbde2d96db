/**
 * What the relay answers over plain HTTP: an ordinary page, its channel key, exchanges
 * (exchange-routes.ts), and whether it is well.
 *
 * Nothing here takes a parameter, sets a cookie or is logged. The WebSocket upgrade is in sockets.ts.
 */

import Fastify, { type FastifyInstance } from "fastify";
import { addExchangeRoutes } from "./exchange-routes.ts";
import type { Exchanges } from "./exchanges.ts";
import { PAGE } from "./page.ts";

export interface HttpParts {
  /** Bytes of the announcement, fresh for each request. */
  readonly announcement: () => Uint8Array;
  /** False while draining or when the last commit failed. */
  readonly isReady: () => boolean;
  readonly exchanges: Exchanges;
  /** Own proxies in front. */
  readonly proxyHops: number;
}

/** Nothing else has a body: an exchange has its own limit. */
const BODY_LIMIT = 1024;
/** A head is a few hundred bytes: one round trip, and one gap of a bad network. */
const HEADERS_TIMEOUT_MS = 30_000;
/** 16,896 bytes at 20 kbit/s take 7 s, and a bad network has gaps of 30 s. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Without a byte either way; a held exchange is silent for 25 s. */
const SILENCE_TIMEOUT_MS = 60_000;
/** Between two exchanges: longer than nginx keeps its own side (60 s), so that it is the one that closes. */
const KEEP_ALIVE_MS = 72_000;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

export function buildHttp(parts: HttpParts): FastifyInstance {
  const { announcement, isReady, exchanges, proxyHops } = parts;
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: SILENCE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
  });
  app.server.headersTimeout = HEADERS_TIMEOUT_MS;
  addExchangeRoutes(app, exchanges, proxyHops);
  app.register(async (scope) => addPages(scope, announcement, isReady));
  app.setNotFoundHandler(async (_request, reply) =>
    reply.headers(HEADERS).code(404).type("text/plain").send("Not found\n"),
  );
  app.setErrorHandler(async (error: { readonly statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    return reply
      .headers(HEADERS)
      .code(status)
      .type("text/plain")
      .send(status < 500 ? "Bad request\n" : "Error\n");
  });
  return app;
}

function addPages(
  scope: FastifyInstance,
  announcement: HttpParts["announcement"],
  isReady: HttpParts["isReady"],
): void {
  scope.addHook("onSend", async (_request, reply) => {
    reply.headers(HEADERS);
  });
  scope.get("/", async (_request, reply) => reply.type("text/html; charset=utf-8").send(PAGE));
  scope.get("/v1/channel-key", async (_request, reply) => {
    reply.header("access-control-allow-origin", "*");
    return reply.type("application/octet-stream").send(Buffer.from(announcement()));
  });
  scope.get("/healthz", async (_request, reply) => reply.type("text/plain").send("ok\n"));
  scope.get("/readyz", async (_request, reply) => {
    const isOk = isReady();
    return reply
      .code(isOk ? 200 : 503)
      .type("text/plain")
      .send(isOk ? "ready\n" : "not ready\n");
  });
}
