/**
 * The transport for Node: WebSockets on `ws` (node-socket.ts), GET and POST on node:http (node-http.ts),
 * over the connections of agents.ts or, through a proxy, proxy-agents.ts. TLS is checked as Node does by default.
 */

import { TumarError } from "../../../shared/crypto/errors.ts";
import type { Transport } from "../transport.ts";
import { type AgentPair, directAgents } from "./agents.ts";
import { answerTo } from "./node-http.ts";
import { connectSocket } from "./node-socket.ts";
import { type ProxyAddress, parseProxy } from "./proxy-address.ts";
import { proxyAgents } from "./proxy-agents.ts";

export interface NodeTransportOptions {
  /** The local address connections go out from. */
  readonly localAddress?: string;
  /** `socks5://HOST:PORT` or `http://HOST:PORT`: everything goes through it, names included. */
  readonly proxy?: string;
}

/** @throws TumarError PROXY_INVALID */
export function nodeTransport({ proxy, ...settings }: NodeTransportOptions = {}): Transport {
  return transportThrough(proxy === undefined ? undefined : parseProxy(proxy), settings);
}

function transportThrough(
  proxy: ProxyAddress | undefined,
  settings: { readonly localAddress?: string },
): Transport {
  const agents = proxy === undefined ? directAgents(settings) : proxyAgents(proxy, settings);
  const agentFor = (url: string, pair: AgentPair) => {
    if (proxy?.kind !== "socks" && isOnion(url)) {
      throw new TumarError(
        "PROXY_REQUIRED",
        "an .onion address needs a SOCKS proxy, such as Tor's",
      );
    }
    return pair(url);
  };
  return {
    connect: async (url, options) => await connectSocket(url, agentFor(url, agents.fresh), options),
    get: async (url, options) =>
      await answerTo({ url, agent: agentFor(url, agents.kept) }, options),
    post: async (url, body, options) => {
      const agent = agentFor(url, options.isFresh ? agents.fresh : agents.kept);
      return await answerTo({ url, agent, body }, options);
    },
    apart: () => transportThrough(proxy, settings),
  };
}

/** Such a name must never be asked for in DNS (RFC 7686). */
function isOnion(url: string): boolean {
  return /\.onion\.?$/i.test(new URL(url).hostname);
}
