/**
 * One exchange: frames in message 1 of a handshake of their own, all answers in message 2.
 *
 *     announcement ──message 1──> posted ──message 2──> answered
 *                        ^──refused, newer key, once──┘   └──RETRY: again, once, with the epoch told
 *
 * What the answer says of an older question is not believed: it does not open.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Announcement } from "../../shared/wire/channel-key.ts";
import { ClientChannel, type ExchangeAnswer } from "../../shared/wire/client-channel.ts";
import { isBucket } from "../../shared/wire/padding.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { FrameExchange } from "./frame-exchange.ts";
import type { Outgoing } from "./outgoing.ts";
import { answerCut } from "./transport-faults.ts";

export interface ExchangeHost {
  /** The newest channel key known; asked of the relay when there is none. */
  channelKey(): Promise<Announcement>;
  post(message1: Uint8Array): Promise<Uint8Array>;
  /** An answer opened: the relay has the key its address names. Told before what is in it. */
  onAnswer(answer: Uint8Array): void;
}

type Context = Pick<ConnectionContext, "announcements" | "random">;

export class Exchange {
  readonly #context: Context;
  readonly #host: ExchangeHost;
  readonly #frames: FrameExchange;
  #used: Announcement | undefined;

  /** Of frames that fit: ask exchange-room.ts. */
  constructor(context: Context, host: ExchangeHost, outgoing: readonly Outgoing[]) {
    this.#context = context;
    this.#host = host;
    this.#frames = new FrameExchange({
      relayIdentity: () => {
        if (this.#used === undefined) throw new TypeError("no channel key is in use");
        return this.#used.identity;
      },
      onEpoch: (epoch) => context.announcements.tellEpoch(epoch),
    });
    for (const one of outgoing) this.#frames.submit(one);
  }

  /** Resolves when every frame was told its answer. Call `end` when it rejects. */
  async run(): Promise<void> {
    let refusals = 0;
    while (this.#frames.hasNext) {
      const key = await this.#host.channelKey();
      this.#used = key;
      const channel = ClientChannel.start(key, this.#context.random);
      const frames = this.#frames.takeFirst(channel);
      if (frames.length === 0) return;
      const answer = await this.#host.post(channel.seal(frames));
      const opened = openAnswer(channel, answer);
      if (opened.kind === "refused") {
        if (++refusals > 1) {
          throw new TumarError("CHANNEL_REFUSED", "the relay refuses every channel key it shows");
        }
        this.#context.announcements.offerAfterRefusal(opened.announcement, key);
        this.#frames.takeBackFirst();
        continue;
      }
      this.#host.onAnswer(answer);
      for (const frame of opened.frames) this.#frames.receive(frame);
      this.#frames.checkAnswered();
    }
  }

  /** It failed. What never left is returned, the rest is told. */
  end(error: TumarError): readonly Outgoing[] {
    return this.#frames.end(error);
  }
}

/** @throws TumarError EXCHANGE_CUT, EXCHANGE_REPEATED, NOT_A_RELAY, RELAY_FAULT */
function openAnswer(channel: ClientChannel, answer: Uint8Array): ExchangeAnswer {
  const isMessage = answer[0] === 1;
  if (answer.length === 0 || (isMessage && !isBucket(answer.length))) {
    throw answerCut("the answer is shorter than any a relay gives");
  }
  try {
    return channel.openAnswer(answer, answer.length);
  } catch (error) {
    if (!(error instanceof TumarError) || error.code !== "CHANNEL_BROKEN") throw error;
    if (!isMessage) throw new TumarError("NOT_A_RELAY", "bytes that no relay answers");
    throw new TumarError("EXCHANGE_REPEATED", "the answer is to another question", {
      cause: error,
    });
  }
}
