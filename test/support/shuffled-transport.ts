/**
 * A network whose messages arrive in an order drawn from a seed: every transport made by one
 * `Shuffle` shares it, so that what several clients hear from the relay is interleaved anew for each
 * seed. Within one socket the order is kept, as TCP keeps it.
 */

import { nodeTransport } from "../../client/net/node/node-transport.ts";
import type { Socket, SocketListener, Transport } from "../../client/net/transport.ts";
import type { Random } from "../../shared/crypto/bytes.ts";
import { seededRandom } from "./seeded-random.ts";

type Telling = () => void;

export class Shuffle {
  readonly #random: Random;
  readonly #queues: Telling[][] = [];
  #isRunning = false;

  constructor(seed: string) {
    this.#random = seededRandom(seed);
  }

  transport(): Transport {
    const inner = nodeTransport();
    return {
      connect: async (url, options) => this.#shuffled(await inner.connect(url, options)),
      get: (url, options) => inner.get(url, options),
      post: (url, body, options) => inner.post(url, body, options),
    };
  }

  #shuffled(socket: Socket): Socket {
    const queue: Telling[] = [];
    this.#queues.push(queue);
    const later = (telling: Telling) => {
      queue.push(telling);
      this.#run();
    };
    let isClosed = false;
    return {
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
      send: (message) => socket.send(message),
      listen: (listener: SocketListener) => {
        const told = (telling: Telling) => later(() => isClosed || telling());
        socket.listen({
          onMessage: (message) => told(() => listener.onMessage(message)),
          onAlive: () => listener.onAlive(),
          onClosed: (error) => told(() => listener.onClosed(error)),
        });
      },
      close: () => {
        isClosed = true;
        socket.close();
      },
    };
  }

  /** One message of a drawn socket each turn of the event loop; now and then none. */
  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => {
      this.#isRunning = false;
      const waiting = this.#queues.filter((queue) => queue.length > 0);
      const [draw = 0] = this.#random(1);
      const chosen = draw < 64 ? undefined : waiting[draw % Math.max(1, waiting.length)];
      chosen?.shift()?.();
      if (waiting.length > 0) this.#run();
    });
  }
}
