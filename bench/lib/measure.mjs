/**
 * Timing: CPU time of the process beside wall time, in rounds that alternate between contenders, so
 * that whatever else the machine does falls on both. Ratios are taken within a round.
 */

import { performance } from "node:perf_hooks";

/** Runs `operation` `count` times. Microseconds per call: CPU of the whole process, and wall. */
export async function sample(count, operation) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < count; i++) await operation();
  const wall = (performance.now() - start) * 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: (user + system) / count, wallUs: wall / count };
}

/** The same for functions that return nothing to wait for. */
export function sampleSync(count, operation) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < count; i++) operation();
  const wall = (performance.now() - start) * 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: (user + system) / count, wallUs: wall / count };
}

/**
 * Each of `contenders` once per round, the order turned round every time (A B, B A, ...).
 * A contender is a function that returns one sample; the first `warmUps` rounds are not kept.
 */
export async function rounds(count, warmUps, contenders) {
  const kept = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = -warmUps; round < count; round++) {
    const order = Object.entries(contenders);
    if (round % 2 !== 0) order.reverse();
    for (const [name, contender] of order) {
      const result = await contender();
      if (round >= 0) kept[name].push(result);
    }
  }
  return kept;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

/** Median, least and most of one field over the samples. */
export function spread(samples, field) {
  const values = samples.map((entry) => entry[field]);
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Of two lists of samples, pair by pair: `ours[field] / peer[field]`. */
export function ratios(ours, peer, field) {
  const values = ours.map((entry, i) => ({ ratio: entry[field] / peer[i][field] }));
  return spread(values, "ratio");
}
