/**
 * Story (c) on the command line: what he filmed. Clips, a photo, a voice message and a file go through a
 * real relay and come out equal; a recording is broken off for good, and what left before plays, with
 * the gap marked; a relay that is full or dead, and a fetch that is killed, lose nothing.
 */

import assert from "node:assert/strict";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import type { FetchedJson, ReceivedJson, SentJson } from "../../client/cli/json-shapes.ts";
import type { ProgressJson } from "../../client/cli/progress.ts";
import {
  assertFails,
  jsonLines,
  type Outcome,
  outcome,
  result,
  startTumar,
  tumar,
} from "../client/cli/tumar-process.ts";
import type { Cleanup } from "../support/cleanup.ts";
import { clipFile, photoFile, probe, TELLTALES, voiceFile } from "../support/media.ts";
import { relayInProcess, type TestRelay, temporaryDirectory } from "../support/relay.ts";

/** One turn of the fixture: 2.4 MB. */
const CLIP_BYTES = 2_000_000;
const BLOB_MAX_BYTES = 6_000_000;
const QUIET_MS = 11 * 60_000;

type Who = "aigul" | "bek";
type Child = ChildProcessWithoutNullStreams;

class Scene {
  readonly folder: string;
  #relay: TestRelay;
  readonly #test: Cleanup;
  #aheadMs = 0;

  private constructor(test: Cleanup, folder: string, relay: TestRelay) {
    this.#test = test;
    this.folder = folder;
    this.#relay = relay;
  }

  static async set(test: Cleanup): Promise<Scene> {
    const folder = await temporaryDirectory(test);
    writeFileSync(join(folder, "passphrase"), "correct horse battery\n", { mode: 0o600 });
    let scene: Scene | undefined;
    const clock = (): number => Date.now() + (scene?.aheadMs ?? 0);
    const timer = (): number => performance.now() + (scene?.aheadMs ?? 0);
    const relay = await relayInProcess(test, { BLOB_MAX_BYTES }, { clock, timer });
    scene = new Scene(test, folder, relay);
    for (const who of ["aigul", "bek"] as const) {
      result(await scene.run(who, "init", "--relay", relay.address));
    }
    const { card } = result<{ card: string }>(await scene.run("bek", "card"));
    result(await scene.run("aigul", "add", card, "--as", "Bek"));
    return scene;
  }

  get aheadMs(): number {
    return this.#aheadMs;
  }

  /** The relay's clock alone. */
  turnClock(ms: number): void {
    this.#aheadMs += ms;
  }

  /** The relay dies; the result brings it back. */
  async killRelay(): Promise<() => Promise<void>> {
    const { directory, address } = this.#relay;
    await this.#relay.close();
    return async () => {
      const config = { DATA: directory, PORT: Number(new URL(address).port), BLOB_MAX_BYTES };
      const clock = (): number => Date.now() + this.#aheadMs;
      this.#relay = await relayInProcess(this.#test, config, { clock });
    };
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  typed(who: Who, command: string, ...rest: readonly string[]): readonly string[] {
    const keyed = [
      "--vault",
      this.path(`${who}.vault`),
      "--passphrase-file",
      this.path("passphrase"),
    ];
    return [command, "--json", ...keyed, ...rest];
  }

  run(who: Who, command: string, ...rest: readonly string[]): Promise<Outcome> {
    return tumar(...this.typed(who, command, ...rest));
  }

  async lastReceived(): Promise<ReceivedJson> {
    const last = jsonLines<ReceivedJson>(await this.run("bek", "inbox")).at(-1);
    assert.ok(last !== undefined);
    return last;
  }

  fetched(id: string, ...rest: readonly string[]): Promise<Outcome> {
    return this.run("bek", "fetch", id.slice(0, 8), "--out", this.folder, ...rest);
  }
}

function progressIn(lines: string): readonly ProgressJson[] {
  return lines
    .split("\n")
    .filter((line) => line.startsWith('{"progress"'))
    .map((line) => (JSON.parse(line) as { progress: ProgressJson }).progress);
}

/** The first progress event that this holds for. */
function progressWhere(
  child: Child,
  holds: (progress: ProgressJson) => boolean,
): Promise<ProgressJson> {
  return new Promise((resolve, reject) => {
    let told = "";
    child.stderr.on("data", (chunk: Buffer) => {
      told += String(chunk);
      const found = progressIn(told.slice(0, told.lastIndexOf("\n") + 1)).find(holds);
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(`it ended before: ${told}`)));
  });
}

/** What `inbox --follow` prints of media. */
async function* statesOf(child: Child): AsyncGenerator<ReceivedJson, void, undefined> {
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as ReceivedJson;
    if (message.media !== null) yield message;
  }
}

