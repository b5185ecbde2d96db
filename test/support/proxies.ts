/**
 * Proxies for tests: Debian's microsocks as a process, and two small ones in this process that keep
 * what they were asked and resolve names that nobody else knows.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readlink } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Cleanup } from "./relay.ts";
import { until } from "./stories.ts";

export interface Login {
  readonly name: string;
  readonly password: string;
}

export interface RunningProxy {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** Destinations it connected to, as `host:port` just as it was asked for them. */
  asked(): readonly string[];
}

/** The real one; it takes this login only, or anybody. */
export async function microsocks(test: Cleanup, login?: Login): Promise<RunningProxy> {
  const { TUMAR_MICROSOCKS = "microsocks" } = process.env;
  const secrets = login === undefined ? [] : ["-u", login.name, "-P", login.password];
  const child = spawn(TUMAR_MICROSOCKS, ["-i", "127.0.0.1", "-p", "0", ...secrets], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const gone = once(child, "exit");
  test.after(async () => {
    child.kill("SIGKILL");
    await gone;
  });
  let port: number | undefined;
  await until("microsocks listens", async () => {
    port = await listeningPort(child.pid ?? 0);
    return port !== undefined;
  });
  return {
    host: `127.0.0.1:${port}`,
    asked: () => [...log.matchAll(/connected to (\S+)/g)].map(([, place]) => place ?? ""),
  };
}

/** The port of the one socket on which a process listens, as Linux tells it. */
async function listeningPort(pid: number): Promise<number | undefined> {
  const link = await readlink(`/proc/${pid}/fd/3`).catch(() => "");
  const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
  const rows = (await readFile("/proc/net/tcp", "utf8")).split("\n");
  const row = rows.map((line) => line.trim().split(/\s+/)).find((columns) => columns[9] === inode);
  const isListening = inode !== undefined && row?.[3] === "0A";
  return isListening ? Number.parseInt(row[1]?.split(":")[1] ?? "", 16) : undefined;
}

/** Where names that only the proxy knows lead to: `relay.test` → `127.0.0.1:4711`. */
export type Names = Readonly<Record<string, string>>;

export interface SocksProxy extends RunningProxy {
  readonly logins: readonly Login[];
}

/** SOCKS5 that takes any login, as Tor does, and answers `reply` to whom it does not connect. */
export async function socksProxy(test: Cleanup, names: Names, reply = 4): Promise<SocksProxy> {
  const asked: string[] = [];
  const logins: Login[] = [];
  const { host } = await listening(test, createServer(), async (socket, read) => {
    const [, count = 0] = await read(2);
    const hasLogin = (await read(count)).includes(2);
    socket.write(Uint8Array.of(5, hasLogin ? 2 : 0));
    if (hasLogin) {
      await read(1);
      const field = async () => (await read((await read(1))[0] ?? 0)).toString();
      logins.push({ name: await field(), password: await field() });
      socket.write(Uint8Array.of(1, 0));
    }
    const [, , , type] = await read(4);
    const place = type === 3 ? await read((await read(1))[0] ?? 0) : await read(4);
    const name = type === 3 ? place.toString() : [...place].join(".");
    const port = (await read(2)).readUInt16BE();
    asked.push(`${name}:${port}`);
    const onward = await connected(names[name]);
    socket.write(Uint8Array.of(5, onward === undefined ? reply : 0, 0, 1, 0, 0, 0, 0, 0, 0));
    return onward;
  });
  return { host, logins, asked: () => asked };
}

/** HTTP CONNECT, with a login or without. */
export async function connectProxy(
  test: Cleanup,
  names: Names,
  login?: Login,
): Promise<RunningProxy> {
  const asked: string[] = [];
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  const open = opened(test, server);
  server.on("connect", async (request, socket: Socket) => {
    socket.on("error", () => socket.destroy());
    const { name, password } = login ?? { name: "", password: "" };
    const wanted = `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
    if (login !== undefined && request.headers["proxy-authorization"] !== wanted) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    asked.push(request.url ?? "");
    const onward = await connected(names[new URL(`http://${request.url}`).hostname]);
    if (onward === undefined) {
      socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>no</html>");
      return;
    }
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    join(socket, onward);
  });
  return { host: await open, asked: () => asked };
}

type Read = (bytes: number) => Promise<Buffer>;

/** Serves each connection with what `meet` learns of it: another connection to join it with, or nothing. */
async function listening(
  test: Cleanup,
  server: Server,
  meet: (socket: Socket, read: Read) => Promise<Socket | undefined>,
): Promise<{ readonly host: string }> {
  const serve = async (socket: Socket): Promise<void> => {
    const read: Read = async (bytes) => {
      if (bytes === 0) return Buffer.alloc(0);
      for (;;) {
        const part = socket.read(bytes) as Buffer | null;
        if (part !== null) return part;
        await once(socket, "readable");
      }
    };
    const onward = await meet(socket, read);
    if (onward === undefined) socket.end();
    else join(socket, onward);
  };
  server.on("connection", (socket) => {
    socket.on("error", () => socket.destroy());
    serve(socket).catch(() => socket.destroy());
  });
  return { host: await opened(test, server) };
}

async function opened(test: Cleanup, server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function connected(place: string | undefined): Promise<Socket | undefined> {
  if (place === undefined) return undefined;
  const [host, port] = place.split(":");
  const socket = connect({ host, port: Number(port) });
  return await once(socket, "connect").then(
    () => socket,
    () => undefined,
  );
}

function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.once("close", () => to.destroySoon());
    from.pipe(to);
  }
}
