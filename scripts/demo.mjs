/**
 * `npm run demo`: story (a) for a person to watch, in under a minute. Aigul and Bek, each a process
 * of their own, write to each other while their relay and their devices are killed. Everything lies
 * in a temporary folder that is removed at the end.
 */

import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const load = (path) => import(pathToFileURL(join(dist, path)).href);
const PASSPHRASE = "a passphrase for the demo";

const TEXTS = {
  Айгүл: [
    "Сәлем, Бек. Мен әуежайдамын.",
    "Рейс түнде, сағат 23:40.",
    "تەلەفونىمدى الىپ قويدى",
    "我用清洁工的手机写",
    "Адвокат қайда? ⏳",
    "Балаларға айт, бәрі жақсы 🕊️",
  ],
  Бек: [
    "Сәлем, Айгүл! Қай қақпада?",
    "ئادۋوكات يولدا، قورقماڭ",
    "Құқық қорғаушылар біледі.",
    "我们正在联系大使馆",
    "20 минуттан соң сонда болады 🙏",
    "Біз осындамыз.",
  ],
};

async function openClient(vaultFile) {
  const { Client } = await load("client/core/client.js");
  const { FileStorage } = await load("client/vault/node/file-storage.js");
  const { FileBlobStorage } = await load("client/vault/node/file-blob-storage.js");
  const { nodeTransport } = await load("client/net/node/node-transport.js");
  const environment = {
    storage: new FileStorage(vaultFile),
    blobs: new FileBlobStorage(`${vaultFile}.blobs`),
    passphrase: PASSPHRASE,
    transport: nodeTransport(),
  };
  return { Client, environment };
}

// --- one person's device, as a child process ----------------------------------------------------

async function device(vaultFile) {
  const { Client, environment } = await openClient(vaultFile);
  const client = await Client.open(environment);
  client.start();
  process.on("message", ({ to, text }) => {
    client.send(to, text).then(({ id }) => {
      process.send({ written: text });
      return client.stored(id);
    }, fail);
  });
  process.send({ ready: true });
  for await (const { id, text } of client.messages()) {
    process.send({ received: text });
    await client.markShown(id);
  }
}

function fail(error) {
  throw error;
}

// --- the story ----------------------------------------------------------------------------------

const isColoured = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const paint = (code, text) => (isColoured ? `\u001b[${code}m${text}\u001b[0m` : text);
const began = Date.now();

function tell(text) {
  const seconds = ((Date.now() - began) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${paint(2, `${seconds} s`)}  ${text}\n`);
}

/** Right-to-left text stays inside its own bounds. */
function quote(text) {
  return isColoured ? `\u2068${text}\u2069` : text;
}

class Person {
  constructor(name, friend, folder) {
    this.name = name;
    this.friend = friend;
    this.vaultFile = join(folder, name);
    this.received = [];
    this.onReport = () => undefined;
  }

  async start() {
    this.child = fork(fileURLToPath(import.meta.url), ["--device", this.vaultFile]);
    this.child.on("message", (report) => this.hear(report));
    await new Promise((resolve) => {
      this.onReady = resolve;
    });
  }

  hear({ ready, written, received }) {
    if (ready) this.onReady();
    if (written) {
      tell(`${this.name} writes: ${quote(written)}`);
      this.onWritten?.();
    }
    if (received) {
      this.received.push(received);
      tell(paint(32, `${this.name} reads:  ${quote(received)}`));
      this.onReport();
    }
  }

  async write(text) {
    const written = new Promise((resolve) => {
      this.onWritten = resolve;
    });
    this.child.send({ to: this.friend, text });
    await written;
  }

  async kill() {
    const gone = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await gone;
    tell(paint(31, `✂ ${this.name}'s device is killed, and switched on again`));
    await this.start();
  }

  async hasAll(count) {
    while (this.received.length < count) {
      await new Promise((resolve) => {
        this.onReport = resolve;
      });
    }
  }
}

async function startRelay(folder, port) {
  const args = ["relay", "--data", join(folder, "relay"), "--port", String(port), "--json"];
  const child = spawn(process.execPath, [join(dist, "bin", "tumar.js"), ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, address } = JSON.parse(line);
    if (event === "ready") return { child, address, port: Number(new URL(address).port) };
  }
  throw new Error("the relay did not start");
}

async function killRelay({ child }) {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  tell(paint(31, "✂ the relay is killed"));
}

async function createVaults(people, relay) {
  const clients = [];
  for (const person of people) {
    const { Client, environment } = await openClient(person.vaultFile);
    const options = { relay, wordList: "english" };
    clients.push((await Client.create(environment, options)).client);
    tell(`${person.name} has a vault and 8 words on paper`);
  }
  for (const [i, client] of clients.entries()) {
    await client.addContact(await clients[1 - i].card(), people[1 - i].name);
  }
  tell(`they gave each other their cards; both read the same safety number:`);
  tell(`   ${await clients[0].safetyNumber(people[1].name)}`);
  for (const client of clients) await client.close();
}

/** A message each way while the relay is down, and then up again. */
async function exchange(folder, people, relay, i) {
  await killRelay(relay);
  for (const person of people) await person.write(TEXTS[person.name][i]);
  if (i === 2) await people[0].kill();
  if (i === 4) await people[1].kill();
  const next = await startRelay(folder, relay.port);
  tell("  the relay is up again");
  const all = Promise.all(people.map((person) => person.hasAll(i + 1)));
  await Promise.race([all, pause(2500)]);
  return next;
}

function judge(person) {
  const isRight = person.received.join() === TEXTS[person.friend].join();
  tell(
    `${person.name} has all ${person.received.length} messages, once each, in order: ${isRight}`,
  );
  if (!isRight) process.exitCode = 1;
}

async function story(folder) {
  let relay = await startRelay(folder, 0);
  tell("a relay is up; it will only ever hold ciphertext");
  const people = [new Person("Айгүл", "Бек", folder), new Person("Бек", "Айгүл", folder)];
  await createVaults(people, relay.address);
  await Promise.all(people.map((person) => person.start()));
  for (let i = 0; i < TEXTS.Айгүл.length; i++) {
    relay = await exchange(folder, people, relay, i);
  }
  await Promise.all(people.map((person) => person.hasAll(TEXTS[person.friend].length)));
  people.forEach(judge);
  for (const { child } of people) child.kill("SIGKILL");
  const ended = once(relay.child, "exit");
  relay.child.kill("SIGTERM");
  await ended;
}

if (process.argv[2] === "--device") {
  await device(process.argv[3]);
} else {
  const folder = mkdtempSync(join(tmpdir(), "tumar-demo-"));
  try {
    await story(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