/** The next line that is in this state. */
async function next(states: AsyncGenerator<ReceivedJson>, state: string): Promise<ReceivedJson> {
  for (;;) {
    const { value, done } = await states.next();
    assert.ok(done !== true, "it ended before");
    if (value.media?.state === state) return value;
  }
}

async function killed(child: Child): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

describe("story: what he filmed", () => {
  const ends: (() => Promise<void>)[] = [];
  let scene: Scene;

  before(async () => {
    scene = await Scene.set({ after: (end) => ends.push(end) });
  });

  after(async () => {
    for (const end of ends) await end();
  });

  it("comes out equal where its metadata was kept, and without it where not", async () => {
    const webm = await clipFile({ container: "webm", bytes: CLIP_BYTES });
    const mp4 = await clipFile({ container: "mp4", bytes: CLIP_BYTES });
    const photo = await photoFile({ format: "png" });
    const copy = scene.path("copy.webm");
    copyFileSync(webm, copy);
    const orders = [
      ["--clip", copy, "--keep-metadata", "--name", "gate 12.webm"],
      ["--clip", mp4],
      ["--photo", photo],
    ] as const;
    const ids: string[] = [];
    for (const order of orders) {
      const sent = await scene.run("aigul", "send", "--no-wait", "Bek", ...order);
      assert.ok(!sent.err.includes("\u001b"));
      const { id, state, media } = result<SentJson>(sent);
      assert.deepEqual([state, media?.sealed, media?.storedBytes], ["written", true, 0]);
      ids.push(id);
    }
    // Whatever happens to the file now is of no matter.
    writeFileSync(copy, "");
    assert.equal(result<{ queued: number }>(await scene.run("aigul", "sync")).queued, 0);
    const folder = scene.path("all");
    mkdirSync(folder);
    const all = await scene.run("bek", "fetch", "--all", "--out", folder);
    assert.equal(all.exit, 0, all.err);
    const fetched = jsonLines<FetchedJson>(all);
    assert.deepEqual(
      fetched.map(({ id, state, bytes, expectedBytes, metadata }) => [
        id,
        state,
        bytes === expectedBytes,
        metadata,
      ]),
      [
        [ids[0], "complete", true, "kept"],
        [ids[1], "complete", true, "stripped"],
        [ids[2], "complete", true, "stripped"],
      ],
    );
    const [first, ...cleaned] = fetched.map(({ file }) => file ?? "");
    assert.equal(first, join(folder, `gate 12.${ids[0]?.slice(0, 8)}.webm`));
    assert.ok(readFileSync(first ?? "").equals(readFileSync(webm)));
    for (const file of cleaned) {
      const bytes = readFileSync(file).toString("latin1");
      assert.deepEqual(
        TELLTALES.filter((telltale) => bytes.includes(telltale)),
        [],
      );
    }
    assert.ok(Number((await probe(cleaned[0] ?? "")).format.duration) > 0);
    const again = await scene.run("bek", "fetch", "--all", "--out", folder);
    assert.deepEqual([again.exit, again.out], [0, ""]);
    const small = result<FetchedJson>(await scene.fetched(ids[2] ?? "", "--preview"));
    assert.deepEqual([small.part, small.type], ["preview", "image/jpeg"]);
    assert.ok(small.bytes > 0 && small.bytes <= 150_000);
  });

  it("goes on where it was when a fetch was killed", async () => {
    const film = scene.path("film.bin");
    writeFileSync(film, randomBytes(CLIP_BYTES));
    const sent = await scene.run("aigul", "send", "Bek", "--file", film);
    const { id, state, media } = result<SentJson>(sent);
    assert.deepEqual([state, media?.percent], ["stored", 100]);
    const phases = new Set(progressIn(sent.err).map(({ phase }) => phase));
    assert.deepEqual([...phases], ["preparing", "uploading"]);
    await scene.run("bek", "sync");
    const out = scene.path("whole.bin");
    const first = startTumar(...scene.typed("bek", "fetch", id, "--out", out));
    await progressWhere(first, ({ doneBytes }) => doneBytes > 0);
    await killed(first);
    assert.equal(existsSync(out), false);
    const second = await scene.run("bek", "fetch", id, "--out", out, "--discard");
    assert.equal(result<FetchedJson>(second).bytes, CLIP_BYTES);
    assert.ok((progressIn(second.err)[0]?.doneBytes ?? 0) > 0, "it does not begin anew");
    assert.ok(readFileSync(out).equals(readFileSync(film)));
    const left = readdirSync(scene.folder).filter((name) => name.startsWith(".tumar"));
    assert.deepEqual(left, []);
  });

  it("plays up to where he was interrupted, and says where that is", async () => {
    const clip = readFileSync(await clipFile({ container: "webm", bytes: CLIP_BYTES }));
    const following = startTumar(...scene.typed("bek", "inbox", "--follow"));
    const states = statesOf(following);
    const recording = startTumar(...scene.typed("aigul", "send", "Bek", "--clip", "-"));
    recording.stdin.write(clip.subarray(0, CLIP_BYTES / 2));
    const onRelay = await progressWhere(recording, ({ doneBytes }) => doneBytes > 300_000);
    assert.equal(onRelay.phase, "recording");
    const arriving = await next(states, "arriving");
    await killed(recording);
    assertFails(await scene.fetched(arriving.id, "--timeout", "4"), 9, "MEDIA_ARRIVING");
    scene.turnClock(QUIET_MS);
    const cutOff = await next(states, "cut-off");
    assert.equal(cutOff.id, arriving.id);
    following.kill("SIGINT");
    const fetched = await scene.fetched(cutOff.id);
    const { file, state, bytes, cutOffAtMs } = result<FetchedJson>(fetched);
    assert.deepEqual([state, cutOffAtMs], ["cut-off", cutOff.media?.cutOffAtMs]);
    assert.match(file ?? "", /\/clip\.cut-off-at-\d+m\d\ds\.webm$/);
    assert.match(fetched.err, /"warning":\{"code":"BLOB_CUT_OFF"/);
    assert.ok(bytes > 200_000);
    const { streams } = await probe(file ?? "");
    assert.ok(streams.length > 0);
  });

  it("is refused at once when the relay takes none so long", async () => {
    const long = scene.path("long.bin");
    writeFileSync(long, randomBytes(BLOB_MAX_BYTES + 1));
    const refused = await scene.run("aigul", "send", "Bek", "--file", long);
    assert.equal(refused.exit, 5, refused.err);
    assert.match(refused.err, /"code":"BLOB_TOO_LARGE"/);
    const uploading = progressIn(refused.err).filter(({ phase }) => phase === "uploading");
    assert.ok(uploading.every(({ doneBytes }) => doneBytes === 0));
  });

  it("ends in order at Ctrl-C, waits for a relay that is dead, and leaves when it is back", async () => {
    const back = await scene.killRelay();
    const voice = readFileSync(await voiceFile({ container: "ogg" }));
    const send = ["send", "Bek", "--voice", "-", "--keep-metadata", "--timeout", "1"] as const;
    const recording = startTumar(...scene.typed("aigul", ...send));
    const waiting = outcome(recording);
    recording.stdin.write(voice.subarray(0, -1));
    await progressWhere(recording, ({ phase, recordedBytes }) => {
      return phase === "recording" && recordedBytes === voice.length - 1;
    });
    recording.kill("SIGINT");
    // The recorder got the same signal, and writes its last bytes.
    recording.stdin.end(voice.subarray(-1));
    const { exit, err, out } = await waiting;
    assert.equal(exit, 4, err);
    const written = JSON.parse(out) as SentJson;
    const { sealed, live, cutOff } = written.media ?? {};
    assert.deepEqual([written.state, sealed, live, cutOff], ["written", true, true, false]);
    await back();
    result(await scene.run("aigul", "sync"));
    const { kind, media, id } = await scene.lastReceived();
    assert.deepEqual([kind, media?.state, id], ["voice", "complete", written.id]);
    const fetching = startTumar(...scene.typed("bek", "fetch", id, "--out", "-"));
    const chunks: Buffer[] = [];
    fetching.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(fetching, "close");
    assert.ok(Buffer.concat(chunks).equals(voice));
  });
});
