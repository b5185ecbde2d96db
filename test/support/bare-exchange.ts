/**
 * A client of `POST /v1/exchange` and `/v1/thrifty` and nothing more, for tests of the relay: frames
 * in, frames out, and the raw HTTP in between.
 */

import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { errorCodeOf } from "../../shared/crypto/errors.ts";
import { type SigningKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { type Announcement, verifyAnnouncement } from "../../shared/wire/channel-key.ts";
import { ClientChannel } from "../../shared/wire/client-channel.ts";
import type { ClientFrame, ErrorFrame, RelayFrame } from "../../shared/wire/frames.ts";
import { MAX_EXCHANGE_ANSWER_BYTES } from "../../shared/wire/limits.ts";
import { makeProof } from "../../shared/wire/proof.ts";
import { AnswerError, type Request } from "./bare-client.ts";

export type ExchangeName = "exchange" | "thrifty";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export interface PostOptions {
  readonly path?: ExchangeName;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly localAddress?: string;
  readonly signal?: AbortSignal;
}

export interface ExchangeOptions extends PostOptions {
  /** Keys to prove in front of the frames. */
  readonly prove?: readonly SigningKeyPair[];
  readonly epoch?: Uint8Array;
}

export interface Prepared {
  readonly message: Uint8Array;
  readonly channel: ClientChannel;
}

export class BareExchanger {
  readonly announcement: Announcement;
  readonly #origin: string;
  #nextId = 1;

  private constructor(origin: string, announcement: Announcement) {
    this.#origin = origin;
    this.announcement = announcement;
  }

  static async open(address: string): Promise<BareExchanger> {
    const { hash } = parseRelayAddress(address);
    const origin = address.replace(/#.*/, "");
    const body = new Uint8Array(await (await fetch(`${origin}/v1/channel-key`)).arrayBuffer());
    return new BareExchanger(origin, verifyAnnouncement(body.subarray(1), hash));
  }

  /** Message 1 and the channel that opens its answer. Request ids go on from 1, `prove` first. */
  prepare(requests: readonly Request[], options: ExchangeOptions = {}): Prepared {
    const { announcement } = this;
    const channel = ClientChannel.start(announcement, systemRandom, options.epoch);
    const proofs = (options.prove ?? []).map((key) =>
      makeProof(this.#nextId++, key, announcement.identity, channel.proofHash),
    );
    const frames = requests.map((body) => ({
      ...body,
      requestId: this.#nextId++,
    })) as ClientFrame[];
    return { message: channel.seal([...proofs, ...frames]), channel };
  }

  /** The frames of the answer, without those that answer the proofs with `ok`. */
  async exchange(
    requests: readonly Request[],
    options: ExchangeOptions = {},
  ): Promise<readonly RelayFrame[]> {
    const firstId = this.#nextId + (options.prove?.length ?? 0);
    const { message, channel } = this.prepare(requests, options);
    const { status, body } = await this.post(message, options);
    if (status !== 200) throw new Error(`HTTP ${status}`);
    const opened = channel.openAnswer(body, MAX_EXCHANGE_ANSWER_BYTES);
    if (opened.kind !== "frames") throw new Error("the relay refused the exchange");
    return opened.frames.filter(({ requestId, type }) => requestId >= firstId || type === "error");
  }

  /** A connection of its own for each. */
  post(body: Uint8Array, options: PostOptions = {}): Promise<HttpAnswer> {
    const { path = "exchange", headers = {}, method = "POST", localAddress, signal } = options;
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        `${this.#origin}/v1/${path}`,
        {
          method,
          agent: false,
          headers: { "content-length": String(body.length), ...headers },
          ...(localAddress === undefined ? {} : { localAddress }),
          ...(signal === undefined ? {} : { signal }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Uint8Array.from(Buffer.concat(chunks)),
            }),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }
}

export function errorOf({ number, data }: ErrorFrame): AnswerError {
  return new AnswerError(errorCodeOf(number) ?? "INTERNAL", data);
}

export const textOf = ({ body }: HttpAnswer): string => new TextDecoder().decode(body);

/** The smallest exchange there is. */
export function postHello(client: BareExchanger, options: PostOptions = {}): Promise<HttpAnswer> {
  return client.post(client.prepare([{ type: "hello", version: 1 }]).message, options);
}

/** Asks until the relay answers so. */
export async function postUntil(client: BareExchanger, status: number): Promise<HttpAnswer> {
  for (;;) {
    const answer = await postHello(client);
    if (answer.status === status) return answer;
  }
}
