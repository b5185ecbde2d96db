/** What a door answers over plain HTTP: the relay's channel key and exchanges, and its own page and health. */

import type { FastifyInstance } from "fastify";
import { errorRow, TumarError } from "../../shared/crypto/errors.ts";
import { addressOf } from "../client-address.ts";
import { addExchangeRoutes } from "../exchange-routes.ts";
import { addPages, buildHttpBase, CHANNEL_KEY_PATH } from "../http-base.ts";
import type { Forwarder } from "./forwarder.ts";

export function buildDoorHttp(
  forwarder: Forwarder,
  proxyHops: number,
  isReady: () => boolean,
): FastifyInstance {
  const app = buildHttpBase();
  addExchangeRoutes(app, forwarder, proxyHops);
  addPages(app, isReady, (scope) => {
    scope.get(CHANNEL_KEY_PATH, async ({ raw }, reply) => {
      reply.header("access-control-allow-origin", "*");
      try {
        const announcement = await forwarder.channelKey(addressOf(raw, proxyHops));
        return reply.type("application/octet-stream").send(Buffer.from(announcement));
      } catch (error) {
        if (!(error instanceof TumarError)) throw error;
        const { status } = errorRow(error.code);
        return reply.code(status).type("text/plain").send(`${error.code}\n`);
      }
    });
  });
  return app;
}
