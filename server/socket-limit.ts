/**
 * Bounds the TCP connections of one address, whatever they are used for: silent ones too hold a file
 * descriptor until they time out. What goes beyond is closed at once. Behind a proxy all come from
 * its address, and only their number in all counts.
 */

import type { Server } from "node:http";
import { AddressLimit } from "./address-limit.ts";
import type { AddressNames } from "./address-names.ts";
import type { SettingValues } from "./config-table.ts";

/** A browser keeps up to six to one host; a retry begins before the old connection is given up. */
const SOCKETS_FOR_EACH = 4;

export function limitSockets(server: Server, config: SettingValues, names: AddressNames): void {
  const total = SOCKETS_FOR_EACH * (config.CONNECTIONS + config.EXCHANGES);
  const used = config.CONNECTIONS_PER_ADDRESS + config.EXCHANGES_PER_ADDRESS;
  const perAddress = config.PROXY_HOPS > 0 ? total : SOCKETS_FOR_EACH * used;
  const limit = new AddressLimit({ perAddress, total }, names);
  server.on("connection", (socket) => {
    const release = limit.enter(socket.remoteAddress ?? "");
    if (release === undefined) socket.destroy();
    else socket.once("close", release);
  });
}
