/**
 * A transport that goes to another port than the address says, under the address's own key: so that
 * one person's connections, or one kind of them, pass a tap or a bad network and others do not.
 */

import type { Transport } from "../../client/net/transport.ts";

/** `portOf` gives the port to go to instead of the one asked for. */
export function routedTransport(inner: Transport, portOf: (port: number) => number): Transport {
  const routed = (url: string): string => {
    const there = new URL(url);
    there.port = String(portOf(Number(there.port)));
    return there.href;
  };
  const { apart } = inner;
  return {
    connect: (url, options) => inner.connect(routed(url), options),
    get: (url, options) => inner.get(routed(url), options),
    post: (url, body, options) => inner.post(routed(url), body, options),
    ...(apart === undefined ? {} : { apart: () => routedTransport(apart.call(inner), portOf) }),
  };
}
