/**
 * `tumar outbox --follow`: on a screen the list is drawn anew whenever something changes, and every
 * second for the times in it; elsewhere each change of a message is a line.
 */

import { toBase32 } from "../../shared/crypto/bytes.ts";
import type { Client } from "../core/client.ts";
import type { OutboxItem } from "../core/types.ts";
import { outboxText, outgoingText, sentText } from "./human-text.ts";
import type { Invocation } from "./invocation.ts";
import { outboxJson, outgoingJson } from "./json-shapes.ts";
import { RateMeter } from "./rate-meter.ts";
import { untilInterrupted } from "./signals.ts";

const LOOK_MS = 1_000;

export class OutboxFollower {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #isDrawn: boolean;
  /** What was printed last of each message that waits, by its id. */
  readonly #printed = new Map<string, string>();
  /** Of what takes long, by its id. */
  readonly #meters = new Map<string, RateMeter>();
  /** Lines about messages that have left, for the screen. */
  readonly #left: string[] = [];

  constructor(invocation: Invocation, client: Client) {
    this.#invocation = invocation;
    this.#client = client;
    this.#isDrawn = invocation.terminal.isScreen && !invocation.isJson;
  }

  /** Until nothing waits any more, or it is interrupted. */
  async run(): Promise<void> {
    await untilInterrupted(async (signal) => {
      this.#client.start();
      while (!signal.aborted) {
        const news = this.#nextNews(signal);
        const items = await this.#client.outbox();
        await this.#show(items);
        if (items.length === 0) break;
        await news;
      }
    });
    this.#invocation.remark(
      this.#printed.size === 0 ? "Nothing waits to be sent." : "What is left goes out later.",
    );
  }

  async #show(items: readonly OutboxItem[]): Promise<void> {
    await this.#showLeft(items);
    for (const item of items) await this.#showWaiting(item);
    if (!this.#isDrawn) return;
    const { terminal } = this.#invocation;
    const nowMs = Date.now();
    const waiting = items.map((item) =>
      outboxText(item, terminal, nowMs, this.#leftMs(item, nowMs)),
    );
    await terminal.redraw([...this.#left, ...waiting].join("\n"));
  }

  async #showWaiting(item: OutboxItem): Promise<void> {
    const key = toBase32(item.id);
    const line = newsOf(item);
    if (this.#printed.get(key) === line) return;
    this.#printed.set(key, line);
    if (this.#isDrawn) return;
    const { terminal } = this.#invocation;
    await this.#invocation.print(outboxJson(item), () => outboxText(item, terminal, Date.now()));
  }

  #leftMs({ id, media }: OutboxItem, nowMs: number): number | null {
    if (media === null) return null;
    const key = toBase32(id);
    const meter = this.#meters.get(key) ?? new RateMeter();
    this.#meters.set(key, meter);
    meter.count(nowMs, media.storedBytes);
    return meter.leftMs(nowMs, media.totalBytes);
  }

  async #showLeft(items: readonly OutboxItem[]): Promise<void> {
    const waiting = new Set(items.map(({ id }) => toBase32(id)));
    const gone = [...this.#printed.keys()].filter((key) => !waiting.has(key));
    if (gone.length === 0) return;
    const { terminal } = this.#invocation;
    for (const message of await this.#client.sent()) {
      const key = toBase32(message.id);
      if (!gone.includes(key)) continue;
      this.#printed.delete(key);
      this.#meters.delete(key);
      if (this.#isDrawn) this.#left.push(sentText(message, terminal));
      else {
        const json = outgoingJson(message);
        await this.#invocation.print(json, () => outgoingText(message, terminal));
      }
    }
  }

  /** Resolves at the next event, at an interruption, or after a second. */
  #nextNews(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stop();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, LOOK_MS);
      const stop = this.#client.on(done);
      signal.addEventListener("abort", done);
    });
  }
}

/** For a script each new try is no news, but another hindrance is; of a file each tenth that is on the relay. */
function newsOf(item: OutboxItem): string {
  const { media, waitingFor, ...rest } = { ...outboxJson(item), trying: "", nextTryMs: 0 };
  if (media === null) return JSON.stringify({ ...rest, waitingFor });
  const tenths = media.percent === null ? null : Math.floor(media.percent / 10);
  const { sealed, cutOff } = media;
  return JSON.stringify({ ...rest, tenths, sealed, cutOff });
}
