/**
 * Messages over bad networks: bytes on the wire and time of a first contact with its message, and of a
 * message in a running session, beside MQTT QoS 1 over WebSocket on the same line and beside the floor;
 * round trips, a mailbox drained from afar, and a line that freezes (docs/BENCHMARKS.md).
 */

import { PROFILES } from "../dist/test/support/impair/profiles.js";
import { rounds, spread } from "./lib/measure.mjs";
import { floorMs } from "./network/floor.mjs";
import { startBroker } from "./network/mqtt.mjs";
import { ourDelivery, ourDrain, peerDelivery } from "./network/reading.mjs";
import { networkReport } from "./network/report.mjs";
import { ourFirstContact, ourSession, peerFirstContact, peerSession } from "./network/samples.mjs";
import { startRelay } from "./relay/servers.mjs";

export { networkReport };

const FULL = {
  rounds: 5,
  profiles: [
    "none",
    "edge",
    "gprs-bad",
    "lossy-3g",
    "throttle",
    "reset-random",
    "curtain16",
    "ws-killed",
    "proxy-buffer",
  ],
  delayMs: 600,
  waiting: 128,
  texts: 100,
  limitMs: 30_000,
  stallMs: 60_000,
};
const QUICK = {
  rounds: 1,
  profiles: ["none", "curtain16"],
  delayMs: 50,
  waiting: 20,
  texts: 10,
  limitMs: 10_000,
  stallMs: 5000,
};
/** Profiles side by side: most of their time they wait. */
const LANES = 3;
const KINDS = ["websocket", "exchange", "thrifty"];
const STALLING = ["curtain16", "ws-killed"];
/** Key and epoch, then record and prekeys, then the message; the peer: upgrade, CONNECT, PUBLISH. */
const ROUND_TRIPS = { first: 3, session: 1 };
const GOALS = {
  firstRoundTrips: 3,
  sessionRoundTrips: 1,
  firstBytes: 12 * 1024,
  sessionBytes: 6 * 1024,
  edgeToFloor: 1.25,
  drainMs: 5000,
};

const NOT_ASKED = Symbol("not asked");
const GIVEN_UP_AFTER = 2;

/** Where nothing came in two rounds, nothing is asked any more: each would take the whole limit. */
function untilLost(contender) {
  let lost = 0;
  return async () => {
    if (lost >= GIVEN_UP_AFTER) return NOT_ASKED;
    const sample = await contender();
    const isLost = [sample].flat().every((one) => one === undefined);
    lost = isLost ? lost + 1 : 0;
    return sample;
  };
}

/** Of the samples that were done in time; undefined when none was. */
function figures(samples, profile, step) {
  const asked = samples.flat().filter((sample) => sample !== NOT_ASKED);
  const done = asked.filter((sample) => sample !== undefined);
  const count = asked.length;
  if (done.length === 0) return { done: 0, count };
  const toFloor = done.map((sample) => ({
    ratio: sample.ms / floorMs(profile, sample, ROUND_TRIPS[step], step === "first"),
  }));
  return {
    done: done.length,
    count,
    ms: spread(done, "ms"),
    bytes: spread(done, "bytes"),
    upBytes: spread(done, "upBytes"),
    setUps: spread(done, "setUps"),
    floorMs: spread(
      done.map((sample) => ({
        ms: floorMs(profile, sample, ROUND_TRIPS[step], step === "first"),
      })),
      "ms",
    ),
    toFloor: profile.rttMs > 0 ? spread(toFloor, "ratio") : undefined,
  };
}

/** Both steps on one network, in rounds that alternate between us and the peer. */
async function compare({ relay, broker, size, profile, kind }) {
  const found = {};
  for (const [step, ours, peer] of [
    ["first", ourFirstContact, peerFirstContact],
    ["session", ourSession, peerSession],
  ]) {
    let round = 0;
    const given = () => ({ profile, kind, limitMs: size.limitMs, seed: Math.floor(round++ / 2) });
    const kept = await rounds(size.rounds, 0, {
      ours: untilLost(() => ours(relay, given())),
      peer: untilLost(() => peer(broker, given())),
    });
    found[step] = {
      ours: figures(kept.ours, profile, step),
      peer: figures(kept.peer, profile, step),
    };
  }
  return found;
}

async function inLanes(items, lanes, work) {
  const left = [...items];
  const lane = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Time ÷ round trip where nothing but the way takes time, less one for each TCP connection made. */
async function roundTrips({ relay, broker, size }) {
  const profile = { rttMs: size.delayMs, jitterMs: 0, loss: 0 };
  const counted = (samples) =>
    spread(
      samples.map(({ ms, setUps }) => ({ trips: ms / profile.rttMs - setUps })),
      "trips",
    );
  const found = [];
  const tell = async (name, first, session) => {
    const [firsts, sessions] = [[], []];
    for (let seed = 0; seed < Math.min(3, size.rounds); seed++) {
      const given = { profile, seed, limitMs: size.limitMs };
      firsts.push(await first(given));
      sessions.push(...(await session(given)));
    }
    found.push({ name, first: counted(firsts), session: counted(sessions) });
  };
  for (const kind of KINDS) {
    await tell(
      kind,
      (given) => ourFirstContact(relay, { ...given, kind }),
      (given) => ourSession(relay, { ...given, kind }),
    );
  }
  await tell(
    "MQTT",
    (given) => peerFirstContact(broker, given),
    (given) => peerSession(broker, given),
  );
  return found;
}

async function drains({ relay, size }) {
  const profile = { rttMs: size.delayMs, jitterMs: 0, loss: 0 };
  const found = [];
  for (const kind of KINDS) {
    const samples = [];
    for (let i = 0; i < Math.min(3, size.rounds); i++) {
      const limitMs = 4 * size.limitMs;
      samples.push(await ourDrain(relay, { profile, kind, count: size.waiting, limitMs }));
    }
    found.push({
      kind,
      ms: spread(samples, "ms"),
      bytes: spread(samples, "bytes"),
      delivered: spread(samples, "delivered"),
    });
  }
  return found;
}

async function stalls({ relay, broker, size }) {
  const found = [];
  for (const name of STALLING) {
    const given = { seed: 1, count: size.texts, limitMs: size.stallMs };
    const [ours, peer] = await Promise.all([
      ourDelivery(relay, { profile: PROFILES[name], ...given }),
      peerDelivery(broker, { profile: PROFILES[name], ...given }),
    ]);
    found.push({ name, ours, peer });
  }
  return found;
}

export async function networkBench(isQuick) {
  const size = isQuick ? QUICK : FULL;
  const relay = await startRelay();
  try {
    const broker = await startBroker();
    try {
      const all = { relay, broker, size };
      await compare({ ...all, size: { ...size, rounds: 1 }, profile: PROFILES.none });
      const trips = await roundTrips(all);
      console.error("bench: network, round trips done");
      const drained = await drains(all);
      console.error("bench: network, mailboxes drained");
      const profiles = {};
      await inLanes(size.profiles, LANES, async (name) => {
        profiles[name] = await compare({ ...all, profile: PROFILES[name] });
        console.error(`bench: network, ${name} done`);
      });
      const order = size.profiles.map((name) => ({ name, ...profiles[name] }));
      return {
        goals: GOALS,
        rounds: size.rounds,
        delayMs: size.delayMs,
        waiting: size.waiting,
        texts: size.texts,
        stallMs: size.stallMs,
        roundTrips: trips,
        drains: drained,
        profiles: order,
        stalls: await stalls(all),
      };
    } finally {
      await broker.end();
    }
  } finally {
    await relay.end();
  }
}
