/** The channel key that exchanges are sealed to: known from before, or asked of the relay once. */

import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import type { Announcement } from "../../shared/wire/channel-key.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { notARelay } from "./transport-faults.ts";

const PATH = "/v1/channel-key";
/** An announcement has 182 bytes and its kind byte. */
const MAX_BYTES = 512;

export class ChannelKey {
  readonly #context: ConnectionContext;
  readonly #signal: AbortSignal;
  #asked: Promise<Announcement> | undefined;

  /** `signal` gives the question up. */
  constructor(context: ConnectionContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  /** All who ask while none is known share one question. */
  newest(): Promise<Announcement> {
    const known = this.#context.announcements.newest;
    if (known !== undefined) return Promise.resolve(known);
    this.#asked ??= this.#ask();
    return this.#asked;
  }

  async #ask(): Promise<Announcement> {
    const { transport, origin, timings, announcements } = this.#context;
    const bytes = await transport.get(`${origin}${PATH}`, {
      signal: this.#signal,
      timeoutMs: timings.handshakeMs,
      maxBytes: MAX_BYTES,
    });
    if (bytes[0] !== MESSAGE_KINDS.announcement) {
      throw notARelay("bytes that are no announcement of a channel key");
    }
    return announcements.offer(bytes.subarray(1));
  }
}
