/**
 * Where connections of one transport go out: kept open between exchanges, or one for each request.
 * Direct ones keep TLS tickets, so that a fresh connection costs 256 bytes instead of a whole handshake.
 */

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";

/** The agent for a URL, by its scheme. */
export type AgentPair = (url: string) => HttpAgent;

export interface Agents {
  /** For a request that may go over a connection that is open already. */
  readonly kept: AgentPair;
  /** For a request with a connection of its own; says so to the other side. */
  readonly fresh: AgentPair;
}

export interface AgentSettings {
  readonly localAddress?: string;
}

/** An unused connection is closed after this; less than a relay or a proxy before it waits. */
const IDLE_MS = 30_000;

export function directAgents(settings: AgentSettings): Agents {
  const keeping = { ...settings, keepAlive: true, timeout: IDLE_MS };
  const kept = pairOf(new HttpAgent(keeping), new HttpsAgent(keeping));
  const fresh = pairOf(new HttpAgent(settings), new HttpsAgent(settings));
  return { kept, fresh };
}

export function pairOf(plain: HttpAgent, secure: HttpAgent): AgentPair {
  return (url) => (/^(?:https|wss):/.test(url) ? secure : plain);
}
