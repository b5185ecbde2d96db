/** A clip through a bad network: quickly in `npm test`, in full by `npm run test:network -- clips`. */

import { join } from "node:path";
import type { TestContext } from "node:test";
import { type ClipRow, clipThrough, clipTold } from "../../support/clip-story.ts";
import type { ProfileName } from "../../support/impair/profiles.ts";
import { type ClipContainer, clipFile } from "../../support/media.ts";
import { NetworkStory, type NetworkStoryOptions } from "../../support/network-story.ts";
import { relayProcess, temporaryDirectory } from "../../support/relay.ts";

export interface ClipLine {
  readonly profile: ProfileName;
  readonly container: ClipContainer;
  /** About; two small seconds without it. */
  readonly bytes?: number;
  /** For each way. */
  readonly limitMs?: number;
  /** Its address; without it, one of their own. */
  readonly relay?: string;
}

const DEFAULT_LIMIT_MS = 90_000;

type Scene = Omit<NetworkStoryOptions, "relay" | "blobFolder"> & { readonly relay?: string };

async function ownRelay(t: TestContext, directory: string): Promise<string> {
  return (await relayProcess(t, { directory: join(directory, "relay") })).address;
}

/** Two who write to each other and come into this network, vaults in memory and blobs on disk. */
export async function twoPeople(
  t: TestContext,
  { profile, relay, ...options }: Scene,
): Promise<NetworkStory> {
  const directory = await temporaryDirectory(t);
  const address = relay ?? (await ownRelay(t, directory));
  const scene = { ...options, relay: address, blobFolder: directory, profile: "none" } as const;
  const story = await NetworkStory.begin(t, scene);
  await story.firstContact();
  await story.textsBothWays(1);
  await story.enter(t, profile);
  return story;
}

export async function clipCase(t: TestContext, line: ClipLine): Promise<ClipRow> {
  const { profile, container, bytes, relay, limitMs = DEFAULT_LIMIT_MS } = line;
  const path = await clipFile({ container, ...(bytes === undefined ? {} : { bytes }) });
  const story = await twoPeople(t, {
    profile,
    limitMs,
    seed: `${profile} ${container}`,
    ...(relay === undefined ? {} : { relay }),
  });
  const cost = await clipThrough(story, path, limitMs);
  t.diagnostic(`${profile}, ${clipTold(cost)}`);
  return { ...cost, network: profile };
}
