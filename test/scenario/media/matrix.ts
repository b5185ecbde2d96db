/**
 * `npm run test:network -- clips`: a WebM and an MP4 of 20 MB through every bad network, in real time and
 * all side by side, since they mostly wait: an hour. Where 20 MB would take hours it is 2 MB, as the table
 * at the end says.
 *
 *     npm run test:network -- clips edge           what has that in its name
 *     npm run test:network -- clips throttle 20    so many megabytes
 */

import assert from "node:assert/strict";
import { after, describe, it, type TestContext } from "node:test";
import { type ClipRow, clipTable, clipThrough } from "../../support/clip-story.ts";
import { PROFILE_NAMES, PROFILES, type ProfileName } from "../../support/impair/profiles.ts";
import { clipFile } from "../../support/media.ts";
import { hurriedClock, until } from "../../support/stories.ts";
import { clipCase, twoPeople } from "./cases.ts";

const FULL_BYTES = 20_000_000;
/** For lines so slow that 20 MB would take hours. */
const SLOW_BYTES = 2_000_000;
const SLOW_KBPS = 100;
/** Of one line, beside what its rate takes: with every tenth packet lost, it takes some three times that. */
const PATIENCE = 6;
const LEAST_LIMIT_MS = 20 * 60_000;
const MAX_SENT_THROUGH_RESETS = 1.3;
/** As many times as fast: a night of 8 h takes two seconds. */
const NIGHT_SCALE = 4 * 3600;

const STEADY: readonly ProfileName[] = PROFILE_NAMES.filter(
  (name) => name !== "captive" && name !== "nightly-off",
);

const [wanted = "", megabytes] = process.argv.slice(process.argv.indexOf("clips") + 1);
const rows: ClipRow[] = [];

function bytesFor(profile: ProfileName): number {
  if (megabytes !== undefined) return Number(megabytes) * 1e6;
  const { rate } = PROFILES[profile];
  return rate !== undefined && rate.upKbps < SLOW_KBPS ? SLOW_BYTES : FULL_BYTES;
}

function limitFor(profile: ProfileName): number {
  const { rate } = PROFILES[profile];
  const lineMs = rate === undefined ? 0 : (bytesFor(profile) * 8) / rate.upKbps;
  return Math.max(LEAST_LIMIT_MS, PATIENCE * lineMs);
}

/** Through a login page: nothing leaves, then all of it; the clip is sealed all the while. */
async function captiveThenFree(t: TestContext, container: "webm" | "mp4"): Promise<ClipRow> {
  const story = await twoPeople(t, { profile: "captive" });
  const trying: string[] = [];
  story.aigul.client.on((event) => {
    if (event.type === "connection") trying.push(event.trying);
  });
  const path = await clipFile({ container, bytes: bytesFor("captive") });
  const cost = clipThrough(story, path, LEAST_LIMIT_MS);
  const named = until("the login page to be named", () => trying.some((w) => /login page/.test(w)));
  await Promise.race([named, cost]);
  await until("it to be sealed", async () => (await story.aigul.client.outbox()).length === 1);
  const [waiting] = await story.aigul.client.outbox();
  assert.equal(waiting?.media?.storedBytes, 0);
  story.setProfile("none");
  return { ...(await cost), network: "captive, none" };
}

/** Begun in the night, when nothing passes; nights and days of seconds follow each other. */
async function nights(t: TestContext, container: "webm" | "mp4"): Promise<ClipRow> {
  const story = await twoPeople(t, {
    profile: "nightly-off",
    timeScale: NIGHT_SCALE,
    environment: { clock: hurriedClock },
  });
  const path = await clipFile({ container, bytes: bytesFor("nightly-off") });
  const cost = await clipThrough(story, path, LEAST_LIMIT_MS);
  return { ...cost, network: "nightly-off" };
}

describe("clips through every network", { concurrency: 64 }, () => {
  const add = (name: string, run: (t: TestContext) => Promise<ClipRow>): void => {
    if (name.includes(wanted)) it(name, async (t) => void rows.push(await run(t)));
  };
  for (const container of ["webm", "mp4"] as const) {
    for (const profile of STEADY) {
      add(`${profile} ${container}`, async (t) => {
        const [bytes, limitMs] = [bytesFor(profile), limitFor(profile)];
        const row = await clipCase(t, { profile, container, bytes, limitMs });
        if (profile === "reset-random") {
          assert.ok(row.sentUpBytes < MAX_SENT_THROUGH_RESETS * row.bytes, "sent too much twice");
        }
        return row;
      });
    }
    add(`captive ${container}`, (t) => captiveThenFree(t, container));
    add(`nightly-off ${container}`, (t) => nights(t, container));
  }
  after(() => {
    const order = (a: ClipRow, b: ClipRow): number => (a.network < b.network ? -1 : 1);
    process.stdout.write(`\n${clipTable(rows.toSorted(order))}\n\n`);
  });
});
