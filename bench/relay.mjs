/**
 * 1 KiB envelopes through the relay (deposit on disk, deliver, acknowledge and delete on disk)
 * beside a bare `ws` forwarder that stores nothing, same generator, 50 senders and 50 receivers:
 * 100 connections each (docs/BENCHMARKS.md).
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { ratios, rounds, spread } from "./lib/measure.mjs";
import { BENCH } from "./lib/paths.mjs";
import { sharesOf } from "./lib/profile.mjs";
import { table } from "./lib/report.mjs";
import { newDirectory, startForwarder, startRelay } from "./relay/servers.mjs";

const LANES = 50;
const FULL = { rounds: 5, seconds: 5, latencyRounds: 3, latencySeconds: 6 };
const QUICK = { rounds: 1, seconds: 1, latencyRounds: 1, latencySeconds: 1 };
/** Envelopes each sender keeps on the way: one at a time, and pipelined. */
const WINDOWS = [1, 16];
const GOAL = 0.5;

async function generator(kind, server) {
  const child = fork(join(BENCH, "relay", "generator.mjs"));
  const exit = once(child, "exit").then(([code]) => {
    throw new Error(`the generator ended with ${code}`);
  });
  exit.catch(() => undefined);
  const order = async (name, options) => {
    const answer = once(child, "message");
    child.send({ order: name, ...options });
    return (await Promise.race([answer, exit]))[0];
  };
  const end = () => child.kill("SIGKILL");
  try {
    await order("open", { kind, address: server.address, server: server.pid, count: LANES });
  } catch (error) {
    end();
    throw error;
  }
  return { order, end };
}

/** Where the relay's main thread spends its time: a relay of its own, under V8's profiler. */
async function profile(window, seconds) {
  const directory = newDirectory();
  const began = performance.now();
  const relay = await startRelay(["--cpu-prof", `--cpu-prof-dir=${directory}`]);
  try {
    const load = await generator("tumar", relay);
    const skipMs = performance.now() - began + 1000;
    await load.order("closed", { window, seconds });
    load.end();
    await relay.end();
    return sharesOf(directory, skipMs);
  } finally {
    await relay.end();
    rmSync(directory, { recursive: true });
  }
}

async function compare(window, size, generators) {
  const closed = (kind) => () =>
    generators[kind].order("closed", { window, seconds: size.seconds });
  const kept = await rounds(size.rounds, 1, { ours: closed("tumar"), peer: closed("forwarder") });
  const rates = (samples) => spread(samples, "rate");
  const halfOf = (samples) => rates(samples).median / 2;
  const atHalf = (kind, samples) => () =>
    generators[kind].order("atRate", { rate: halfOf(samples), seconds: size.latencySeconds });
  const late = await rounds(size.latencyRounds, 0, {
    ours: atHalf("tumar", kept.ours),
    peer: atHalf("forwarder", kept.peer),
  });
  const figures = (samples, delayed) => ({
    rate: rates(samples),
    serverCpuUs: spread(samples, "serverCpuUs"),
    generatorCpuUs: spread(samples, "generatorCpuUs"),
    halfLoad: {
      rate: rates(delayed),
      p50Ms: spread(delayed, "p50Ms"),
      p99Ms: spread(delayed, "p99Ms"),
      serverCpuUs: spread(delayed, "serverCpuUs"),
    },
  });
  const rateRatio = ratios(kept.ours, kept.peer, "rate");
  return {
    window,
    ours: figures(kept.ours, late.ours),
    peer: figures(kept.peer, late.peer),
    rateRatio,
    cpuRatio: ratios(kept.peer, kept.ours, "serverCpuUs"),
    isMet: rateRatio.median >= GOAL,
  };
}

async function profiles({ seconds }) {
  const found = [];
  for (const window of WINDOWS) found.push(await profile(window, seconds + 2));
  return found;
}

export async function relayBench(isQuick) {
  const size = isQuick ? QUICK : FULL;
  const started = [];
  const begin = async (starting) => {
    const one = await starting;
    started.unshift(one);
    return one;
  };
  try {
    const relay = await begin(startRelay());
    const forwarder = await begin(startForwarder());
    const generators = {
      tumar: await begin(generator("tumar", relay)),
      forwarder: await begin(generator("forwarder", forwarder)),
    };
    const windows = [];
    for (const window of WINDOWS) windows.push(await compare(window, size, generators));
    return { windows, rounds: size.rounds, seconds: size.seconds, profiles: await profiles(size) };
  } finally {
    for (const { end } of started) await end();
  }
}

const whole = (value) => value.toFixed(0);
const fine = (value) => value.toFixed(2);
const ms = (value) => value.toFixed(1);
const range = ({ median, least, most }, show) =>
  `${show(median)} (${show(least)} to ${show(most)})`;

function windowReport({ window, ours, peer, rateRatio, cpuRatio, isMet }) {
  const row = (name, { rate, serverCpuUs, generatorCpuUs, halfLoad }) => [
    name,
    range(rate, whole),
    range(serverCpuUs, whole),
    whole(generatorCpuUs.median),
    ms(halfLoad.p50Ms.median),
    ms(halfLoad.p99Ms.median),
  ];
  return [
    `### ${window === 1 ? "One envelope" : `${window} envelopes`} on the way per sender`,
    "",
    table(
      [
        "",
        "envelopes/s",
        "server CPU µs per envelope",
        "generator CPU µs",
        "p50 ms at half load",
        "p99 ms at half load",
      ],
      [row("tumar relay", ours), row("bare forwarder", peer)],
    ),
    "",
    `Rate, ours to the forwarder's: ${range(rateRatio, fine)}; goal at least ${GOAL}: ${isMet ? "met" : "missed"}.`,
    `By CPU time of the server (what a core of it carries): ${range(cpuRatio, fine)}.`,
  ].join("\n");
}

function profileReport(found) {
  const parts = [...new Set(found.flatMap((shares) => shares.map(({ part }) => part)))];
  const shareOf = (shares, name) => shares.find(({ part }) => part === name)?.share ?? 0;
  return table(
    ["part", ...WINDOWS.map((window) => `window ${window}`)],
    parts.map((name) => [
      name,
      ...found.map((shares) => `${whole(shareOf(shares, name) * 100)} %`),
    ]),
  );
}

export function relayReport({ windows, rounds: count, seconds, profiles: found }) {
  return [
    "## Relay, 1 KiB envelopes, 50 senders and 50 receivers",
    "",
    `Median of ${count} rounds of ${seconds} s (least to most), relay and forwarder in turn. Generator and server`,
    "share the machine's cores. The relay commits every deposit and every deletion to disk; the",
    "forwarder stores nothing and encrypts nothing.",
    "",
    windows.map(windowReport).join("\n\n"),
    "",
    "Where the relay's main thread spends its busy time, waiting for the disk included:",
    "",
    profileReport(found),
  ].join("\n");
}
