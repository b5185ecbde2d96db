/**
 * A clip of 20 MB over bad networks, from the call until the server has said that it has all of it, beside
 * tus-js-client and @tus/server on the same line (docs/BENCHMARKS.md).
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ratios, rounds, spread } from "./lib/measure.mjs";
import { startRelay } from "./relay/servers.mjs";
import { ourUpload } from "./upload/ours.mjs";
import { uploadReport } from "./upload/report.mjs";
import { tusUpload } from "./upload/tus.mjs";

export { uploadReport };

const MINUTE_MS = 60_000;
const FULL = {
  bytes: 20_000_000,
  /** `together`: all rounds at once: the line takes the time, not the machine. */
  profiles: [
    { name: "edge", rounds: 3, together: true, limitMs: 30 * MINUTE_MS },
    { name: "reset-random", rounds: 3, warmUps: 0, limitMs: 10 * MINUTE_MS },
    { name: "none", rounds: 7, warmUps: 1, limitMs: MINUTE_MS },
  ],
};
const QUICK = {
  bytes: 500_000,
  profiles: [
    { name: "none", rounds: 1, warmUps: 0, limitMs: MINUTE_MS },
    { name: "reset-random", rounds: 1, warmUps: 0, limitMs: MINUTE_MS },
  ],
};
const GOALS = { goodput: 1 };

/** Bytes that compress no better than a clip's. */
function clipOf(bytes) {
  const directory = mkdtempSync(join(tmpdir(), "tumar-upload-"));
  const file = join(directory, "clip");
  writeFileSync(file, randomBytes(bytes));
  return { file, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

async function together(count, contenders) {
  const lanes = Object.entries(contenders).map(async ([name, contender]) => [
    name,
    await Promise.all(Array.from({ length: count }, contender)),
  ]);
  return Object.fromEntries(await Promise.all(lanes));
}

async function compare({ relay, file, plan }) {
  const seeds = { ours: 0, peer: 0 };
  const given = (who) => ({ file, profile: plan.name, seed: ++seeds[who], limitMs: plan.limitMs });
  const contenders = {
    ours: () => ourUpload(relay, given("ours")),
    peer: () => tusUpload(given("peer")),
  };
  const kept = plan.together
    ? await together(plan.rounds, contenders)
    : await rounds(plan.rounds, plan.warmUps, contenders);
  return { name: plan.name, ...figures(kept, statSync(file).size) };
}

function figures({ ours, peer }, size) {
  const done = (samples) => samples.filter((sample) => sample !== undefined);
  const both = ours
    .map((sample, i) => ({ ours: sample, peer: peer[i] }))
    .filter((pair) => pair.ours !== undefined && pair.peer !== undefined);
  const of = (samples) => ({
    done: done(samples).length,
    count: samples.length,
    ms: spread(done(samples), "ms"),
    goodput: spread(
      done(samples).map(({ ms }) => ({ rate: size / 1000 / ms })),
      "rate",
    ),
    sent: spread(
      done(samples).map(({ sentBytes }) => ({ share: sentBytes / size })),
      "share",
    ),
    connections: spread(done(samples), "connections"),
  });
  return {
    ours: of(ours),
    peer: of(peer),
    goodput: ratios(
      both.map((pair) => pair.peer),
      both.map((pair) => pair.ours),
      "ms",
    ),
  };
}

export async function uploadBench(isQuick) {
  const size = isQuick ? QUICK : FULL;
  const clip = clipOf(size.bytes);
  const relay = await startRelay();
  try {
    const profiles = [];
    for (const plan of size.profiles) {
      console.error(`bench: upload, ${plan.name} ...`);
      profiles.push(await compare({ relay, file: clip.file, plan }));
    }
    return { bytes: size.bytes, goals: GOALS, profiles };
  } finally {
    await relay.end();
    clip.remove();
  }
}
