/** The two ways of exchanging: what the relay offers at each path (docs/PROTOCOL.md 7). */

import { MAX_EXCHANGE_ANSWER_BYTES, MAX_THRIFTY_ANSWER_BYTES } from "../../shared/wire/limits.ts";
import type { TransportKind } from "./connection.ts";

export interface ExchangeTerms {
  readonly path: string;
  readonly maxAnswerBytes: number;
  /** Each exchange over a TCP connection of its own. */
  readonly isFresh: boolean;
}

export type ExchangeKind = Exclude<TransportKind, "websocket">;

export const EXCHANGE_TERMS: Readonly<Record<ExchangeKind, ExchangeTerms>> = {
  exchange: {
    path: "/v1/exchange",
    maxAnswerBytes: MAX_EXCHANGE_ANSWER_BYTES,
    isFresh: false,
  },
  thrifty: { path: "/v1/thrifty", maxAnswerBytes: MAX_THRIFTY_ANSWER_BYTES, isFresh: true },
};
