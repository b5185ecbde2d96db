/**
 * Session set-up, one-way and ping-pong messages of 1 KiB, ours beside libsignal's in one process,
 * state serialised after each message on both sides (docs/BENCHMARKS.md). `node bench/session.mjs`.
 */

import { performance } from "node:perf_hooks";
import { ratios, rounds, sample, spread } from "./lib/measure.mjs";
import { table } from "./lib/report.mjs";
import { floorOf, primitives } from "./session/primitives.mjs";
import { signalContender } from "./session/signal-pair.mjs";
import { tumarContender } from "./session/tumar-pair.mjs";

const FULL = { rounds: 15, setUps: 60, oneWay: 1000, pingPong: 400 };
const QUICK = { rounds: 2, setUps: 5, oneWay: 50, pingPong: 40 };

/** Figures of CPU time, ours to the peer's: at most (a ratio of times). */
const GOALS = {
  "set-up": { most: 2.5, text: "at most 2.5 times its time" },
  "one-way": { most: 1 / 1.5, text: "at least 1.5 times its rate, aiming at 2" },
  "ping-pong": { most: 1 / 0.7, text: "at least 0.7 times its rate" },
};

/** `count` set-ups; CPU and wall of each phase and of the whole, per set-up. */
async function setUps({ phases }, count) {
  const names = Object.keys(phases);
  const total = Object.fromEntries(names.map((name) => [name, 0]));
  let wallUs = 0;
  for (let i = 0; i < count; i++) {
    const run = {};
    for (const name of names) {
      const cpu = process.cpuUsage();
      const start = performance.now();
      await phases[name](run);
      wallUs += (performance.now() - start) * 1000;
      const { user, system } = process.cpuUsage(cpu);
      total[name] += user + system;
    }
  }
  const perPhase = Object.fromEntries(names.map((name) => [name, total[name] / count]));
  const cpuUs = names.reduce((sum, name) => sum + perPhase[name], 0);
  return { cpuUs, wallUs: wallUs / count, ...perPhase };
}

function operations(contender, size) {
  const { pair } = contender;
  return {
    "set-up": () => setUps(contender, size.setUps),
    "one-way": () => sample(size.oneWay, () => pair.oneWay()),
    "ping-pong": () => sample(size.pingPong, () => pair.pingPong()),
  };
}

function compare(operation, { ours, peer }) {
  const timeRatio = ratios(ours, peer, "cpuUs");
  const { most, text } = GOALS[operation];
  return {
    ours: { cpuUs: spread(ours, "cpuUs"), wallUs: spread(ours, "wallUs") },
    peer: { cpuUs: spread(peer, "cpuUs"), wallUs: spread(peer, "wallUs") },
    timeRatio,
    wallTimeRatio: ratios(ours, peer, "wallUs"),
    goal: text,
    isMet: timeRatio.median <= most,
  };
}

function phasesOf({ ours, peer }) {
  const names = Object.keys(ours[0]).filter((name) => !name.endsWith("Us"));
  return Object.fromEntries(
    names.map((name) => [
      name,
      { oursCpuUs: spread(ours, name).median, peerCpuUs: spread(peer, name).median },
    ]),
  );
}

/** What one round measured of the primitives, as the floor of this operation. */
function floors(operation, { ours, floor }) {
  const pairs = floor.map((measured, i) => {
    const floorUs = floorOf(operation, measured);
    return { floorUs, ownUs: ours[i].cpuUs - floorUs };
  });
  return { primitives: spread(pairs, "floorUs"), own: spread(pairs, "ownUs") };
}

function medians(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((name) => [name, spread(samples, name).median]),
  );
}

export async function sessionBench(isQuick) {
  const size = isQuick ? QUICK : FULL;
  const tumar = await tumarContender();
  const signal = await signalContender();
  for (const { pair } of [tumar, signal]) for (let i = 0; i < 70; i++) await pair.pingPong();
  const ours = operations(tumar, size);
  const peer = operations(signal, size);
  const floor = primitives();
  const samples = {};
  for (const operation of Object.keys(GOALS)) {
    const contenders = { ours: ours[operation], peer: peer[operation], floor };
    samples[operation] = await rounds(size.rounds, 2, contenders);
  }
  const perOperation = (make) =>
    Object.fromEntries(Object.entries(samples).map(([name, kept]) => [name, make(name, kept)]));
  return {
    rounds: size.rounds,
    results: perOperation(compare),
    floors: perOperation(floors),
    phases: phasesOf(samples["set-up"]),
    primitives: medians(Object.values(samples).flatMap((kept) => kept.floor)),
    stateBytes: { ours: tumar.pair.stateBytes(), peer: signal.pair.stateBytes() },
  };
}

const us = (value) => value.toFixed(value < 10 ? 1 : 0);
const range = ({ median, least, most }, show = us) =>
  `${show(median)} (${show(least)} to ${show(most)})`;
const ratio = (value) => value.toFixed(2);

function inverse({ median, least, most }) {
  return { median: 1 / median, least: 1 / most, most: 1 / least };
}

function comparisonRow([name, { ours, peer, timeRatio, wallTimeRatio, goal, isMet }]) {
  const shown = name === "set-up" ? (value) => value : inverse;
  return [
    name,
    range(ours.cpuUs),
    range(peer.cpuUs),
    range(shown(timeRatio), ratio),
    ratio(shown(wallTimeRatio).median),
    `${goal}: ${isMet ? "met" : "missed"}`,
  ];
}

export function sessionReport(bench) {
  const { results, phases, primitives: calls, floors: beyond, stateBytes } = bench;
  return [
    "## Sessions, 1 KiB plaintext",
    "",
    "CPU microseconds per set-up or message (encrypted, decrypted, state serialised on both sides):",
    `median of ${bench.rounds} rounds (least to most). Ratio of set-up: our time to libsignal's; of messages: our rate to its.`,
    "",
    table(
      ["", "tumar µs", "libsignal µs", "ratio (CPU)", "ratio (wall)", "goal"],
      Object.entries(results).map(comparisonRow),
    ),
    "",
    `State at the end: tumar ${stateBytes.ours.join(" and ")} bytes, libsignal ${stateBytes.peer.join(" and ")}.`,
    "",
    "Set-up by phase:",
    "",
    table(
      ["phase", "tumar µs", "libsignal µs"],
      Object.entries(phases).map(([name, value]) => [
        name,
        us(value.oursCpuUs),
        us(value.peerCpuUs),
      ]),
    ),
    "",
    "Primitives as the protocol calls them:",
    "",
    table(
      ["primitive", "CPU µs"],
      Object.entries(calls).map(([name, value]) => [name, us(value)]),
    ),
    "",
    "What a set-up or message takes beyond its primitives, measured in the same rounds:",
    "",
    table(
      ["", "primitives µs", "beyond them µs"],
      Object.entries(beyond).map(([name, { primitives: floor, own }]) => [
        name,
        range(floor),
        range(own),
      ]),
    ),
  ].join("\n");
}
