/**
 * What the relay answers over plain HTTP: its channel key, exchanges (exchange-routes.ts), and what a
 * door answers too (http-base.ts). The WebSocket upgrade is in sockets.ts.
 */

import type { FastifyInstance } from "fastify";
import { addExchangeRoutes } from "./exchange-routes.ts";
import type { Exchanges } from "./exchanges.ts";
import { addPages, buildHttpBase, CHANNEL_KEY_PATH } from "./http-base.ts";

export interface HttpParts {
  /** Bytes of the announcement, fresh for each request. */
  readonly announcement: () => Uint8Array;
  /** False while draining or when the last commit failed. */
  readonly isReady: () => boolean;
  readonly exchanges: Exchanges;
  /** Own proxies in front. */
  readonly proxyHops: number;
}

export function buildHttp(parts: HttpParts): FastifyInstance {
  const { announcement, isReady, exchanges, proxyHops } = parts;
  const app = buildHttpBase();
  addExchangeRoutes(app, exchanges, proxyHops);
  addPages(app, isReady, (scope) => {
    scope.get(CHANNEL_KEY_PATH, async (_request, reply) => {
      reply.header("access-control-allow-origin", "*");
      return reply.type("application/octet-stream").send(Buffer.from(announcement()));
    });
  });
  return app;
}
