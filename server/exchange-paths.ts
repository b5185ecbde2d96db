/** Where exchanges are posted to, and what each path allows. */

import { MAX_EXCHANGE_ANSWER_BYTES, MAX_THRIFTY_ANSWER_BYTES } from "../shared/wire/limits.ts";

export interface ExchangePath {
  readonly name: "exchange" | "thrifty";
  readonly url: string;
  readonly maxAnswerBytes: number;
  /** One answer for each connection. */
  readonly closes: boolean;
}

export const EXCHANGE_PATHS: readonly ExchangePath[] = [
  {
    name: "exchange",
    url: "/v1/exchange",
    maxAnswerBytes: MAX_EXCHANGE_ANSWER_BYTES,
    closes: false,
  },
  { name: "thrifty", url: "/v1/thrifty", maxAnswerBytes: MAX_THRIFTY_ANSWER_BYTES, closes: true },
];
