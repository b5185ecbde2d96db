/** Relays reached through proxies: nothing goes around one, no name is asked for here, faults are named. */

import assert from "node:assert/strict";
import dns from "node:dns";
import { describe, it, type TestContext } from "node:test";
import { nodeTransport } from "../../../../client/net/node/node-transport.ts";
import {
  connectProxy,
  type Login,
  microsocks,
  type RunningProxy,
  socksProxy,
} from "../../../support/proxies.ts";
import { OPTIONS, secureServer, tcpServer, webSocketServer } from "../transport-server.ts";

const { signal } = new AbortController();
const ASK = { ...OPTIONS, signal, maxBytes: 100, isFresh: false } as const;
const LOGIN: Login = { name: "bek", password: "p@ss word" };
/** Read by Node at each handshake. */
const TRUST_ALL = "NODE_TLS_REJECT_UNAUTHORIZED";
const ONION = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad.onion";

const urlOf = (scheme: string, { host }: RunningProxy, login?: Login): string => {
  const before = login === undefined ? "" : `${login.name}:${encodeURIComponent(login.password)}@`;
  return `${scheme}://${before}${host}`;
};

/** A server that answers "page" to HTTP and greets WebSockets with one byte. */
async function server(
  test: TestContext,
): Promise<{ readonly host: string; readonly port: string }> {
  const { host } = await webSocketServer(test, (socket) => socket.send(Uint8Array.of(7)));
  return { host, port: new URL(`http://${host}`).port };
}

/** Reaches it in all four ways; the bodies. */
async function reach(proxy: string, host: string, tls = ""): Promise<readonly string[]> {
  const transport = nodeTransport({ proxy });
  const body = Uint8Array.of(1, 2, 3);
  const answers = [
    await transport.get(`http${tls}://${host}/`, ASK),
    await transport.post(`http${tls}://${host}/`, body, ASK),
    await transport.post(`http${tls}://${host}/`, body, { ...ASK, isFresh: true }),
  ];
  const socket = await transport.connect(`ws${tls}://${host}/`, ASK);
  const greeting = await new Promise<Uint8Array>((resolve) => {
    socket.listen({ onMessage: resolve, onAlive: () => {}, onClosed: () => {} });
  });
  socket.close();
  return [...answers, greeting].map((bytes) => Buffer.from(bytes).toString());
}

const REACHED = ["page", "page", "page", "\u0007"];
const codeOf = (code: string) => ({ code });

