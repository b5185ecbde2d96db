/** A link so slow that what a client sends lies in it until a test lets it through. */

import { nodeTransport } from "../../client/net/node/node-transport.ts";
import type { Socket, Transport } from "../../client/net/transport.ts";

interface Waiting {
  readonly socket: Socket;
  readonly message: Uint8Array;
}

export class HeldLink {
  readonly #waiting: Waiting[] = [];
  #isHeld = false;

  /** Bytes that lie in it. */
  get heldBytes(): number {
    return this.#waiting.reduce((sum, { message }) => sum + message.length, 0);
  }

  hold(): void {
    this.#isHeld = true;
  }

  /** Lets everything through, in order, from now on. */
  release(): void {
    this.#isHeld = false;
    for (const { socket, message } of this.#waiting.splice(0)) socket.send(message);
  }

  transport(): Transport {
    const inner = nodeTransport();
    return {
      get: (url, options) => inner.get(url, options),
      post: (url, body, options) => inner.post(url, body, options),
      connect: async (url, options) => this.#held(await inner.connect(url, options)),
    };
  }

  #held(socket: Socket): Socket {
    const held = () => this.#waiting.filter((one) => one.socket === socket);
    return {
      get bufferedAmount() {
        return held().reduce((sum, { message }) => sum + message.length, socket.bufferedAmount);
      },
      send: (message) => {
        if (this.#isHeld) this.#waiting.push({ socket, message });
        else socket.send(message);
      },
      listen: (listener) => socket.listen(listener),
      close: () => socket.close(),
    };
  }
}
