/**
 * A man in the middle without keys: it ends the client's WebSocket, opens one of its own to the
 * relay, and rebuilds every message in between, so that it can do to each whatever it likes.
 */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { atEnd, type Cleanup } from "./cleanup.ts";

export interface Passing {
  /** Counted from 0 in the order clients came. */
  readonly connection: number;
  readonly direction: "to-relay" | "to-client";
  /** Counted from 0 for each connection and direction. */
  readonly index: number;
  readonly message: Uint8Array;
}

/** What goes on instead, in order; "cut" ends both sockets. */
export type Tamper = (passing: Passing) => readonly Uint8Array[] | "cut";

export const honest: Tamper = ({ message }) => [message];

export class HostileProxy {
  /** As they came, before anything was done to them. */
  readonly seen: Passing[] = [];
  readonly #server: WebSocketServer;
  readonly #relay: URL;
  readonly #sockets = new Set<WebSocket>();
  #connections = 0;
  tamper: Tamper;
  /** The relay's address with the proxy's port. */
  address = "";

  private constructor(relayAddress: string, tamper: Tamper) {
    this.#relay = new URL(relayAddress);
    this.tamper = tamper;
    this.#server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
    this.#server.on("connection", (client) => this.#onClient(client));
  }

  /** Closed when the test ends. */
  static async start(
    test: Cleanup,
    relayAddress: string,
    tamper: Tamper = honest,
  ): Promise<HostileProxy> {
    const proxy = new HostileProxy(relayAddress, tamper);
    await once(proxy.#server, "listening");
    const { port } = proxy.#server.address() as AddressInfo;
    const through = new URL(relayAddress);
    through.port = String(port);
    proxy.address = through.href.replace("/#", "#");
    atEnd(test, async () => {
      for (const socket of proxy.#sockets) socket.terminate();
      proxy.#server.close();
      await once(proxy.#server, "close");
    });
    return proxy;
  }

  /** The first channel message of each connection, as clients sent it. */
  firstMessages(): readonly Uint8Array[] {
    return this.seen
      .filter(({ direction, index }) => direction === "to-relay" && index === 0)
      .map(({ message }) => message);
  }

  #onClient(client: WebSocket): void {
    const relay = new WebSocket(`ws://${this.#relay.host}/v1/ws`, { perMessageDeflate: false });
    const opened = once(relay, "open").then(
      () => undefined,
      () => undefined,
    );
    const end = () => {
      client.terminate();
      relay.terminate();
    };
    const connection = this.#connections++;
    this.#carry({ from: client, to: relay, opened, connection, direction: "to-relay", end });
    this.#carry({ from: relay, to: client, opened, connection, direction: "to-client", end });
  }

  #carry({ from, to, opened, connection, direction, end }: Carriage): void {
    let index = 0;
    this.#sockets.add(from);
    from.on("message", (data: Buffer) => {
      const message = Uint8Array.from(data);
      const passing = { connection, direction, index: index++, message };
      this.seen.push(passing);
      const instead = this.tamper(passing);
      if (instead === "cut") {
        end();
        return;
      }
      void opened.then(() => {
        if (to.readyState === WebSocket.OPEN) for (const bytes of instead) to.send(bytes);
      });
    });
    from.on("error", end);
    from.on("close", () => {
      this.#sockets.delete(from);
      end();
    });
  }
}

interface Carriage {
  readonly from: WebSocket;
  readonly to: WebSocket;
  readonly opened: Promise<void>;
  readonly connection: number;
  readonly direction: Passing["direction"];
  readonly end: () => void;
}
