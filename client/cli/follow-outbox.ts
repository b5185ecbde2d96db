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
import { untilInterrupted } from "./signals.ts";

const LOOK_MS = 1_000;

export class OutboxFollower {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #isDrawn: boolean;
  /** What was printed last of each message that waits, by its id. */
  readonly #printed = new Map<string, string>();
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
    const waiting = items.map((item) => outboxText(item, terminal, nowMs));
    await terminal.redraw([...this.#left, ...waiting].join("\n"));
  }

  async #showWaiting(item: OutboxItem): Promise<void> {
    const key = toBase32(item.id);
    // For a script each new try is no news, but another hindrance is.
    const line = JSON.stringify({ ...outboxJson(item), trying: "", nextTryMs: 0 });
    if (this.#printed.get(key) === line) return;
    this.#printed.set(key, line);
    if (this.#isDrawn) return;
    const { terminal } = this.#invocation;
    await this.#invocation.print(outboxJson(item), () => outboxText(item, terminal, Date.now()));
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
