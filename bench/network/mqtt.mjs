/** The peer: MQTT 5 over WebSocket, QoS 1, no TLS: Debian's mosquitto and npm's `mqtt`. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mqtt from "mqtt";
import { within } from "./people.mjs";

const TOPIC = "to/the/reader";
const START_MS = 10_000;

function program() {
  const places = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  const found = places.map((place) => join(place, "mosquitto")).find((file) => existsSync(file));
  if (found === undefined) throw new Error("the bench needs mosquitto: apt-get install mosquitto");
  return found;
}

/** mosquitto takes no port 0 for TCP. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** mosquitto 2.0 with WebSocket listeners alone says it has none: nobody uses the plain one. */
function configuration(port, unused) {
  return [
    `listener ${unused} 127.0.0.1`,
    `listener ${port} 127.0.0.1`,
    "protocol websockets",
    "allow_anonymous true",
    "persistence false",
    "max_queued_messages 0",
    "",
  ].join("\n");
}

/** Stores nothing on disk; a session outlives its connection in memory. */
export async function startBroker() {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "tumar-mosquitto-"));
  const file = join(directory, "mosquitto.conf");
  writeFileSync(file, configuration(port, await freePort()));
  const child = spawn(program(), ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
  const exit = once(child, "exit");
  const end = async () => {
    child.kill("SIGTERM");
    await exit;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const ready = connected(connect(port, { reconnectPeriod: 50 }), START_MS).then((client) =>
      client.endAsync(true),
    );
    await Promise.race([ready, exit.then(() => Promise.reject(new Error("mosquitto ended")))]);
  } catch (error) {
    await end();
    throw error;
  }
  return { port, end };
}

export function connect(port, options) {
  const client = mqtt.connect(`ws://127.0.0.1:${port}`, { protocolVersion: 5, ...options });
  client.on("error", () => {});
  return client;
}

export async function connected(client, limitMs) {
  // Not `once` of node:events, which fails with the first error: the client tries again.
  const done = new Promise((resolve) => client.once("connect", resolve));
  if (!client.connected) await within(limitMs, "MQTT connection", done);
  return client;
}

/** Milliseconds from now until the broker's PUBACK. */
export async function timeToAcknowledged(client, text, limitMs) {
  const start = performance.now();
  await within(limitMs, "PUBACK", client.publishAsync(TOPIC, text, { qos: 1 }));
  return performance.now() - start;
}

/** A reader with a session that outlives its connection; resolves once it is subscribed. */
export async function subscriber(port, options, limitMs) {
  const session = { clean: false, properties: { sessionExpiryInterval: 3600 } };
  const client = connect(port, { clientId: "reader", ...session, ...options });
  await connected(client, limitMs);
  await within(limitMs, "SUBACK", client.subscribeAsync(TOPIC, { qos: 1 }));
  return client;
}
