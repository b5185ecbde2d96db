/**
 * A TCP proxy that writes down every byte that passes, both ways, and changes none. Clients reach
 * the relay through it under the relay's own key; it goes on from the address they came from.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";
import { websocketPayloads } from "./websocket-payloads.ts";

export class TcpTap {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #recorded: (readonly [toRelay: Buffer[], toClient: Buffer[]])[] = [];
  readonly #relay: URL;
  /** How often a client that had sent something was answered, over all connections. */
  roundTrips = 0;
  /** Where the relay saw its connections come from. */
  readonly sources: Set<string> = new Set();
  /** The relay's address with the tap's port. */
  address = "";

  private constructor(relayAddress: string) {
    this.#relay = new URL(relayAddress);
    this.#server = createServer((client) => this.#onClient(client));
  }

  /** Closed when the test ends. */
  static async start(test: Cleanup, relayAddress: string): Promise<TcpTap> {
    const tap = new TcpTap(relayAddress);
    tap.#server.listen(0, "127.0.0.1");
    await once(tap.#server, "listening");
    const { port } = tap.#server.address() as AddressInfo;
    const through = new URL(relayAddress);
    through.port = String(port);
    tap.address = through.href.replace("/#", "#");
    parseRelayAddress(tap.address);
    atEnd(test, async () => {
      for (const socket of tap.#sockets) socket.destroy();
      tap.#server.close();
      await once(tap.#server, "close");
    });
    return tap;
  }

  /** That passed so far, both ways. */
  get bytes(): number {
    return this.#recorded.flat(2).reduce((sum, { length }) => sum + length, 0);
  }

  get connections(): number {
    return this.#recorded.length;
  }

  /** All bytes as they passed, by connection. */
  streams(): readonly { readonly toRelay: Buffer; readonly toClient: Buffer }[] {
    return this.#recorded.map(([toRelay, toClient]) => ({
      toRelay: Buffer.concat(toRelay),
      toClient: Buffer.concat(toClient),
    }));
  }

  /** All bytes as they passed, then once more the WebSocket payloads with their masks taken off. */
  recording(): Buffer {
    const streams = this.#recorded.flat().map((chunks) => Buffer.concat(chunks));
    return Buffer.concat([...streams, ...streams.map(websocketPayloads)]);
  }

  #onClient(client: Socket): void {
    const { remoteAddress } = client;
    const relay = connect({
      host: this.#relay.hostname,
      port: Number(this.#relay.port),
      ...(remoteAddress === undefined ? {} : { localAddress: remoteAddress }),
    });
    relay.once("connect", () => this.sources.add(relay.localAddress ?? ""));
    const record = [[], []] as const satisfies readonly [Buffer[], Buffer[]];
    this.#recorded.push(record);
    let isAsked = false;
    this.#pipe(client, relay, record[0], () => {
      isAsked = true;
    });
    this.#pipe(relay, client, record[1], () => {
      if (isAsked) this.roundTrips += 1;
      isAsked = false;
    });
  }

  #pipe(from: Socket, to: Socket, record: Buffer[], onData: () => void): void {
    this.#sockets.add(from);
    from.on("data", (chunk: Buffer) => {
      record.push(chunk);
      onData();
      to.write(chunk);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
