/**
 * `npm run test:network`: every bad network with every case, in real time, which takes some minutes.
 * Ends with a table; `npm run test:network -- curtain16` tries only what has that in its name. Loopback
 * only. The quick part of it is in `npm test` (quick.test.ts). `npm run test:network -- clips` sends clips
 * instead (../media/matrix.ts).
 */

import { after, describe, it } from "node:test";
import { costTable, type Row } from "../../support/network-story.ts";
import { captiveThenFree, everyCase, type Line, nights } from "./cases.ts";

const TEXTS = 100;
const MINUTE_MS = 60_000;
const PATIENT = { texts: TEXTS, limitMs: 5 * MINUTE_MS } as const;

const LINES: readonly Line[] = [
  { profile: "gprs-bad", transport: "auto", texts: TEXTS, limitMs: 15 * MINUTE_MS },
  { profile: "edge", transport: "auto", ...PATIENT },
  { profile: "lossy-3g", transport: "auto", ...PATIENT },
  { profile: "throttle", transport: "auto", ...PATIENT },
  { profile: "curtain16", transport: "auto", ...PATIENT, maxStalls: 6 },
  { profile: "curtain16", transport: "thrifty", ...PATIENT, maxStalls: 0 },
  { profile: "reset-random", transport: "auto", ...PATIENT },
  { profile: "ws-killed", transport: "auto", ...PATIENT },
  { profile: "proxy-buffer", transport: "auto", ...PATIENT },
  { profile: "edge", transport: "exchange", ...PATIENT },
  { profile: "edge", transport: "thrifty", ...PATIENT },
  { profile: "none", transport: "auto", ...PATIENT },
  { profile: "none", transport: "exchange", ...PATIENT },
  { profile: "none", transport: "thrifty", ...PATIENT },
];

const wanted = process.argv[2] ?? "";
const rows: Row[] = [];

function isWanted(name: string): boolean {
  return name.includes(wanted);
}

function texts(): void {
  for (const line of LINES) {
    const name = `${line.profile} ${line.transport}`;
    if (isWanted(name)) it(name, async (t) => void rows.push(...(await everyCase(t, line))));
  }
  if (isWanted("captive")) {
    it("captive", async (t) => void rows.push(...(await captiveThenFree(t, TEXTS))));
  }
  if (isWanted("nightly-off")) {
    it("nightly-off", async (t) => void rows.push(...(await nights(t, 3, TEXTS / 10))));
  }
  after(() => {
    process.stdout.write(`\n${costTable(rows)}\n\n`);
  });
}

if (wanted === "clips") await import("../media/matrix.ts");
else describe("every network with every case", { concurrency: 2 }, texts);
