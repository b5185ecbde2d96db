/** Serves /metrics on a port of its own, which is not for the public. */

import Fastify, { type FastifyInstance } from "fastify";
import type { Metrics } from "./metrics.ts";

export function buildMetricsServer({ registry }: Metrics): FastifyInstance {
  const app = Fastify({ logger: false, forceCloseConnections: true });
  app.get("/metrics", async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  return app;
}