describe("a SOCKS proxy", () => {
  it("carries sockets and exchanges, with its login: microsocks", async (test) => {
    const { port } = await server(test);
    const proxy = await microsocks(test, LOGIN);
    assert.deepEqual(await reach(urlOf("socks5", proxy, LOGIN), `localhost:${port}`), REACHED);
    // GET and the first POST share a connection.
    assert.deepEqual(proxy.asked(), Array(3).fill(`localhost:${port}`));
    for (const login of [undefined, { ...LOGIN, password: "wrong" }]) {
      const refused = reach(urlOf("socks5h", proxy, login), `localhost:${port}`);
      await assert.rejects(refused, codeOf("PROXY_REFUSED"));
    }
  });

  it("without a login takes ours: microsocks", async (test) => {
    const { host } = await server(test);
    assert.deepEqual(await reach(urlOf("socks5", await microsocks(test)), host), REACHED);
  });

  it("is given names that only it knows; none is looked up here", async (test) => {
    const { host, port } = await server(test);
    const names = { "relay.test": host, [ONION]: host };
    const [socks, http] = [await socksProxy(test, names), await connectProxy(test, names)];
    const looked: string[] = [];
    test.mock.method(dns, "lookup", (name: string, ...rest: unknown[]) => {
      looked.push(name);
      const done = rest.at(-1) as (error: Error) => void;
      done(Object.assign(new Error("no DNS in this test"), { code: "ENOTFOUND" }));
    });
    for (const [scheme, proxy] of [
      ["socks5", socks],
      ["socks5h", socks],
      ["http", http],
    ] as const) {
      assert.deepEqual(await reach(urlOf(scheme, proxy), `relay.test:${port}`), REACHED, scheme);
    }
    assert.deepEqual(await reach(urlOf("socks5", socks), ONION), REACHED);
    assert.deepEqual(looked, []);
    assert.deepEqual(new Set(socks.asked()), new Set([`relay.test:${port}`, `${ONION}:80`]));
    // The double sees what a direct transport asks for.
    const direct = nodeTransport().get(`http://relay.test:${port}/`, ASK);
    await assert.rejects(direct, codeOf("RELAY_UNREACHABLE"));
    assert.deepEqual(looked, ["relay.test"]);
  });

  it("sees one random login for each transport apart, and never the same in another run", async (test) => {
    const { host } = await server(test);
    const proxy = await socksProxy(test, { "127.0.0.1": host });
    const one = nodeTransport({ proxy: urlOf("socks5", proxy) });
    const apart = one.apart?.() ?? one;
    const again = nodeTransport({ proxy: urlOf("socks5", proxy) });
    for (const transport of [one, apart, again]) {
      for (const isFresh of [true, true]) {
        await transport.post(`http://${host}/`, Uint8Array.of(1), { ...ASK, isFresh });
      }
    }
    const logins = proxy.logins.map(({ name, password }) => `${name}:${password}`);
    assert.equal(logins.length, 6);
    assert.equal(new Set(logins).size, 3);
    for (const at of [0, 2, 4]) assert.equal(logins[at], logins[at + 1]);
    for (const login of logins) assert.match(login, /^[\w-]{22}:[\w-]{22}$/);
  });

  it("that cannot reach the relay, forbids it, is none or is not there: each has a code", async (test) => {
    const { host } = await server(test);
    for (const [reply, code] of [
      [1, "RELAY_UNREACHABLE"],
      [4, "RELAY_UNREACHABLE"],
      [5, "RELAY_UNREACHABLE"],
      [2, "PROXY_REFUSED"],
    ] as const) {
      const proxy = await socksProxy(test, {}, reply);
      await assert.rejects(reach(urlOf("socks5", proxy), host), codeOf(code));
    }
    const babble = await tcpServer(test, (socket) => socket.end("220 mail ready\r\n"));
    for (const place of [babble.host, "127.0.0.1:1"]) {
      for (const scheme of ["socks5", "http", "https"]) {
        const failed = reach(`${scheme}://${place}`, host);
        await assert.rejects(failed, codeOf("PROXY_UNREACHABLE"), `${scheme} ${place}`);
      }
    }
  });

  it("of either kind carries TLS to the relay itself, whose certificate is checked", async (test) => {
    const { name, place } = await secureServer(test);
    const host = `relay.test:${new URL(`https://${place}`).port}`;
    const names = { [name]: place };
    const proxies = [
      urlOf("socks5", await socksProxy(test, names)),
      urlOf("http", await connectProxy(test, names)),
    ];
    for (const proxy of proxies) {
      await assert.rejects(reach(proxy, host, "s"), codeOf("RELAY_TLS"));
    }
    test.after(() => void Reflect.deleteProperty(process.env, TRUST_ALL));
    process.env[TRUST_ALL] = "0";
    for (const proxy of proxies) assert.deepEqual(await reach(proxy, host, "s"), REACHED);
  });

  it("between us and a bad certificate changes nothing: RELAY_TLS", async (test) => {
    const plain = await tcpServer(test, (socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    const names = { "127.0.0.1": plain.host };
    for (const proxy of [
      urlOf("socks5", await socksProxy(test, names)),
      urlOf("http", await connectProxy(test, names)),
    ]) {
      const transport = nodeTransport({ proxy });
      await assert.rejects(transport.connect(`wss://${plain.host}/`, ASK), codeOf("RELAY_TLS"));
      await assert.rejects(transport.get(`https://${plain.host}/`, ASK), codeOf("RELAY_TLS"));
    }
  });
});

describe("an HTTP proxy", () => {
  it("carries sockets and exchanges by CONNECT, with its login", async (test) => {
    const { host } = await server(test);
    const proxy = await connectProxy(test, { "127.0.0.1": host }, LOGIN);
    assert.deepEqual(await reach(urlOf("http", proxy, LOGIN), host), REACHED);
    const refused = reach(urlOf("http", proxy), host);
    await assert.rejects(refused, { code: "PROXY_REFUSED", details: { status: 407 } });
  });

  it("that cannot reach the relay is not taken for the relay", async (test) => {
    const proxy = await connectProxy(test, {});
    await assert.rejects(reach(urlOf("http", proxy), "relay.test"), codeOf("RELAY_UNREACHABLE"));
  });
});

describe("an onion address", () => {
  it("without a SOCKS proxy is PROXY_REQUIRED, and no name is looked up", async (test) => {
    const http = urlOf("http", await connectProxy(test, {}));
    const lookup = test.mock.method(dns, "lookup");
    for (const transport of [nodeTransport(), nodeTransport({ proxy: http })]) {
      for (const asked of [
        transport.connect(`ws://${ONION}/v1/ws`, ASK),
        transport.get(`http://${ONION}/`, ASK),
        transport.post(`http://${ONION}:8080/`, Uint8Array.of(1), ASK),
      ]) {
        await assert.rejects(asked, codeOf("PROXY_REQUIRED"));
      }
    }
    assert.equal(lookup.mock.callCount(), 0);
  });
});

describe("the URL of a proxy", () => {
  it("that cannot be used is PROXY_INVALID, and its password is not repeated", () => {
    for (const proxy of [
      "",
      "127.0.0.1:9050",
      "proxy.example:9050",
      "ftp://proxy.example",
      "socks4://proxy.example",
      "socks5://",
      "socks5://host:99999",
      "socks5://host/path",
      "http://host/?secret",
      `socks5://name:secret%zz@host`,
      `socks5://${"n".repeat(256)}:secret@host`,
    ]) {
      assert.throws(
        () => nodeTransport({ proxy }),
        ({ code, message }: { readonly code: string; readonly message: string }) =>
          code === "PROXY_INVALID" && !/secret/.test(message),
        proxy,
      );
    }
  });
});
