/**
 * The transport for Node: WebSockets on `ws` (node-socket.ts), GET and POST on node:http (node-http.ts),
 * over the connections that agents.ts makes. TLS is checked as Node does by default.
 */

import type { Transport } from "../transport.ts";
import { directAgents } from "./agents.ts";
import { answerTo } from "./node-http.ts";
import { connectSocket } from "./node-socket.ts";

export interface NodeTransportOptions {
  /** The local address connections go out from. */
  readonly localAddress?: string;
}

export function nodeTransport(settings: NodeTransportOptions = {}): Transport {
  const agents = directAgents(settings);
  return {
    connect: async (url, options) => await connectSocket(url, agents.fresh(url), options),
    get: async (url, options) => await answerTo({ url, agent: agents.kept(url) }, options),
    post: async (url, body, options) => {
      const agent = options.isFresh ? agents.fresh(url) : agents.kept(url);
      return await answerTo({ url, agent, body }, options);
    },
    apart: () => nodeTransport(settings),
  };
}
