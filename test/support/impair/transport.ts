/** A client's way to relays through the laboratory: addresses stay the relays' own. */

import type { Transport } from "../../../client/net/transport.ts";
import type { Impairment } from "./impair.ts";

/** What goes to `address` goes through the network; the rest goes as it is. */
export function throughNetwork(
  network: Impairment,
  address: string,
  transport: Transport,
): Transport {
  const { host } = new URL(address);
  return redirected(transport, (url) => {
    if (url.host === host) url.port = String(network.port);
  });
}

/** Each URL is changed before it is used. */
export function redirected(transport: Transport, change: (url: URL) => void): Transport {
  const changed = (text: string) => {
    const url = new URL(text);
    change(url);
    return url.href;
  };
  return {
    connect: (url, options) => transport.connect(changed(url), options),
    get: (url, options) => transport.get(changed(url), options),
    post: (url, body, options) => transport.post(changed(url), body, options),
    apart: () => redirected(transport.apart?.() ?? transport, change),
  };
}
