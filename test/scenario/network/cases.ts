/** What is tried in bad networks, quickly in `npm test` and in full by `npm run test:network`. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { TransportKind } from "../../../client/net/connection.ts";
import type { ProfileName } from "../../support/impair/profiles.ts";
import {
  NetworkStory,
  type NetworkStoryOptions,
  type Row,
  told,
} from "../../support/network-story.ts";
import { relayProcess, temporaryDirectory } from "../../support/relay.ts";
import { hurriedClock, numbered, until } from "../../support/stories.ts";

const HOUR_MS = 3_600_000;
/** 8 h in two seconds. */
const NIGHT_SCALE = 4 * 3600;
const NIGHT_MS = (8 * HOUR_MS) / NIGHT_SCALE;
const DAY_MS = 2 * NIGHT_MS;

export interface Line {
  readonly profile: ProfileName;
  readonly transport: TransportKind | "auto";
  readonly texts: number;
  readonly limitMs?: number;
  /** More would be a fault of the client. */
  readonly maxStalls?: number;
}

export async function begin(
  t: TestContext,
  options: Omit<NetworkStoryOptions, "relay">,
): Promise<NetworkStory> {
  const { address } = await relayProcess(t, { directory: await temporaryDirectory(t) });
  return await NetworkStory.begin(t, { relay: address, ...options });
}

/** First contact, the longest text, and texts both ways: each once, whole and in order. */
export async function everyCase(t: TestContext, line: Line): Promise<readonly Row[]> {
  const { profile, transport, texts, limitMs = 60_000, maxStalls } = line;
  const forced = transport === "auto" ? {} : { transportKind: transport };
  const story = await begin(t, { profile, limitMs, ...forced });
  return await shown(t, story, line, async () => {
    await story.firstContact();
    await story.longestText();
    if (texts > 0) await story.textsBothWays(texts);
    if (maxStalls !== undefined) assert.ok(story.totals.stalls <= maxStalls);
  });
}

/** Nothing leaves while a login page answers everything; all of it does afterwards. */
export async function captiveThenFree(t: TestContext, texts: number): Promise<readonly Row[]> {
  const story = await begin(t, { profile: "none" });
  await story.firstContact();
  await story.textsBothWays(2);
  story.setProfile("captive");
  const trying: string[] = [];
  story.aigul.client.on((event) => {
    if (event.type === "connection") trying.push(event.trying);
  });
  for (const side of story.sides) await story.write(side, numbered(side.name, texts, 10));
  await until("the login page to be named", () => trying.some((word) => /login page/.test(word)));
  for (const { client } of story.sides) assert.equal((await client.outbox()).length, texts);
  return await shown(t, story, { profile: "captive", transport: "auto" }, async () => {
    await story.measure(`${texts} texts after it`, async () => story.setProfile("none"));
  });
}

/**
 * The network is off at night, and the devices' clocks jump in it. Time passes quickly: a night takes
 * two seconds, a day four, and the clients' waits are as much shorter.
 */
export async function nights(
  t: TestContext,
  count: number,
  texts: number,
): Promise<readonly Row[]> {
  let jumpMs = 0;
  const now = () => Date.now() + jumpMs;
  const story = await begin(t, {
    profile: "none",
    timeScale: NIGHT_SCALE,
    environment: { clock: hurriedClock, now },
  });
  await story.firstContact();
  await story.textsBothWays(2);
  return await shown(t, story, { profile: "nightly-off", transport: "auto" }, async () => {
    story.setProfile("nightly-off");
    await story.measure(`${count} nights`, async () => {
      for (let night = 0; night < count; night++) {
        await writeBoth(story, `${night}. түн`, texts);
        for (const toMs of [9 * HOUR_MS, -30 * HOUR_MS, 8 * HOUR_MS]) {
          jumpMs = toMs;
          await pause(NIGHT_MS / 3);
        }
        await writeBoth(story, `${night}. күн`, texts);
        await pause(night + 1 < count ? DAY_MS : 0);
      }
    });
    assert.ok(story.totals.stalls > 0, "connections died in the night");
  });
}

async function writeBoth(story: NetworkStory, what: string, count: number): Promise<void> {
  for (const side of story.sides) await story.write(side, numbered(`${side.name}, ${what}`, count));
}

async function shown(
  t: TestContext,
  story: NetworkStory,
  { profile, transport }: Pick<Line, "profile" | "transport">,
  act: () => Promise<void>,
): Promise<readonly Row[]> {
  try {
    await act();
  } finally {
    for (const cost of story.costs) t.diagnostic(`${profile} ${transport}, ${told(cost)}`);
  }
  return story.costs.map((cost) => ({ ...cost, network: profile, transport }));
}

/** The night is the subject. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
