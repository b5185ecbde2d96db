/**
 * One WebSocket of a client joined with one to the relay: messages pass both ways unread, and what
 * ends one side ends the other.
 *
 * Each lane holds at most the send buffer and one message more: beyond that its source is not read.
 */

import { WebSocket } from "ws";

export interface PassageLimits {
  /** Bytes unsent in one lane, above which its source is not read. */
  readonly bufferBytes: number;
  /** Above them without anything leaving, then both sides are cut. */
  readonly slowMs: number;
  readonly pingMs: number;
  /** Without a sign of life, then both sides are cut. */
  readonly silenceMs: number;
}

const CLOSE = { ordinary: 1000, goingAway: 1001, violation: 1008, badGateway: 1014 } as const;
/** What a relay closes with; another end of its side is told as 1014. */
const RELAY_CODES: readonly number[] = [1000, 1001, 1008, 1009, 1011];

export class Passage {
  readonly #client: Side;
  readonly #relay: Side;
  readonly #limits: PassageLimits;
  #pingedAt: number;

  /** Both are open. `now` is the time of `tick`. */
  constructor(client: WebSocket, relay: WebSocket, limits: PassageLimits, now: number) {
    this.#limits = limits;
    this.#pingedAt = now;
    this.#client = new Side(client, limits.bufferBytes, now);
    this.#relay = new Side(relay, limits.bufferBytes, now);
    this.#client.leadTo(this.#relay, () => CLOSE.ordinary);
    this.#relay.leadTo(this.#client, (code) =>
      RELAY_CODES.includes(code) ? code : CLOSE.badGateway,
    );
  }

  tick(now: number): void {
    const { slowMs, pingMs, silenceMs } = this.#limits;
    const sides = [this.#client, this.#relay];
    if (sides.some((side) => side.isStuck(now, slowMs) || side.isSilent(now, silenceMs))) {
      this.terminate();
    } else if (now - this.#pingedAt >= pingMs) {
      this.#pingedAt = now;
      for (const { socket } of sides) if (socket.readyState === WebSocket.OPEN) socket.ping();
    }
  }

  /** The door is shutting down. */
  close(): void {
    this.#client.socket.close(CLOSE.goingAway);
    this.#relay.socket.close(CLOSE.ordinary);
  }

  terminate(): void {
    this.#client.socket.terminate();
    this.#relay.socket.terminate();
  }
}

/** One socket, and the lane of messages that come out of it. */
class Side {
  readonly socket: WebSocket;
  readonly #bufferBytes: number;
  #unsent = 0;
  #sent = 0;
  #sentAtLastTick = 0;
  #heard = true;
  #heardAt: number;
  #stuckSince: number | undefined;

  constructor(socket: WebSocket, bufferBytes: number, now: number) {
    this.socket = socket;
    this.#bufferBytes = bufferBytes;
    this.#heardAt = now;
  }

  leadTo({ socket: other }: Side, closeCode: (code: number) => number): void {
    const { socket } = this;
    const hear = () => {
      this.#heard = true;
    };
    socket.on("ping", hear);
    socket.on("pong", hear);
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      hear();
      if (isBinary) this.#pass(data, other);
      else socket.close(CLOSE.violation);
    });
    // `close` follows, with the code that `ws` told the other end.
    socket.on("error", () => undefined);
    socket.on("close", (code) => {
      if (other.isPaused) other.resume();
      other.close(closeCode(code));
    });
  }

  /** True when what came out of this side has not left for `slowMs` although there is too much of it. */
  isStuck(now: number, slowMs: number): boolean {
    const isMoving = this.#sent !== this.#sentAtLastTick;
    this.#sentAtLastTick = this.#sent;
    if (!this.socket.isPaused || isMoving) this.#stuckSince = undefined;
    else this.#stuckSince ??= now;
    return this.#stuckSince !== undefined && now - this.#stuckSince >= slowMs;
  }

  /** A side that is not read cannot be heard. */
  isSilent(now: number, silenceMs: number): boolean {
    if (this.#heard || this.socket.isPaused) this.#heardAt = now;
    this.#heard = false;
    return now - this.#heardAt >= silenceMs;
  }

  #pass(data: Buffer, other: WebSocket): void {
    this.#unsent += data.length;
    if (this.#unsent > this.#bufferBytes) this.socket.pause();
    other.send(data, { binary: true }, () => this.#left(data.length));
  }

  #left(bytes: number): void {
    this.#unsent -= bytes;
    this.#sent += bytes;
    if (this.socket.isPaused && this.#unsent <= this.#bufferBytes) this.socket.resume();
  }
}
