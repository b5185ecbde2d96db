/**
 * One connection through the laboratory: the client's socket, the one onwards, a pipe each way, and
 * what the profile does to the connection as a whole.
 *
 * A frozen connection is silent for good in both directions: neither bytes nor the end of either side
 * get through, and no side is told. It stays frozen whatever the network becomes.
 */

import { connect, type Socket } from "node:net";
import type { Clock } from "../../../client/net/clock.ts";
import type { Chance } from "./chance.ts";
import type { Direction, Line } from "./line.ts";
import { type Item, Pipe } from "./pipe.ts";

export interface ConnectionStats {
  /** Counted from 0 in the order clients came. */
  readonly id: number;
  /** What answered: `target`, or the gateway of the profile. */
  readonly route: string;
  /** By the laboratory's clock. */
  readonly openedAtMs: number;
  /** When the client had left. */
  readonly closedAtMs: number | undefined;
  /** That the client has put on the line, what a reset lost on its way included. */
  readonly sentUpBytes: number;
  /** That reached the other side. */
  readonly upBytes: number;
  readonly downBytes: number;
  /** A stall: there was more to come, and the network let nothing through any more. */
  readonly isFrozen: boolean;
  /** By the network; not by the client or the relay. */
  readonly isReset: boolean;
  /** Packets that TCP had to repeat. */
  readonly losses: number;
  /** With `record`: the bytes that reached the other side. */
  readonly up: Buffer;
  readonly down: Buffer;
}

export type ConnectionChange = "opened" | "frozen" | "reset" | "closed";

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly route: string;
}

export interface ConnectionHost {
  readonly clock: Clock;
  readonly line: Line;
  readonly isRecording: boolean;
  chance(label: string): Chance;
  /** Where a connection with this beginning goes; undefined until more of it is known. */
  route(beginning: Buffer): Promise<Place> | undefined;
  changed(connection: Connection, change: ConnectionChange): void;
}

/** Until a reset, so that what came before is read first: libuv takes data and reset at once for an end. */
const RESET_AFTER_MS = 5;

/** A sender is not read from while so much is on its way or not taken by the other side. */
const MAX_HELD_BYTES = 32_768;

export class Connection {
  readonly id: number;
  readonly #host: ConnectionHost;
  readonly #client: Socket;
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  readonly #passed: Record<Direction, number> = { up: 0, down: 0 };
  #sentUpBytes = 0;
  readonly #recorded: Readonly<Record<Direction, Buffer[]>> = { up: [], down: [] };
  /** Where in the range of the profile this one is reset. */
  readonly #resetShare: number;
  readonly #openedAtMs: number;
  /** Read before it was clear where it goes. */
  readonly #beginning: Buffer[] = [];
  /** Over the line before there was a socket to go on. */
  readonly #early: Item[] = [];
  #onward: Socket | undefined;
  #isRouted = false;
  #isFrozen = false;
  #isReset = false;
  #isEnded = false;
  #closedAtMs: number | undefined;
  #route = "none";

