/**
 * What goes wrong below the channel, as errors a person can read. Used by every transport adapter,
 * so that the same fault has the same words in a browser and in Node.
 */

import { TumarError } from "../../shared/crypto/errors.ts";

export function unreachable(what: string, cause?: unknown): TumarError {
  return new TumarError("RELAY_UNREACHABLE", what, { cause });
}

/** A connection that was up and over which nothing came any more. */
export function fellSilent(silentMs: number): TumarError {
  return new TumarError("RELAY_UNREACHABLE", "the relay fell silent", { details: { silentMs } });
}

export function notARelay(what: string, cause?: unknown): TumarError {
  return new TumarError("NOT_A_RELAY", what, { cause });
}

export function answerCut(what: string, cause?: unknown): TumarError {
  return new TumarError("EXCHANGE_CUT", what, { cause });
}

/** The head of an HTTP answer; header values as they came, `null` or `undefined` if there are none. */
export interface AnswerHead {
  readonly status: number;
  readonly contentType: string | null | undefined;
  readonly retryAfter: string | null | undefined;
}

/** Nobody vouches for the header: one answer of whoever stands between must not silence a client for long. */
const MAX_RETRY_AFTER_S = 60;

/**
 * What is wrong with an HTTP answer, from its head and the first bytes of its body; undefined for one
 * that may be the relay's. 5xx and 429 come from whoever stands before a relay that is down or busy,
 * with a page or without; any other page, and any redirect, is a network's own.
 */
export function faultOfAnswer(head: AnswerHead, start: Uint8Array): TumarError | undefined {
  const { status } = head;
  const isPassing = status === 429 || (status >= 500 && status !== 511);
  if (status === 511 || (status >= 300 && status < 400)) return captivePortal(status);
  if (!isPassing && isPage(head, start)) return captivePortal(status);
  return status === 200 ? undefined : unexpectedStatus(status, head.retryAfter);
}

function isPage({ contentType }: AnswerHead, start: Uint8Array): boolean {
  if (/^\s*(?:text\/html|application\/xhtml)/i.test(contentType ?? "")) return true;
  const isBlank = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
  return start.find((byte) => !isBlank(byte)) === 0x3c;
}

export function captivePortal(status: number): TumarError {
  const what = `a web page (${status}) answered in the relay's place`;
  return new TumarError("CAPTIVE_PORTAL", what, { details: { status } });
}

/** An HTTP answer where a WebSocket, a channel key or an exchange was expected. */
export function unexpectedStatus(status: number, retryAfter?: string | null): TumarError {
  const details = { status, ...retryAfterMs(retryAfter) };
  if (status === 429) {
    const what = "the relay takes no more connections from this address";
    return new TumarError("RELAY_UNREACHABLE", what, { details });
  }
  if (status >= 500) {
    const what = `the relay, or what stands before it, answers ${status}`;
    return new TumarError("RELAY_UNREACHABLE", what, { details });
  }
  const what = `an ordinary web answer (${status}) instead of a relay`;
  return new TumarError("NOT_A_RELAY", what, { details });
}

/** Seconds only: the other form of the header is a date, and the device's clock is not asked. */
function retryAfterMs(header: string | null | undefined): { readonly retryAfterMs?: number } {
  if (!/^\d{1,6}$/.test(header ?? "")) return {};
  return { retryAfterMs: Math.min(Number(header), MAX_RETRY_AFTER_S) * 1000 };
}

/** A WebSocket that the other side ended, by its close code (RFC 6455 section 7.4). */
export function closedByRelay(code: number): TumarError {
  switch (code) {
    case 1001:
      return new TumarError("CLOSING", "the relay is shutting down");
    case 1006:
      return unreachable("the connection broke off");
    case 1008:
      return new TumarError("RELAY_FAULT", "the relay ended the connection over a broken rule");
    case 1009:
      return new TumarError("RELAY_FAULT", "a message larger than the protocol allows");
    default:
      return unreachable(`the relay ended the connection (${code})`);
  }
}

/** Why a connection ended, whatever was thrown while it was served. */
export function ofConnection(error: unknown): TumarError {
  if (!(error instanceof TumarError)) {
    return new TumarError("INTERNAL", "the connection failed", { cause: error });
  }
  if (error.code !== "MALFORMED" && error.code !== "BAD_FRAME" && error.code !== "UNKNOWN_FRAME") {
    return error;
  }
  return new TumarError("RELAY_FAULT", "a channel message that cannot be read", { cause: error });
}

/** What a sent, unanswered request is told: it may be repeated, unless the relay is not to be trusted. */
export function brokenBy(error: TumarError): TumarError {
  if (!error.retryable || error.code === "RELAY_UNREACHABLE") return error;
  const what = `the connection ended before the answer came: ${error.message}`;
  return new TumarError("RELAY_UNREACHABLE", what, { cause: error });
}
