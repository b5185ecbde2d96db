/** How a relay and a door begin to listen, and where they write their log. */

import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import type { DestinationStream } from "pino";
import { TumarError } from "../shared/crypto/errors.ts";
import type { SettingValues } from "./config-table.ts";

/** The port. @throws TumarError PORT_UNUSABLE */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new TumarError("PORT_UNUSABLE", `cannot listen on port ${port}`, { cause });
  }
  return (app.server.address() as AddressInfo).port;
}

/** What people reach: as configured for a proxy in front, or where it listens. */
export function originOf({ ADDRESS, HOST }: SettingValues, port: number): string {
  const host = HOST.includes(":") ? `[${HOST}]` : HOST;
  return ADDRESS === "" ? `http://${host}:${port}` : ADDRESS;
}

/** Goes on without a log once nobody reads it: a broken pipe must not keep a relay from its work or its end. */
export function standardError(): DestinationStream {
  process.stderr.on("error", () => undefined);
  return { write: (line) => void process.stderr.write(line) };
}
