/**
 * What a relay and a door answer alike over plain HTTP: an ordinary page, whether they are well, and
 * one text for all that is not there.
 *
 * Nothing here takes a parameter, sets a cookie or is logged.
 */

import Fastify, { type FastifyInstance } from "fastify";
import { PAGE } from "./page.ts";

export const CHANNEL_KEY_PATH = "/v1/channel-key";

/** Nothing else has a body: an exchange has its own limit. */
const BODY_LIMIT = 1024;
/** A head is a few hundred bytes: one round trip, and one gap of a bad network. */
const HEADERS_TIMEOUT_MS = 30_000;
/** 16,896 bytes at 20 kbit/s take 7 s, and a bad network has gaps of 30 s. */
const REQUEST_TIMEOUT_MS = 60_000;
/** How often both are looked at. */
const TIMEOUT_CHECK_MS = 5000;
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

/** Answers 404 to everything; routes are added by the caller. */
export function buildHttpBase(): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: SILENCE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    http: { connectionsCheckingInterval: TIMEOUT_CHECK_MS },
  });
  app.server.headersTimeout = HEADERS_TIMEOUT_MS;
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

/** Root and health, with `addRoutes` beside them under the same headers. */
export function addPages(
  app: FastifyInstance,
  isReady: () => boolean,
  addRoutes: (scope: FastifyInstance) => void,
): void {
  app.register((scope, _options, done) => {
    scope.addHook("onSend", async (_request, reply) => {
      reply.headers(HEADERS);
    });
    scope.get("/", async (_request, reply) => reply.type("text/html; charset=utf-8").send(PAGE));
    scope.get("/healthz", async (_request, reply) => reply.type("text/plain").send("ok\n"));
    scope.get("/readyz", async (_request, reply) => {
      const isOk = isReady();
      return reply
        .code(isOk ? 200 : 503)
        .type("text/plain")
        .send(isOk ? "ready\n" : "not ready\n");
    });
    addRoutes(scope);
    done();
  });
}
