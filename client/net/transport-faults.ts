/**
 * What goes wrong below the channel, as errors a person can read. Used by every transport adapter,
 * so that the same fault has the same words in a browser and in Node.
 */

import { TumarError } from "../../shared/crypto/errors.ts";

export function unreachable(what: string, cause?: unknown): TumarError {
  return new TumarError("RELAY_UNREACHABLE", what, { cause });
}

export function notARelay(what: string, cause?: unknown): TumarError {
  return new TumarError("NOT_A_RELAY", what, { cause });
}

/** An HTTP answer where a WebSocket or a channel key was expected. */
export function unexpectedStatus(status: number): TumarError {
  if (status === 429) return unreachable("the relay takes no more connections from this address");
  if (status >= 500) return unreachable(`the relay, or what stands before it, answers ${status}`);
  return new TumarError("NOT_A_RELAY", `an ordinary web answer (${status}) instead of a relay`, {
    details: { status },
  });
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
