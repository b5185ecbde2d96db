/**
 * GET and POST of one body for one answer on node:http. Sends no header of its own beyond what HTTP
 * needs (host, length, whether the connection stays); follows nothing, keeps no cookie.
 */

import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { TumarError } from "../../../shared/crypto/errors.ts";
import type { GetOptions } from "../transport.ts";
import {
  type AnswerHead,
  answerCut,
  faultOfAnswer,
  notARelay,
  unreachable,
} from "../transport-faults.ts";
import { connectFault } from "./node-faults.ts";

export interface NodeRequest {
  readonly url: string;
  readonly agent: Agent;
  /** Undefined: GET. */
  readonly body?: Uint8Array;
}

/** The body of a 200 answer. Leaves no socket but one that the agent keeps. */
export function answerTo(asked: NodeRequest, options: GetOptions): Promise<Uint8Array> {
  const { signal } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = started(asked);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (reason: unknown) => {
      settle();
      reject(reason);
      request.destroy();
    };
    const timer = setTimeout(() => fail(unreachable("no answer in time")), options.timeoutMs);
    const onAbort = () => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    request.on("error", (error) => fail(connectFault(error)));
    request.on("response", (response) => {
      bodyOf(response, options).then((body) => {
        settle();
        resolve(body);
      }, fail);
    });
    request.end(asked.body);
  });
}

function started({ url, agent, body }: NodeRequest): ClientRequest {
  const start = url.startsWith("https:") ? httpsRequest : httpRequest;
  if (body === undefined) return start(url, { agent });
  return start(url, { agent, method: "POST", headers: { "content-length": body.length } });
}

export function headOf({ statusCode, headers }: IncomingMessage): AnswerHead {
  return {
    status: statusCode ?? 0,
    contentType: headers["content-type"],
    retryAfter: headers["retry-after"],
  };
}

async function bodyOf(response: IncomingMessage, options: GetOptions): Promise<Uint8Array> {
  const head = headOf(response);
  const parts: Buffer[] = [];
  let length = 0;
  let fault: TumarError | undefined = faultOfAnswer(head, Buffer.alloc(0));
  if (fault?.code === "CAPTIVE_PORTAL") throw fault;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length;
      options.onBytes?.(part.length);
      parts.push(part);
      fault = faultOfAnswer(head, parts[0] ?? part);
      if (fault !== undefined) break;
      if (length > options.maxBytes) throw notARelay("a longer answer than a relay gives");
    }
  } catch (error) {
    throw isCut(error) ? answerCut("the answer broke off", error) : connectFault(error);
  }
  if (fault !== undefined) throw fault;
  return new Uint8Array(Buffer.concat(parts, length));
}

function isCut(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || code === "EPIPE";
}
