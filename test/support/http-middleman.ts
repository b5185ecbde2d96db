/**
 * A man in the middle of exchanges, without keys: it takes every GET and POST to a relay whole, asks
 * the relay itself, and does with either what the test says.
 */

import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { atEnd, type Cleanup } from "./cleanup.ts";

export const DEEDS = [
  "cut the request",
  "cut the answer",
  "lose the answer",
  "shorten the answer",
  "double the request",
  "answer as before",
  "answer with a page",
  "flip a bit up",
  "flip a bit down",
] as const;
export type Deed = (typeof DEEDS)[number] | "carry";

/** What is done with an exchange, counted from 0; `path` as in the request. */
export type Meddle = (index: number, path: string) => Deed;

const PAGE = Buffer.from("<!doctype html><title>Wi-Fi</title><form>Pay first</form>");

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export class HttpMiddleman {
  readonly #server: Server;
  readonly #relay: URL;
  #count = 0;
  #earlier: Answer | undefined;
  meddle: Meddle;
  /** The relay's address with this port. */
  address = "";

  private constructor(relayAddress: string, meddle: Meddle) {
    this.#relay = new URL(relayAddress);
    this.meddle = meddle;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
  }

  /** Closed when the test ends. */
  static async start(
    test: Cleanup,
    relayAddress: string,
    meddle: Meddle = () => "carry",
  ): Promise<HttpMiddleman> {
    const middleman = new HttpMiddleman(relayAddress, meddle);
    middleman.#server.listen(0, "127.0.0.1");
    await once(middleman.#server, "listening");
    const { port } = middleman.#server.address() as AddressInfo;
    const through = new URL(relayAddress);
    through.port = String(port);
    middleman.address = through.href.replace("/#", "#");
    atEnd(test, async () => {
      middleman.#server.close();
      middleman.#server.closeAllConnections();
      await once(middleman.#server, "close");
    });
    return middleman;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bytesOf(request);
    const deed = this.meddle(this.#count++, request.url ?? "");
    if (deed === "answer with a page") {
      response.setHeader("content-type", "text/html");
      response.end(PAGE);
      return;
    }
    if (deed === "cut the request") {
      request.socket.destroy();
      return;
    }
    const ask = (bytes: Buffer) => this.#ask(request, response, bytes);
    if (deed === "double the request") await ask(body);
    const answer = await ask(deed === "flip a bit up" ? flipped(body) : body);
    const instead = deed === "answer as before" ? (this.#earlier ?? answer) : answer;
    if (answer.status === 200 && request.method === "POST") this.#earlier = answer;
    this.#tell(request, response, instead, deed);
  }

  #tell(request: IncomingMessage, response: ServerResponse, answer: Answer, deed: Deed): void {
    const { status, body } = answer;
    if (deed === "lose the answer") {
      request.socket.destroy();
      return;
    }
    const sent = deed === "shorten the answer" ? body.subarray(0, body.length >> 1) : body;
    response.writeHead(status, { "content-length": sent.length });
    if (deed === "cut the answer") {
      response.write(sent.subarray(0, sent.length >> 1), () => request.socket.destroy());
    } else {
      response.end(deed === "flip a bit down" ? flipped(sent) : sent);
    }
  }

  /** Gives up when the client does. */
  #ask(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<Answer> {
    const { method, url } = request;
    return new Promise((resolve, reject) => {
      const headers = method === "POST" ? { "content-length": body.length } : {};
      const asked = httpRequest(new URL(url ?? "", this.#relay), { method, headers, agent: false });
      response.on("close", () => asked.destroy());
      asked.on("error", reject);
      asked.on("response", (answer) => {
        const status = answer.statusCode ?? 0;
        bytesOf(answer).then((bytes) => resolve({ status, body: bytes }), reject);
      });
      asked.end(body);
    });
  }
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

/** In the sealed part. */
function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.length >> 1;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
