/**
 * Accepts WebSocket upgrades at one path, within the limits on connections, and keeps the list of
 * those that are open.
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocketServer } from "ws";
import type { AddressLimit } from "./address-limit.ts";
import { addressOf } from "./client-address.ts";
import { Connection } from "./connection.ts";
import type { Services } from "./services.ts";
import { refuseUpgrade, upgradeServer, WEBSOCKET_PATH } from "./upgrade.ts";

const TICK_MS = 1000;
const GOING_AWAY = 1001;

export class Sockets {
  readonly #services: Services;
  readonly #addresses: AddressLimit;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<Connection>();
  readonly #timer: NodeJS.Timeout;
  #isAccepting = true;
  #onEmpty: (() => void) | undefined;

  constructor(services: Services, addresses: AddressLimit) {
    this.#services = services;
    this.#addresses = addresses;
    this.#server = upgradeServer();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  get count(): number {
    return this.#connections.size;
  }

  attach(server: Server): void {
    server.on("upgrade", (request, stream, head) => this.#onUpgrade(request, stream, head));
  }

  /** Takes no new connection and nothing more from those that are open, until `close`. */
  stopAccepting(): void {
    this.#isAccepting = false;
    for (const connection of this.#connections) connection.stopReading();
  }

  /** Closes all; resolves when they are gone, or have been cut after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isAccepting = false;
    clearInterval(this.#timer);
    if (this.#connections.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const connection of this.#connections) connection.close(GOING_AWAY);
    const cut = setTimeout(() => this.#terminateAll(), graceMs);
    await gone;
    clearTimeout(cut);
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on("error", () => stream.destroy());
    if (request.url !== WEBSOCKET_PATH) refuseUpgrade(stream, "404 Not Found");
    else if (!this.#isAccepting) refuseUpgrade(stream, "503 Service Unavailable");
    else this.#admit(request, stream, head);
  }

  #admit(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const release = this.#addresses.enter(addressOf(request, this.#services.config.PROXY_HOPS));
    if (release === undefined) {
      this.#services.metrics.error("RATE_LIMITED");
      refuseUpgrade(stream, "429 Too Many Requests");
      return;
    }
    stream.once("close", release);
    this.#server.handleUpgrade(request, stream, head, (socket) => {
      const connection = new Connection(this.#services, socket, stream);
      this.#connections.add(connection);
      socket.once("close", () => this.#onGone(connection));
    });
  }

  #onGone(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #tick(): void {
    for (const connection of this.#connections) connection.tick();
  }

  #terminateAll(): void {
    for (const connection of this.#connections) connection.terminate();
  }
}
