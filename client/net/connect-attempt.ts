/**
 * One attempt to open a socket, whatever opens it: it comes about, fails, takes too long or is given
 * up. The first of these settles it, and a socket that is not handed out is dropped.
 */

import type { ConnectOptions, Socket } from "./transport.ts";
import { unreachable } from "./transport-faults.ts";

/** What the platform tells; without effect once the attempt is settled. */
export interface ConnectAttempt {
  opened(socket: Socket): void;
  failed(reason: unknown): void;
}

/** For a socket that was begun: `drop` ends it, `watch` tells what becomes of it. */
export function connectAttempt(
  { signal, timeoutMs }: ConnectOptions,
  drop: () => void,
  watch: (attempt: ConnectAttempt) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const settle = (tell: () => void) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      tell();
    };
    const failed = (reason: unknown) =>
      settle(() => {
        drop();
        reject(reason);
      });
    const onAbort = () => failed(signal.reason);
    const timer = setTimeout(() => failed(unreachable("no connection in time")), timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    watch({ opened: (socket) => settle(() => resolve(socket)), failed });
  });
}
