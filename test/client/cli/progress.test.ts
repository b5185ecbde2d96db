/** Progress: a bar on a screen, JSON lines for scripts, nothing elsewhere; never wider than the screen. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type Progress,
  type ProgressJson,
  ProgressShow,
  progressLine,
} from "../../../client/cli/progress.ts";
import { type OutputStream, Terminal } from "../../../client/cli/terminal.ts";

class Recorder implements OutputStream {
  readonly isTTY: boolean;
  readonly columns = 100;
  written = "";

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string | Uint8Array): boolean {
    this.written += text;
    return true;
  }

  on(): void {}
}

const silent: OutputStream = { write: () => true, on: () => undefined };
const uploading: Progress = {
  phase: "uploading",
  id: "k4zxq2wm",
  doneBytes: 0,
  totalBytes: 20_000_000,
};
const pace = { bytesPerSecond: 310_000, leftMs: 28_500, quietMs: 0 };
const drawBar = (fraction: number, characters: number): string =>
  "=".repeat(Math.round(fraction * characters)).padEnd(characters, "-");

/** 100 kB every tenth of a second for 20 s. */
async function shown(isTTY: boolean, isJson: boolean): Promise<string> {
  const err = new Recorder(isTTY);
  let nowMs = 0;
  const show = new ProgressShow(new Terminal(silent, err, false), isJson, () => nowMs);
  await show.begin();
  for (; nowMs <= 20_000; nowMs += 100) show.show({ ...uploading, doneBytes: nowMs * 1000 });
  show.show({ ...uploading, doneBytes: 20_000_000 });
  return err.written;
}

describe("progress", () => {
  it("is a bar with rate and time left on a screen", async () => {
    const lines = (await shown(true, false)).split("\r\u001b[K").slice(1);
    assert.equal(lines[0], "uploading  [------------------------]  0 %  0 B of 20 MB");
    assert.ok(
      lines.includes(
        "uploading  [============------------]  50 %  10 MB of 20 MB  1.0 MB/s  10 s left",
      ),
    );
    assert.equal(
      lines.at(-1),
      "uploading  [========================]  100 %  20 MB of 20 MB  1.0 MB/s",
    );
    assert.ok(lines.length <= 102, `${lines.length}`);
  });

  it("is JSON once a second for scripts, with the first and the last", async () => {
    const written = await shown(false, true);
    const events = written
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { progress: ProgressJson }).progress);
    assert.equal(events.length, 21);
    assert.deepEqual(events[0], {
      phase: "uploading",
      id: "k4zxq2wm",
      doneBytes: 0,
      totalBytes: 20_000_000,
      bytesPerSecond: null,
      secondsLeft: null,
      recordedBytes: null,
      elapsedSeconds: null,
    });
    assert.deepEqual([events[10]?.bytesPerSecond, events[10]?.secondsLeft], [1_000_000, 10]);
    assert.equal(events.at(-1)?.doneBytes, 20_000_000);
  });

  it("is nothing where nobody looks", async () => {
    assert.equal(await shown(false, false), "");
  });

  it("fits the screen, whatever is told", () => {
    const told = fc.record({
      doneBytes: fc.maxSafeNat(),
      totalBytes: fc.option(fc.maxSafeNat()),
      recording: fc.option(fc.record({ elapsedMs: fc.nat(1e9), bytes: fc.maxSafeNat() }), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(told, fc.integer({ min: 1, max: 200 }), ({ recording, ...rest }, columns) => {
        const progress = {
          ...uploading,
          ...rest,
          ...(recording === undefined ? {} : { recording }),
        };
        assert.ok(progressLine(progress, pace, columns, drawBar).length < columns);
      }),
    );
  });

  it("tells a recording's length, what is on the relay, and a line on which nothing moves", () => {
    const recording = { elapsedMs: 41_000, bytes: 1_200_000 };
    const live: Progress = { ...uploading, phase: "recording", totalBytes: null, recording };
    const line = progressLine({ ...live, doneBytes: 900_000 }, pace, 100, drawBar);
    assert.equal(
      line,
      "recording  0:41  1.2 MB recorded  900 kB on the relay  310 kB/s  29 s left",
    );
    const stuck = { bytesPerSecond: null, leftMs: null, quietMs: 61_000 };
    assert.match(progressLine(live, stuck, 100, drawBar), / {2}nothing moved for 2 min$/);
  });
});
