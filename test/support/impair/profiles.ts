/**
 * The networks of the laboratory, as data. Each number is a test's choice of what such a network does
 * to one person's line; what a field does is said here, how it is done in pipe.ts and connection.ts.
 */

export interface Rate {
  readonly upKbps: number;
  readonly downKbps: number;
}

/** Times when nothing passes, one after the other without end, drawn from the seed. */
export interface OutagePlan {
  /** True: the first one begins with the profile. */
  readonly startsDown: boolean;
  /** From the end of one (or the profile's begin) to the begin of the next. */
  readonly upMs: readonly [from: number, to: number];
  readonly downMs: number;
  /** `holds`: what was sent comes afterwards. `ends`: open connections are dead for good, and silent. */
  readonly kind: "holds" | "ends";
}

/** What stands in the way and speaks HTTP itself: gateways.ts. */
export type GatewayKind = "captive" | "ws-killed" | "proxy-buffer";

/** How ws-killed ends an upgrade: `either` is drawn for each from the seed. */
export type UpgradeFate = "refuse" | "keep" | "either";

export interface Profile {
  /** Of the whole line, shared by its connections; no limit when absent. */
  readonly rate?: Rate;
  readonly rttMs: number;
  /** A round trip takes `rttMs` ± this; each direction has half of it and keeps the order of bytes. */
  readonly jitterMs: number;
  /** Of packets; TCP repeats a lost one, and all that follows waits for it. */
  readonly loss: number;
  readonly outages?: OutagePlan;
  /** After so many bytes to the client a connection is silent for good, both ways. */
  readonly freezeAfterDownBytes?: number;
  /** A connection is reset after a number of bytes, both ways counted, drawn from here. */
  readonly resetBytes?: readonly [from: number, to: number];
  readonly gateway?: GatewayKind;
  readonly upgrades?: UpgradeFate;
}

export const PROFILE_NAMES = [
  "none",
  "edge",
  "gprs-bad",
  "lossy-3g",
  "curtain16",
  "reset-random",
  "ws-killed",
  "throttle",
  "captive",
  "nightly-off",
  "proxy-buffer",
] as const;

export type ProfileName = (typeof PROFILE_NAMES)[number];

const HOUR_MS = 3_600_000;
const PLAIN = { rttMs: 0, jitterMs: 0, loss: 0 } as const;

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  none: PLAIN,
  edge: { rate: { downKbps: 240, upKbps: 200 }, rttMs: 840, jitterMs: 200, loss: 0.01 },
  "gprs-bad": {
    rate: { downKbps: 40, upKbps: 20 },
    rttMs: 1500,
    jitterMs: 700,
    loss: 0.05,
    outages: { startsDown: false, upMs: [120_000, 180_000], downMs: 30_000, kind: "holds" },
  },
  "lossy-3g": { rate: { downKbps: 400, upKbps: 400 }, rttMs: 400, jitterMs: 0, loss: 0.1 },
  curtain16: { ...PLAIN, rttMs: 80, freezeAfterDownBytes: 16_384 },
  "reset-random": { ...PLAIN, rttMs: 100, resetBytes: [2_000, 200_000] },
  "ws-killed": { ...PLAIN, rttMs: 100, gateway: "ws-killed", upgrades: "either" },
  throttle: { ...PLAIN, rate: { downKbps: 32, upKbps: 32 }, rttMs: 300 },
  captive: { ...PLAIN, rttMs: 50, gateway: "captive" },
  "nightly-off": {
    ...PLAIN,
    outages: {
      startsDown: true,
      upMs: [16 * HOUR_MS, 16 * HOUR_MS],
      downMs: 8 * HOUR_MS,
      kind: "ends",
    },
  },
  "proxy-buffer": { ...PLAIN, rttMs: 100, gateway: "proxy-buffer" },
};

export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}

export function profileOf(given: ProfileName | Profile): Profile {
  return typeof given === "string" ? PROFILES[given] : given;
}
