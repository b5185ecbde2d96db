/**
 * Room for long bodies of requests, as their heads announce them: so many bytes for one address and
 * for all. Who comes when it is used up is not read; nobody else waits for that.
 */

import type { Release } from "./address-limit.ts";
import { ByteBudget } from "./blobs/byte-budget.ts";

const MAX_BYTES: number = 32 * 1024 * 1024;
/** A window of one client, or slices of twenty. */
const MAX_BYTES_EACH: number = 1024 * 1024;

interface Share {
  readonly budget: ByteBudget;
  users: number;
}

export class BodyRoom {
  readonly #all = new ByteBudget(MAX_BYTES);
  readonly #shares = new Map<string, Share>();

  /** Resolves when the body may be read; call the result when it has been, or never will be. */
  async take(name: string, bytes: number): Promise<Release> {
    const share = this.#shares.get(name) ?? { budget: new ByteBudget(MAX_BYTES_EACH), users: 0 };
    this.#shares.set(name, share);
    share.users += 1;
    const letGoOfShare = await share.budget.take(bytes);
    const letGoOfAll = await this.#all.take(bytes);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      letGoOfShare();
      letGoOfAll();
      share.users -= 1;
      if (share.users === 0) this.#shares.delete(name);
    };
  }
}
