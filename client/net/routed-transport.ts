/**
 * The transport of one connection to a relay that several ways lead to: it finds the way with its first
 * request, and stays on it until it fails. With one way only, it is the platform's transport.
 */

import type { RelayAddress } from "../../shared/e2ee/relay-address.ts";
import { type Routes, urlOver } from "./routes.ts";
import {
  type ConnectOptions,
  type GetOptions,
  type PostOptions,
  type Socket,
  SocketEvents,
  type SocketListener,
  type Transport,
} from "./transport.ts";

const CHANNEL_KEY_PATH = "/v1/channel-key";
const MAX_CHANNEL_KEY_BYTES = 512;

export interface RoutedTransport extends Transport {
  /** What came last over it was sealed by the relay. */
  answered(): void;
}

/** `routes` are shared by the channels of a relay, `transport` is this channel's own. */
export function routedTransport(routes: Routes, transport: Transport): RoutedTransport {
  const ways: Ways = { routes, transport, heardOver: undefined };
  return {
    answered: () => {
      if (ways.heardOver !== undefined) routes.answered(ways.heardOver);
    },
    connect: async (url, options) => await connect(ways, url, options),
    get: async (url, options) => await get(ways, url, options),
    post: async (url, body, options) => await post(ways, url, body, options),
  };
}

interface Ways {
  readonly routes: Routes;
  readonly transport: Transport;
  heardOver: RelayAddress | undefined;
}

async function connect(ways: Ways, url: string, options: ConnectOptions): Promise<Socket> {
  const { routes, transport } = ways;
  if (routes.all().length === 1) return await transport.connect(url, options);
  const attempt = async (route: RelayAddress, signal: AbortSignal): Promise<Socket> => {
    const socket = await transport.connect(urlOver(route, url), { ...options, signal });
    return await greeted(socket, routes, signal, () => {
      ways.heardOver = route;
    });
  };
  const { result } = await routes.race(options.signal, attempt, (late) => late.close());
  return result;
}

/** Asked at the beginning, for the channel key: its answer shows which way leads to the relay. */
async function get(
  { routes, transport }: Ways,
  url: string,
  options: GetOptions,
): Promise<Uint8Array> {
  if (routes.all().length === 1) return await transport.get(url, options);
  const attempt = async (route: RelayAddress, signal: AbortSignal): Promise<Uint8Array> => {
    const answer = await transport.get(urlOver(route, url), { ...options, signal });
    routes.verify(answer);
    return answer;
  };
  const { result } = await routes.race(options.signal, attempt, () => {});
  return result;
}

/** Never over two ways at once: what it asks for is done once. */
async function post(
  ways: Ways,
  url: string,
  body: Uint8Array,
  options: PostOptions,
): Promise<Uint8Array> {
  const { routes, transport } = ways;
  const route = routes.certain ?? (await found(ways, url, options));
  try {
    const answer = await transport.post(urlOver(route, url), body, options);
    ways.heardOver = route;
    return answer;
  } catch (error) {
    routes.failed(route);
    throw error;
  }
}

async function found(ways: Ways, url: string, options: PostOptions): Promise<RelayAddress> {
  const keyUrl = new URL(CHANNEL_KEY_PATH, url).href;
  await get(ways, keyUrl, { ...options, maxBytes: MAX_CHANNEL_KEY_BYTES });
  const [good] = ways.routes.all();
  if (good === undefined) throw new TypeError("a relay without an address");
  return good;
}

/** Resolves once the socket has shown the relay's signed key; whoever listens then is told of it too. */
function greeted(
  socket: Socket,
  routes: Routes,
  signal: AbortSignal,
  onHeard: () => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const heard = new SocketEvents();
    const fail = (error: unknown) => {
      signal.removeEventListener("abort", onAbort);
      socket.close();
      reject(error);
    };
    const onAbort = () => fail(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    let isGreeted = false;
    socket.listen({
      onMessage: (message) => {
        onHeard();
        heard.message(message);
        if (isGreeted) return;
        isGreeted = true;
        try {
          routes.verify(message);
        } catch (error) {
          fail(error);
          return;
        }
        signal.removeEventListener("abort", onAbort);
        resolve(new GreetedSocket(socket, heard));
      },
      onAlive: () => heard.alive(),
      onClosed: (error) => {
        heard.closed(error);
        if (!isGreeted) fail(error);
      },
    });
  });
}

class GreetedSocket implements Socket {
  readonly #socket: Socket;
  readonly #heard: SocketEvents;

  constructor(socket: Socket, heard: SocketEvents) {
    this.#socket = socket;
    this.#heard = heard;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  get receivedBytes(): number | undefined {
    return this.#socket.receivedBytes;
  }

  send(message: Uint8Array): void {
    this.#socket.send(message);
  }

  listen(listener: SocketListener): void {
    this.#heard.listen(listener);
  }

  close(): void {
    this.#heard.end();
    this.#socket.close();
  }
}
