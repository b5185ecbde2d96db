/**
 * The load, in a process of its own: lanes to one server (`tumar` or `forwarder`), driven in two ways.
 *
 *     closed   every lane keeps `window` envelopes on the way: how many are done a second
 *     open     envelopes are due at a fixed rate over all lanes: how late they arrive
 *
 * Takes orders from its parent, one at a time, and answers each with its figures.
 */

import { performance } from "node:perf_hooks";
import { percentile } from "../lib/measure.mjs";
import { forwarderLane } from "./forwarder-lane.mjs";
import { cpuSecondsOf } from "./servers.mjs";
import { tumarLane } from "./tumar-lane.mjs";

const MAKERS = { tumar: tumarLane, forwarder: forwarderLane };
/** Not counted at the beginning of each order. */
const WARM_UP_MS = 1000;
const TICK_MS = 2;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let lanes = [];
let pid = 0;

async function open({ kind, address, server, count }) {
  pid = server;
  lanes = [];
  for (let i = 0; i < count; i++) lanes.push(await MAKERS[kind](address, i));
  return {};
}

/** What happens while `drive` runs, after the warm-up. */
async function observe(seconds, drive) {
  const delays = [];
  let done = 0;
  let isCounted = false;
  for (const lane of lanes) {
    lane.onDelivered = (dueMs) => isCounted && delays.push(performance.now() - dueMs);
  }
  const driving = drive((count) => {
    done += count;
  });
  await pause(WARM_UP_MS);
  const before = { done, cpu: cpuSecondsOf(pid), own: process.cpuUsage(), at: performance.now() };
  isCounted = true;
  await pause(seconds * 1000);
  isCounted = false;
  const wallSeconds = (performance.now() - before.at) / 1000;
  const completed = done - before.done;
  const serverCpuUs = ((cpuSecondsOf(pid) - before.cpu) * 1e6) / completed;
  const own = process.cpuUsage(before.own);
  await driving.stop();
  return {
    rate: completed / wallSeconds,
    serverCpuUs,
    generatorCpuUs: (own.user + own.system) / completed,
    p50Ms: percentile(delays, 0.5),
    p99Ms: percentile(delays, 0.99),
  };
}

function closed({ window, seconds }) {
  return observe(seconds, (onDone) => {
    let isOn = true;
    let onTheWay = 0;
    for (const lane of lanes) {
      const send = (count) => {
        for (let i = 0; i < count; i++) lane.send(performance.now());
        onTheWay += count;
      };
      lane.onDone = (count) => {
        onTheWay -= count;
        onDone(count);
        if (isOn) send(count);
      };
      send(window);
    }
    const stop = async () => {
      isOn = false;
      while (onTheWay > 0) await pause(TICK_MS);
    };
    return { stop };
  });
}

function atRate({ rate, seconds }) {
  return observe(seconds, (onDone) => {
    const start = performance.now();
    let sent = 0;
    let arrived = 0;
    for (const lane of lanes) {
      lane.onDone = (count) => {
        arrived += count;
        onDone(count);
      };
    }
    const timer = setInterval(() => {
      const due = ((performance.now() - start) / 1000) * rate;
      for (; sent < due; sent++) lanes[sent % lanes.length].send(start + (sent / rate) * 1000);
    }, TICK_MS);
    const stop = async () => {
      clearInterval(timer);
      while (arrived < sent) await pause(TICK_MS);
    };
    return { stop };
  });
}

const ORDERS = { open, closed, atRate };

process.on("message", async ({ order, ...options }) => {
  process.send(await ORDERS[order](options));
});
