/**
 * TLS in front of a relay, as an operator's proxy does it: takes TLS, passes the bytes on in the clear,
 * and counts what went down before and after each handshake.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { createSecureContext, TLSSocket } from "node:tls";
import type { Certificate } from "./certificates.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";

/** Bytes towards the client on the wire, TLS included. */
export interface TlsCount {
  /** Until the handshake was complete; the tickets that follow are not in it. */
  handshakeBytes: number;
  bytes: number;
}

export interface TlsTerminator {
  readonly port: number;
  readonly counts: readonly TlsCount[];
}

/** Closed when the test ends. */
export async function tlsTerminator(
  test: Cleanup,
  relayPort: number,
  { key, cert }: Certificate,
): Promise<TlsTerminator> {
  const counts: TlsCount[] = [];
  const sockets = new Set<Socket>();
  const secureContext = createSecureContext({ key, cert });
  const server = createServer((raw) => {
    const count: TlsCount = { handshakeBytes: 0, bytes: 0 };
    counts.push(count);
    sockets.add(raw);
    const relay = connect(relayPort, "127.0.0.1");
    sockets.add(relay);
    const clear = new TLSSocket(counted(raw, count), { isServer: true, secureContext });
    clear.once("secure", () => {
      count.handshakeBytes = count.bytes;
    });
    clear.on("error", () => relay.destroy());
    relay.on("error", () => clear.destroy());
    clear.pipe(relay).pipe(clear);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(test, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, counts };
}

function counted(raw: Socket, count: TlsCount): Duplex {
  const wire = new Duplex({
    read: () => raw.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      count.bytes += chunk.length;
      raw.write(chunk, done);
    },
    final: (done) => raw.end(done),
    destroy: (error, done) => {
      raw.destroy();
      done(error);
    },
  });
  raw.on("data", (chunk: Buffer) => {
    if (!wire.push(chunk)) raw.pause();
  });
  raw.on("end", () => wire.push(null));
  raw.on("error", () => wire.destroy());
  raw.on("close", () => wire.destroy());
  wire.on("error", () => raw.destroy());
  return wire;
}
