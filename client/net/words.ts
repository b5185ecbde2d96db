/**
 * What a person is told about the way to a relay, in words: the only place that has them. What they are
 * made of is a `Situation`, codes and parameters that other languages can be made from.
 */

import type { TransportKind } from "./connection.ts";

/**
 * - *none*: nothing stands in the way
 * - *websocket-blocked*: a lower kind is used because WebSockets do not get through
 * - *freezes*: connections freeze after some 16 KB
 * - *login-page*: a web page answers in the relay's place
 * - *tls*: TLS fails
 * - *other-key*: what answers is not the relay the address names
 * - *offline*: no connection of any kind gets through
 * - *unanswered*: the relay does not answer, or the connection broke
 * - *restarting*: the relay said that it goes away
 */
export const HINDRANCES = [
  "none",
  "websocket-blocked",
  "freezes",
  "login-page",
  "tls",
  "other-key",
  "offline",
  "unanswered",
  "restarting",
] as const;
export type Hindrance = (typeof HINDRANCES)[number];

export interface Situation {
  readonly phase: "idle" | "connecting" | "up" | "resting";
  readonly hindrance: Hindrance;
  /** Of the connection in use, or of the next try. */
  readonly transport: TransportKind;
  /** Host of the door the connection goes through; empty without one. */
  readonly door: string;
  /** Until the next try; null when it does not rest. */
  readonly nextTryMs: number | null;
}

const USED: Readonly<Record<TransportKind, string>> = {
  websocket: "using a WebSocket",
  exchange: "using HTTP",
  thrifty: "using HTTP in small pieces",
};

export function situationWords(situation: Situation): string {
  const way = [hindranceWords(situation), doorWords(situation)].filter((part) => part !== "");
  if (way.length === 0) way.push(plainWords(situation));
  const { nextTryMs } = situation;
  const next = nextTryMs === null ? [] : [`next try in ${secondsWords(nextTryMs)}`];
  const [first = "", ...rest] = [...way, ...next];
  return [first, ...rest.map(uncapitalised)].join("; ");
}

function hindranceWords({ hindrance, transport }: Situation): string {
  switch (hindrance) {
    case "none":
      return "";
    case "websocket-blocked":
      return `WebSocket blocked here, ${USED[transport]}`;
    case "freezes":
      return "Connections freeze here; sending in small pieces";
    case "login-page":
      return "A login page of the network answers instead of the relay; open any site in a browser";
    case "tls":
      return "No secure connection (TLS): the clock is wrong, or the network intercepts connections";
    case "other-key":
      return "Something else answers in the relay's place; nothing is sent to it";
    case "offline":
      return "No connection at all";
    case "unanswered":
      return "The relay does not answer";
    case "restarting":
      return "The relay is restarting";
  }
}

function doorWords({ door }: Situation): string {
  return door === "" ? "" : `Through the door ${door}`;
}

function plainWords({ phase }: Situation): string {
  switch (phase) {
    case "idle":
      return "Not connected, since nothing is wanted";
    case "connecting":
      return "Connecting";
    case "up":
      return "Connected";
    case "resting":
      return "Waiting";
  }
}

function secondsWords(ms: number): string {
  return `${Math.max(1, Math.ceil(ms / 1000))} s`;
}

function uncapitalised(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
