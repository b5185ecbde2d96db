/** Work that goes on until Ctrl-C or SIGTERM, and then ends in order. */

const ENDING_SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Resolves when the work does, also when an ending signal made it end. A second signal ends the process. */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const end = (): void => controller.abort();
  for (const name of ENDING_SIGNALS) process.once(name, end);
  try {
    await work(controller.signal);
  } catch (fault) {
    if (!controller.signal.aborted) throw fault;
  } finally {
    for (const name of ENDING_SIGNALS) process.off(name, end);
  }
}
