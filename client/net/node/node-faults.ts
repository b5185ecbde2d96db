/** What Node's sockets throw, as errors a person can read. */

import { TumarError } from "../../../shared/crypto/errors.ts";
import { closedByRelay, notARelay, unreachable } from "../transport-faults.ts";

const TLS_FAULT = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|EPROTO$)/;

/** Before anything was answered. */
export function connectFault(error: unknown): TumarError {
  if (error instanceof TumarError) return error;
  const code = codeOf(error);
  if (TLS_FAULT.test(code)) {
    return new TumarError("RELAY_TLS", `TLS failed (${code})`, { cause: error });
  }
  if (code.startsWith("HPE_") || code === "" || code.startsWith("WS_ERR_")) {
    return notARelay("an answer that is neither a WebSocket nor HTTP", error);
  }
  return unreachable(`no connection (${code})`, error);
}

/** On an open WebSocket. */
export function runningFault(error: Error): TumarError {
  const code = codeOf(error);
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return closedByRelay(1009);
  if (code.startsWith("WS_ERR_")) return notARelay("bytes that are no WebSocket", error);
  return unreachable(`the connection broke off (${code})`, error);
}

function codeOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? "";
}
