/** Whose request it is, for limits: the address of the user, behind our own proxies too. */

import type { IncomingMessage } from "node:http";

/** The user's address: the last one that is not one of our own proxies. */
export function addressOf(request: IncomingMessage, proxyHops: number): string {
  const direct = request.socket.remoteAddress ?? "";
  if (proxyHops === 0) return direct;
  const header = request.headers["x-forwarded-for"];
  const list = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",");
  const forwarded = list.map((part) => part.trim()).filter((part) => part !== "");
  return forwarded.at(-proxyHops) ?? forwarded[0] ?? direct;
}
