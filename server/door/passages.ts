/**
 * Takes WebSocket upgrades within the limits, opens the way to the relay first, and joins the two. A
 * client whose way does not open is refused as the relay would: with its own status if it gave one.
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";
import type { AddressLimit } from "../address-limit.ts";
import { addressOf } from "../client-address.ts";
import type { Clock } from "../clock.ts";
import type { SettingValues } from "../config-table.ts";
import { refuseUpgrade, upgradeServer, WEBSOCKET_PATH } from "../upgrade.ts";
import type { Onward } from "./onward.ts";
import { Passage, type PassageLimits } from "./passage.ts";

const TICK_MS = 1000;
const STATUS = {
  404: "404 Not Found",
  429: "429 Too Many Requests",
  503: "503 Service Unavailable",
} as const;

export class Passages {
  readonly #onward: Onward;
  readonly #config: SettingValues;
  readonly #addresses: AddressLimit;
  readonly #timer: Clock;
  readonly #limits: PassageLimits;
  readonly #server: WebSocketServer = upgradeServer();
  readonly #open = new Set<Passage>();
  /** Sides of the relay that a passage looks after. */
  readonly #joined = new WeakSet<WebSocket>();
  readonly #opening = new Set<WebSocket>();
  readonly #ticking: NodeJS.Timeout;
  #isAccepting = true;
  #onEmpty: (() => void) | undefined;

  constructor(onward: Onward, config: SettingValues, addresses: AddressLimit, timer: Clock) {
    this.#onward = onward;
    this.#config = config;
    this.#addresses = addresses;
    this.#timer = timer;
    this.#limits = {
      bufferBytes: config.SEND_BUFFER,
      slowMs: config.SLOW_SECONDS * 1000,
      pingMs: config.PING_SECONDS * 1000,
      silenceMs: config.SILENCE_SECONDS * 1000,
    };
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    this.#ticking.unref();
  }

  get count(): number {
    return this.#open.size;
  }

  attach(server: Server): void {
    server.on("upgrade", (request, stream, head) => this.#onUpgrade(request, stream, head));
  }

  /** Ends all; resolves when they are gone, or have been cut after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#isAccepting = false;
    clearInterval(this.#ticking);
    for (const relay of this.#opening) relay.terminate();
    if (this.#open.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const passage of this.#open) passage.close();
    const cut = setTimeout(() => {
      for (const passage of this.#open) passage.terminate();
    }, graceMs);
    await gone;
    clearTimeout(cut);
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on("error", () => stream.destroy());
    if (request.url !== WEBSOCKET_PATH) refuseUpgrade(stream, STATUS[404]);
    else if (!this.#isAccepting) refuseUpgrade(stream, STATUS[503]);
    else this.#admit(request, stream, head);
  }

  #admit(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const release = this.#addresses.enter(addressOf(request, this.#config.PROXY_HOPS));
    if (release === undefined) {
      refuseUpgrade(stream, STATUS[429]);
      return;
    }
    stream.once("close", release);
    this.#openWay(stream, (relay) => {
      this.#server.handleUpgrade(request, stream, head, (client) => this.#join(client, relay));
    });
  }

  /** What the relay says first waits in its socket until somebody listens. */
  #openWay(stream: Duplex, onOpen: (relay: WebSocket) => void): void {
    const relay = this.#onward.socket();
    this.#opening.add(relay);
    let isSettled = false;
    const refuse = (status: number | undefined) => {
      this.#opening.delete(relay);
      if (!isSettled) refuseUpgrade(stream, status === 429 ? STATUS[429] : STATUS[503]);
      isSettled = true;
    };
    stream.once("close", () => {
      if (!this.#joined.has(relay)) relay.terminate();
    });
    relay.on("error", () => refuse(undefined));
    relay.once("unexpected-response", (request, { statusCode }) => {
      refuse(statusCode);
      request.destroy();
    });
    relay.once("open", () => {
      isSettled = true;
      this.#opening.delete(relay);
      relay.pause();
      if (this.#isAccepting && !stream.destroyed) {
        onOpen(relay);
      } else {
        relay.terminate();
        refuseUpgrade(stream, STATUS[503]);
      }
    });
  }

  #join(client: WebSocket, relay: WebSocket): void {
    this.#joined.add(relay);
    const passage = new Passage(client, relay, this.#limits, this.#timer());
    this.#open.add(passage);
    let closed = 0;
    for (const socket of [client, relay]) {
      socket.once("close", () => {
        closed += 1;
        if (closed === 2) this.#onGone(passage);
      });
    }
    relay.resume();
  }

  #onGone(passage: Passage): void {
    this.#open.delete(passage);
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  #tick(): void {
    const now = this.#timer();
    for (const passage of [...this.#open]) passage.tick(now);
  }
}