  constructor(id: number, client: Socket, host: ConnectionHost) {
    this.id = id;
    this.#host = host;
    this.#client = client;
    const { clock, line } = host;
    this.#openedAtMs = clock.now();
    this.#resetShare = host.chance(`reset ${id}`).next();
    // TCP's own handshake takes a round trip, in which the client can send nothing.
    const readyAtMs = this.#openedAtMs + line.profile.rttMs;
    this.#pipes = { up: this.#pipe("up", readyAtMs), down: this.#pipe("down", readyAtMs) };
    client.on("close", () => this.#left());
    client.on("data", (chunk: Buffer) => this.#fromClient(chunk));
    this.#passEnds(client, "up");
    host.changed(this, "opened");
    this.#tryRoute();
  }

  /** The network is another one from now on. */
  moveTo(line: Line): void {
    for (const pipe of Object.values(this.#pipes)) if (!this.#isDead) pipe.moveTo(line);
  }

  /** As a network does that has forgotten the connection. */
  reset(): void {
    if (this.#isDead || this.#closedAtMs !== undefined) return;
    this.#isReset = true;
    for (const pipe of Object.values(this.#pipes)) pipe.close();
    this.#host.clock.after(RESET_AFTER_MS, () => this.end());
    this.#host.changed(this, "reset");
  }

  /** Both sockets are gone afterwards. */
  end(): void {
    this.#isEnded = true;
    for (const pipe of Object.values(this.#pipes)) pipe.close();
    for (const socket of [this.#client, this.#onward]) if (socket) resetSocket(socket);
  }

  stats(): ConnectionStats {
    const { up, down } = this.#pipes;
    return {
      id: this.id,
      route: this.#route,
      openedAtMs: this.#openedAtMs,
      closedAtMs: this.#closedAtMs,
      sentUpBytes: this.#sentUpBytes,
      upBytes: this.#passed.up,
      downBytes: this.#passed.down,
      isFrozen: this.#isFrozen,
      isReset: this.#isReset,
      losses: up.losses + down.losses,
      up: Buffer.concat(this.#recorded.up),
      down: Buffer.concat(this.#recorded.down),
    };
  }

  get #isDead(): boolean {
    return this.#isFrozen || this.#isReset;
  }

  #pipe(direction: Direction, readyAtMs: number): Pipe {
    const { clock, line } = this.#host;
    return new Pipe(line, {
      direction,
      clock,
      chance: this.#host.chance(`${direction} ${this.id}`),
      readyAtMs,
      deliver: (item) => this.#deliver(direction, item),
    });
  }

  // --- from the sockets -------------------------------------------------------------------------

  #fromClient(chunk: Buffer): void {
    if (this.#isRouted) this.#push("up", chunk);
    else {
      this.#beginning.push(chunk);
      this.#tryRoute();
    }
  }

  #tryRoute(): void {
    const place = this.#host.route(Buffer.concat(this.#beginning));
    if (place === undefined) return;
    this.#isRouted = true;
    for (const chunk of this.#beginning.splice(0)) this.#push("up", chunk);
    place.then(
      (found) => this.#goOn(found),
      () => this.end(),
    );
  }

  #goOn({ host, port, route }: Place): void {
    if (this.#isReset || this.#isEnded) return;
    this.#route = route;
    const onward = connect({ host, port, allowHalfOpen: true });
    this.#onward = onward;
    onward.setNoDelay(true);
    onward.on("data", (chunk: Buffer) => this.#push("down", chunk));
    this.#passEnds(onward, "down");
    for (const item of this.#early.splice(0)) this.#write("up", item);
  }

  /** How a sender ends travels after its bytes. */
  #passEnds(from: Socket, direction: Direction): void {
    from.on("end", () => this.#push(direction, "end"));
    from.on("error", () => this.#push(direction, "reset"));
  }

  #push(direction: Direction, item: Item): void {
    if (this.#isDead) {
      if (direction === "up" && typeof item === "string") this.#left();
      return;
    }
    if (direction === "up" && typeof item !== "string") this.#sentUpBytes += item.length;
    this.#pipes[direction].push(item);
    if (!this.#isDead && this.#isFull(direction)) this.#sourceOf(direction)?.pause();
  }

  #mayRead(direction: Direction): void {
    if (this.#isDead || !this.#isFull(direction)) this.#sourceOf(direction)?.resume();
  }

  #isFull(direction: Direction): boolean {
    const unsent = this.#sinkOf(direction)?.writableLength ?? 0;
    return this.#pipes[direction].heldBytes + unsent > MAX_HELD_BYTES;
  }

  #sourceOf(direction: Direction): Socket | undefined {
    return direction === "up" ? this.#client : this.#onward;
  }

  #sinkOf(direction: Direction): Socket | undefined {
    return direction === "up" ? this.#onward : this.#client;
  }

  // --- out of the pipes -------------------------------------------------------------------------

  #deliver(direction: Direction, item: Item): void {
    const { line, clock } = this.#host;
    const { outages } = line;
    if (outages?.kind === "ends" && outages.wasDown(this.#openedAtMs, clock.now())) {
      this.#freeze();
      return;
    }
    if (typeof item === "string") this.#write(direction, item);
    else this.#deliverBytes(direction, item);
    this.#mayRead(direction);
  }

  #deliverBytes(direction: Direction, bytes: Uint8Array): void {
    const untilFrozen = this.#bytesUntilFrozen(direction);
    const untilReset = this.#bytesUntilReset();
    const left = Math.max(0, Math.min(bytes.length, untilFrozen, untilReset));
    if (left > 0) this.#write(direction, bytes.subarray(0, left));
    if (left === bytes.length) return;
    if (untilReset <= untilFrozen) this.reset();
    else this.#freeze();
  }

  #bytesUntilFrozen(direction: Direction): number {
    const limit = this.#host.line.profile.freezeAfterDownBytes;
    return limit === undefined || direction === "up"
      ? Number.POSITIVE_INFINITY
      : limit - this.#passed.down;
  }

  #bytesUntilReset(): number {
    const range = this.#host.line.profile.resetBytes;
    if (range === undefined) return Number.POSITIVE_INFINITY;
    const [from, to] = range;
    const at = Math.round(from + this.#resetShare * (to - from));
    return at - this.#passed.up - this.#passed.down;
  }

  #write(direction: Direction, item: Item): void {
    const sink = this.#sinkOf(direction);
    if (sink === undefined) this.#early.push(item);
    else if (sink.destroyed) return;
    else if (item === "end") sink.end();
    else if (item === "reset") resetSocket(sink);
    else {
      sink.write(item, () => this.#mayRead(direction));
      this.#passed[direction] += item.length;
      if (this.#host.isRecording) this.#recorded[direction].push(Buffer.from(item));
    }
  }

  #freeze(): void {
    this.#isFrozen = true;
    for (const pipe of Object.values(this.#pipes)) pipe.close();
    // Read on, to hear of the end; what comes is dropped.
    this.#client.resume();
    this.#onward?.resume();
    this.#host.changed(this, "frozen");
  }

  #left(): void {
    if (this.#closedAtMs !== undefined) return;
    this.#closedAtMs = this.#host.clock.now();
    this.#host.changed(this, "closed");
  }
}

/**
 * RST. `resetAndDestroy()` of Node would send what waits and FIN first, and loses a handle that is
 * being shut down; a socket of ours that has sent FIN is closed without more.
 */
function resetSocket(socket: Socket): void {
  if (!socket.writableEnded) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
