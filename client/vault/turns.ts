/** Takes turns within one process: first come, first served, and nobody waits for ever. */

import { TumarError } from "../../shared/crypto/errors.ts";

export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves to the function that ends the turn. @throws TumarError VAULT_BUSY after `waitMs` */
  async take(waitMs: number): Promise<() => void> {
    const previous = this.#last;
    const { promise, resolve } = withResolver();
    this.#last = promise;
    if (await settlesWithin(previous, waitMs)) return resolve;
    void previous.then(resolve);
    throw new TumarError("VAULT_BUSY", `the vault was in use for more than ${waitMs} ms`);
  }
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function settlesWithin(promise: Promise<void>, waitMs: number): Promise<boolean> {
  if (waitMs === Number.POSITIVE_INFINITY) return promise.then(() => true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), waitMs);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
