/** Clips, photos, voice messages and files in words and JSON: their states, their gaps, and hostile names. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  fetchedText,
  outboxText,
  outgoingText,
  receivedText,
  sentText,
} from "../../../client/cli/human-text.ts";
import {
  fetchedJson,
  outgoingJson,
  receivedJson,
  sentJson,
} from "../../../client/cli/json-shapes.ts";
import {
  fileName,
  gapMark,
  gapText,
  type MediaMessage,
  mediaStateText,
  previewName,
  storedPercent,
} from "../../../client/cli/media-text.ts";
import { type OutputStream, Terminal } from "../../../client/cli/terminal.ts";
import type {
  OutboxItem,
  ReceivedMedia,
  ReceivedMediaPart,
  SentMedia,
} from "../../../client/core/types.ts";

const at = Date.UTC(2026, 10, 22, 9);

const whole: ReceivedMediaPart = {
  role: "whole",
  dataBytes: 2_400_000,
  totalBytes: 2_500_000,
  storedBytes: 1_500_000,
  fetchedBytes: 0,
  state: "arriving",
};

const clip: ReceivedMedia = {
  name: "gate-12.webm",
  type: "video/webm",
  metadata: "stripped",
  durationMs: 41_000,
  dataBytes: 2_400_000,
  parts: [whole],
  state: "arriving",
  percent: 60,
  cutOffAtMs: null,
  isFetched: false,
};

const message: MediaMessage = {
  id: new Uint8Array(16),
  from: "Bek",
  identity: new Uint8Array(32).fill(0xff),
  kind: "clip",
  text: "",
  media: clip,
  at,
  isShown: false,
  isRead: false,
};

const sentClip: SentMedia = {
  name: "gate-12.webm",
  type: "video/webm",
  metadata: "stripped",
  durationMs: 0,
  isLive: false,
  isSealed: true,
  isCutOff: false,
  isLost: false,
  sealedBytes: 2_500_000,
  storedBytes: 1_500_000,
  totalBytes: 2_500_000,
};

const queued: OutboxItem = {
  id: new Uint8Array(16),
  to: "Bek",
  identity: new Uint8Array(32).fill(0xff),
  kind: "clip",
  lane: "chunk",
  text: "",
  state: "written",
  at,
  writtenAt: at,
  receipt: null,
  media: sentClip,
  waitingFor: "60 % is on the relay.",
  trying: null,
  expiresAt: null,
};

const growing: SentMedia = { ...sentClip, totalBytes: null, isLive: true };

function terminal(isTTY: boolean): Terminal {
  const stream: OutputStream = { isTTY, write: () => true, on: () => undefined };
  return new Terminal(stream, stream, false);
}

function shown(media: Partial<ReceivedMedia>, isTTY = false): string {
  return receivedText({ ...message, media: { ...clip, ...media } }, terminal(isTTY));
}

describe("media that came", () => {
  it("says what it is, how much of it is there, and how to fetch it", () => {
    const [, what, next, none] = shown({}).split("\n");
    const removed = "location and device data removed";
    assert.equal(what, `    clip: gate-12.webm, 2.4 MB, 0:41 long, arriving 60 %, ${removed}`);
    assert.equal(next, "    tumar fetch aaaaaaaa --out .");
    assert.equal(none, undefined);
  });

  it("has words for every state", () => {
    const states = [
      { percent: null },
      { state: "complete", percent: 100 },
      { state: "cut-off", cutOffAtMs: 41_900, percent: null },
      { state: "cut-off" },
      { state: "cut-off", percent: null },
    ] as const;
    const told = states.map((state) => mediaStateText({ ...clip, ...state }));
    assert.deepEqual(told, [
      "arriving",
      "complete",
      "cut off at 0:41",
      "cut off at 60 %",
      "cut off",
    ]);
    assert.match(shown({ state: "complete", isFetched: true }), /, complete, fetched, location/);
    assert.match(shown({ dataBytes: null }), /, 1\.5 MB so far, /);
    assert.match(shown({ metadata: "kept" }), /, location and device data not removed$/m);
    assert.match(shown({ metadata: "none" }), /arriving 60 %$/m);
    const preview: ReceivedMediaPart = { ...whole, role: "preview", state: "complete" };
    assert.match(shown({ parts: [preview, whole] }), /--out \. \(--preview: the small copy\)$/);
  });

  it("marks the gap in the name of what is not whole", () => {
    const marks = [
      { state: "complete" },
      {},
      { state: "cut-off", cutOffAtMs: 3_723_000 },
      { state: "cut-off" },
      { state: "cut-off", percent: null },
    ] as const;
    assert.deepEqual(
      marks.map((media) => gapMark({ ...clip, ...media })),
      [null, "incomplete", "cut-off-at-1h02m03s", "cut-off-at-60-percent", "cut-off"],
    );
    const cut = { ...message, media: { ...clip, state: "cut-off", cutOffAtMs: 41_000 } } as const;
    assert.equal(gapText(cut), "the clip is cut off at 0:41: this is what came before");
    assert.match(gapText(message) ?? "", /not all of the clip has come yet/);
    const claimed = { ...clip, state: "complete" } as const;
    assert.match(gapText({ ...message, media: claimed }) ?? "", /not all of the clip has come/);
    assert.equal(gapText({ ...message, media: { ...claimed, isFetched: true } }), null);
  });

  it("gets an extension where its sender gave none, and only then", () => {
    assert.equal(fileName({ name: "", type: "video/webm" }, "clip"), "clip.webm");
    assert.equal(fileName({ name: "", type: "" }, "file"), "file");
    assert.equal(fileName({ name: "a.mp4", type: "video/webm" }, "clip"), "a.mp4");
    assert.equal(previewName("badge.png"), "badge.preview.jpg");
    assert.equal(previewName("badge"), "badge.preview.jpg");
  });

  it("cannot forge a line, a path, a colour or a direction by its name", () => {
    const evil = ["a\n    clip: b", "../../.bashrc", "\u001b[2J\u001b]0;x\u0007", "gpj.\u202eexe"];
    const names = fc.oneof(fc.constantFrom(...evil), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(names, (name) => {
        const lines = shown({ name }, true).split("\n");
        assert.equal(lines.length, 3);
        const [, inside = ""] = /\u2068([^\u2068\u2069]*)\u2069/u.exec(lines[1] ?? "") ?? [];
        assert.notEqual(inside, "");
        assert.doesNotMatch(inside, /[/\\\p{Cc}\u202a-\u202e]/u);
        const { media } = receivedJson({ ...message, media: { ...clip, name } });
        assert.equal(media?.name, inside);
      }),
    );
  });

  it("a name from right to left stays between its marks", () => {
    const [, line = ""] = shown({ name: "دەرۋازا.webm" }, true).split("\n");
    assert.match(line, /^ {4}clip: \u2068دەرۋازا\.webm\u2069, 2\.4 MB/u);
  });
});

describe("media that was fetched", () => {
  const fetched = { message, part: "whole", path: "./gate-12.webm", bytes: 2_400_000 } as const;

  it("says where it is, what, from whom, and whether that is all", () => {
    assert.equal(
      fetchedText(
        { ...fetched, message: { ...message, media: { ...clip, state: "complete" } } },
        terminal(false),
      ),
      "./gate-12.webm  2.4 MB, clip from Bek, complete",
    );
    assert.match(
      fetchedText({ ...fetched, part: "preview" }, terminal(false)),
      /small copy of a clip from Bek$/,
    );
  });

  it("tells a script the gap", () => {
    const cut = { ...clip, state: "cut-off", cutOffAtMs: 41_000 } as const;
    const json = fetchedJson({ ...fetched, message: { ...message, media: cut }, bytes: 9 });
    assert.deepEqual(json, {
      id: "a".repeat(26),
      kind: "clip",
      part: "whole",
      file: "./gate-12.webm",
      type: "video/webm",
      metadata: "stripped",
      state: "cut-off",
      cutOffAtMs: 41_000,
      bytes: 9,
      expectedBytes: 2_400_000,
    });
    const preview = fetchedJson({ ...fetched, part: "preview", bytes: 9 });
    assert.deepEqual([preview.state, preview.expectedBytes], ["complete", 9]);
  });
});

describe("media that is sent", () => {
  it("says how much of it is on the relay, and what is left", () => {
    const text = outboxText(queued, terminal(false), at, 150_000);
    assert.match(text, / {2}clip to Bek {2}waits: 60 % is on the relay\.\n/);
    assert.match(text, /\n {4}gate-12\.webm, 2\.5 MB, 60 % on the relay, 3 min left$/);
    assert.match(outgoingText(queued, terminal(false)), /60 % on the relay$/);
    const live = outboxText({ ...queued, media: growing }, terminal(false), at);
    assert.match(live, /\n {4}gate-12\.webm, 1\.5 MB of 2\.5 MB so far on the relay$/);
    const broken = outgoingText(
      { ...queued, media: { ...growing, isCutOff: true } },
      terminal(false),
    );
    assert.match(broken, /, the recording broke off, /);
    const lost = outgoingText({ ...queued, media: { ...sentClip, isLost: true } }, terminal(false));
    assert.match(lost, /, lost before all of it was sealed: send it again, /);
  });

  it("says what was done about where and with what it was taken", () => {
    const told = (["stripped", "kept", "none"] as const).map((metadata) =>
      sentText({ ...queued, state: "stored", media: { ...sentClip, metadata } }, terminal(false)),
    );
    assert.equal(
      told[0],
      "To Bek: clip, on the relay, nobody has read it yet. Location and device data were removed.",
    );
    assert.match(told[1] ?? "", /still there/);
    assert.match(told[2] ?? "", /was no location/);
  });

  it("tells a script the same", () => {
    assert.deepEqual(sentJson(queued).media, {
      name: "gate-12.webm",
      type: "video/webm",
      metadata: "stripped",
      durationMs: null,
      live: false,
      sealed: true,
      cutOff: false,
      lost: false,
      percent: 60,
      sealedBytes: 2_500_000,
      storedBytes: 1_500_000,
      totalBytes: 2_500_000,
    });
    assert.equal(outgoingJson({ ...queued, media: growing }).media?.percent, null);
    assert.deepEqual(
      [
        storedPercent({ ...sentClip, storedBytes: 2_499_999 }),
        storedPercent({ ...sentClip, totalBytes: 0 }),
      ],
      [99, 100],
    );
  });
});
