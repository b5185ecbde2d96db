/**
 * `POST /v1/exchange` and `POST /v1/thrifty`: bytes in, bytes out.
 *
 * Any content type is taken, so that a page needs no preflight. Answers have few headers: on a
 * thrifty connection every byte counts. What fails before there is a channel is a status with the
 * error's code as text; HTML is never sent here.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply } from "fastify";
import { errorRow, TumarError } from "../shared/crypto/errors.ts";
import { MAX_CHANNEL_MESSAGE_BYTES } from "../shared/wire/limits.ts";
import type { Release } from "./address-limit.ts";
import { addressOf } from "./client-address.ts";
import { EXCHANGE_PATHS, type ExchangePath } from "./exchange-paths.ts";

/** Who answers: the relay itself, or a door. */
export interface ExchangeTaker<Place extends { readonly release: Release }> {
  /** @throws TumarError when there is no place now, with `retryAfter` seconds in its details */
  enter(path: ExchangePath, address: string): Place;
  /** Waits until a body of that length may be read; call the result when it has been taken in. */
  room(place: Place, bodyBytes: number): Promise<Release>;
  /**
   * The answer to a whole body; undefined when the client went away before it was ready: `onGone` is
   * given what to call then. @throws TumarError
   */
  run(
    place: Place,
    body: Uint8Array,
    onGone: (abandon: () => void) => void,
  ): Promise<Uint8Array | undefined>;
}

const LEAN_HEADERS = {
  "access-control-allow-origin": "*",
  "cache-control": "no-store",
} as const;

/** For pages that send a content type all the same; a day. */
const PREFLIGHT_HEADERS = {
  "access-control-allow-methods": "POST",
  "access-control-allow-headers": "*",
  "access-control-max-age": "86400",
} as const;

interface HttpFault {
  readonly statusCode?: number;
}

export function addExchangeRoutes<Place extends { readonly release: Release }>(
  app: FastifyInstance,
  exchanges: ExchangeTaker<Place>,
  proxyHops: number,
): void {
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) =>
      done(null, body),
    );
    scope.setErrorHandler(async (error: HttpFault, _request, reply) => sendFault(reply, error));
    for (const path of EXCHANGE_PATHS) addPath(scope, path, exchanges, proxyHops);
    done();
  });
}

function addPath<Place extends { readonly release: Release }>(
  scope: FastifyInstance,
  path: ExchangePath,
  exchanges: ExchangeTaker<Place>,
  proxyHops: number,
): void {
  const places = new WeakMap<IncomingMessage, Place>();
  const rooms = new WeakMap<IncomingMessage, Release>();
  scope.route({
    method: "POST",
    url: path.url,
    bodyLimit: MAX_CHANNEL_MESSAGE_BYTES,
    onRequest: async ({ raw }, reply) => {
      delete raw.headers["content-type"];
      prepare(reply, path);
      const place = exchanges.enter(path, addressOf(raw, proxyHops));
      places.set(raw, place);
      reply.raw.once("close", place.release);
      const letGo = await exchanges.room(place, bodyBytesOf(raw));
      rooms.set(raw, letGo);
      onceGone(reply.raw, letGo);
    },
    handler: async (request, reply) => {
      const place = places.get(request.raw);
      if (place === undefined) throw new TypeError("the request has no place");
      const message = bytesOf(request.body);
      // not kept while the answer is held
      request.body = undefined;
      const running = exchanges.run(place, message, (abandon) => onceGone(reply.raw, abandon));
      rooms.get(request.raw)?.();
      const answer = await running;
      if (answer === undefined) return drop(reply);
      return reply.type("application/octet-stream").send(Buffer.from(answer));
    },
  });
  scope.options(path.url, async (_request, reply) => {
    prepare(reply, path);
    return reply.headers(PREFLIGHT_HEADERS).code(204).send();
  });
}

function prepare(reply: FastifyReply, { closes }: ExchangePath): void {
  reply.raw.sendDate = false;
  reply.headers(LEAN_HEADERS);
  if (closes) reply.header("connection", "close");
}

/** As announced; the longest there may be when it is not. */
function bodyBytesOf({ headers }: IncomingMessage): number {
  return Number(headers["content-length"] ?? MAX_CHANNEL_MESSAGE_BYTES);
}

function bytesOf(body: unknown): Uint8Array {
  if (!(body instanceof Buffer)) return new Uint8Array(0);
  return new Uint8Array(body.buffer, body.byteOffset, body.length);
}

function onceGone(response: ServerResponse, abandon: () => void): void {
  if (response.destroyed) abandon();
  else response.once("close", abandon);
}

/** Nobody waits, or nothing can be said. */
function drop(reply: FastifyReply): FastifyReply {
  reply.hijack();
  reply.raw.destroy();
  return reply;
}

function sendFault(reply: FastifyReply, error: HttpFault): FastifyReply {
  const text = reply.type("text/plain");
  if (!(error instanceof TumarError)) {
    const status = error.statusCode ?? 500;
    return text.code(status).send(status < 500 ? "Bad request\n" : "Error\n");
  }
  const { retryAfter } = error.details;
  if (retryAfter !== undefined) {
    text.headers({
      "retry-after": String(retryAfter),
      "access-control-expose-headers": "retry-after",
    });
  }
  return text.code(errorRow(error.code).status).send(`${error.code}\n`);
}
