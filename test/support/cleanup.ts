/**
 * What tests open is closed when they end, the last opened first: a client still finds the relay it
 * says farewell to, and a folder outlives whoever writes in it. (node:test alone closes the first first.)
 */

/** Anything that runs cleanups when it ends: `TestContext` of node:test, or a list of one's own. */
export interface Cleanup {
  after(clean: () => Promise<void>): void;
}

type Clean = () => unknown;

const opened = new WeakMap<Cleanup, Clean[]>();

export function atEnd(test: Cleanup, clean: Clean): void {
  const cleans = opened.get(test);
  if (cleans !== undefined) {
    cleans.push(clean);
    return;
  }
  const all = [clean];
  opened.set(test, all);
  test.after(() => closeAll(all));
}

/** All of them, also when one fails. */
async function closeAll(cleans: Clean[]): Promise<void> {
  const clean = cleans.pop();
  if (clean === undefined) return;
  try {
    await Promise.resolve(clean());
  } finally {
    await closeAll(cleans);
  }
}
