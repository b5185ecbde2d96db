/**
 * Connections through a proxy, for WebSockets and HTTP alike. Names are resolved at the proxy, never
 * here, and nothing goes around it: a proxy that fails is an error.
 *
 * A SOCKS proxy is given a login made for this transport alone, out of randomness and forgotten with
 * it: Tor sends what comes under different logins over different circuits (IsolateSOCKSAuth), so that
 * two channels share none, and the name says nothing about who it is. A login in the proxy's URL goes instead.
 */

import { randomBytes } from "node:crypto";
import type { Agent, AgentOptions, ClientRequest } from "node:http";
import { HttpsProxyAgent } from "https-proxy-agent";
import { SocksProxyAgent } from "socks-proxy-agent";
import { type AgentPair, type AgentSettings, type Agents, pairOf } from "./agents.ts";
import type { ProxyAddress } from "./proxy-address.ts";
import { connectRefusal, proxyFault, socksFault } from "./proxy-faults.ts";

type SocksOptions = Parameters<SocksProxyAgent["connect"]>[1];
type ConnectOptions = Parameters<HttpsProxyAgent<string>["connect"]>[1];

const LOGIN_BYTES = 16;

export function proxyAgents(proxy: ProxyAddress, settings: AgentSettings): Agents {
  const url = proxy.kind === "socks" ? isolated(proxy.url) : proxy.url;
  const pair = (options: AgentOptions): AgentPair => {
    const agent = (isSecure: boolean): Agent => {
      return proxy.kind === "socks"
        ? new SocksAgent(url, isSecure, options, settings)
        : new ConnectAgent(url, isSecure, options, settings);
    };
    return pairOf(agent(false), agent(true));
  };
  return { kept: pair({ keepAlive: true }), fresh: pair({}) };
}

function isolated(url: URL): URL {
  if (url.username !== "" || url.password !== "") return url;
  const own = new URL(url);
  own.username = randomBytes(LOGIN_BYTES).toString("base64url");
  own.password = randomBytes(LOGIN_BYTES).toString("base64url");
  return own;
}

class SocksAgent extends SocksProxyAgent {
  readonly #isSecure: boolean;

  constructor(url: URL, isSecure: boolean, options: AgentOptions, settings: AgentSettings) {
    super(url, { ...options, socketOptions: settings });
    this.proxy.host = url.hostname.replace(/^\[|\]$/g, "");
    this.#isSecure = isSecure;
  }

  override isSecureEndpoint(): boolean {
    return this.#isSecure;
  }

  override async connect(request: ClientRequest, options: SocksOptions) {
    return await super.connect(request, options).catch((error: unknown) => {
      throw socksFault(error);
    });
  }
}

class ConnectAgent extends HttpsProxyAgent<string> {
  readonly #isSecure: boolean;

  constructor(url: URL, isSecure: boolean, options: AgentOptions, settings: AgentSettings) {
    super(url.href, { ...options, ...settings });
    this.#isSecure = isSecure;
  }

  override isSecureEndpoint(): boolean {
    return this.#isSecure;
  }

  override async connect(request: ClientRequest, options: ConnectOptions) {
    let status = 0;
    request.once("proxyConnect", ({ statusCode }: { readonly statusCode: number }) => {
      status = statusCode;
    });
    const socket = await super.connect(request, options).catch((error: unknown) => {
      throw proxyFault(error);
    });
    if (status === 200) return socket;
    socket.destroy();
    throw connectRefusal(status);
  }
}
