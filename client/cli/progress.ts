/**
 * How far something is, while a command works: a bar on a terminal, one JSON object a second on stderr
 * with `--json`, and nothing in between, so that a log or a pipe gets no escape codes.
 *
 *     uploading  [===========---------]  55 %  11 MB of 20 MB  310 kB/s  29 s left
 *     recording  0:41  1.2 MB recorded  0.9 MB on the relay  240 kB/s
 */

import { durationText, positionText, rateText, sizeText } from "./quantities.ts";
import { RateMeter } from "./rate-meter.ts";
import type { Terminal } from "./terminal.ts";

export type Phase = "preparing" | "recording" | "uploading" | "fetching";

export interface Progress {
  readonly phase: Phase;
  /** Base32; null while the message is not written. */
  readonly id: string | null;
  readonly doneBytes: number;
  /** Null while nobody knows the end. */
  readonly totalBytes: number | null;
  /** While recording: since it began, and what was recorded; `doneBytes` is on the relay. */
  readonly recording?: { readonly elapsedMs: number; readonly bytes: number };
}

/** One line with `--json`: `{"progress":{…}}` (docs/CLI.md). */
export interface ProgressJson {
  readonly phase: Phase;
  readonly id: string | null;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
  readonly recordedBytes: number | null;
  readonly elapsedSeconds: number | null;
}

/** What a person watches; often enough to live, seldom enough to cost nothing. */
const BAR_EVERY_MS = 200;
const JSON_EVERY_MS = 1_000;
/** A line on which nothing moved for so long says so. */
const QUIET_MS = 10_000;
const BAR_CHARACTERS = 24;
const LEAST_BAR_CHARACTERS = 8;

export type DrawBar = (fraction: number, characters: number) => string;

interface Pace {
  readonly bytesPerSecond: number | null;
  readonly leftMs: number | null;
  readonly quietMs: number;
}

export class ProgressShow {
  readonly #terminal: Terminal;
  readonly #isJson: boolean;
  readonly #now: () => number;
  #drawBar: DrawBar | undefined;
  #meter = new RateMeter();
  #phase: Phase | undefined;
  #isAllShown = false;
  #shownAtMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, isJson: boolean, now: () => number = Date.now) {
    this.#terminal = terminal;
    this.#isJson = isJson;
    this.#now = now;
  }

  /** Loads what draws the bar, only where one is drawn. */
  async begin(): Promise<void> {
    if (!this.#isJson && this.#terminal.isProgressScreen) this.#drawBar = await barDrawer();
  }

  /** Counts always, shows now and then: the first of a phase and the last of what is counted always. */
  show(progress: Progress): void {
    const nowMs = this.#now();
    const isFirst = progress.phase !== this.#phase;
    if (isFirst) this.#meter = new RateMeter();
    this.#phase = progress.phase;
    this.#meter.count(nowMs, progress.doneBytes);
    const isAll = progress.totalBytes !== null && progress.doneBytes >= progress.totalBytes;
    const isNews = isFirst || (isAll && !this.#isAllShown);
    const everyMs = this.#isJson ? JSON_EVERY_MS : BAR_EVERY_MS;
    if (!isNews && nowMs - this.#shownAtMs < everyMs) return;
    this.#isAllShown = isAll;
    this.#shownAtMs = nowMs;
    const pace = this.#pace(nowMs, progress.totalBytes);
    if (this.#isJson) {
      this.#terminal.notice(JSON.stringify({ progress: progressJson(progress, pace) }));
    } else if (this.#drawBar !== undefined) {
      const columns = this.#terminal.progressColumns;
      this.#terminal.progress(progressLine(progress, pace, columns, this.#drawBar));
    }
  }

  #pace(nowMs: number, totalBytes: number | null): Pace {
    return {
      bytesPerSecond: this.#meter.bytesPerSecond(nowMs),
      leftMs: this.#meter.leftMs(nowMs, totalBytes),
      quietMs: this.#meter.quietMs(nowMs),
    };
  }
}

export function progressJson(progress: Progress, pace: Pace): ProgressJson {
  const { phase, id, doneBytes, totalBytes, recording } = progress;
  const { bytesPerSecond, leftMs } = pace;
  return {
    phase,
    id,
    doneBytes,
    totalBytes,
    bytesPerSecond: bytesPerSecond === null ? null : Math.round(bytesPerSecond),
    secondsLeft: leftMs === null ? null : Math.ceil(leftMs / 1000),
    recordedBytes: recording?.bytes ?? null,
    elapsedSeconds: recording === undefined ? null : Math.floor(recording.elapsedMs / 1000),
  };
}

/** Never wider than the screen: a line that wraps could not be overwritten. */
export function progressLine(
  progress: Progress,
  pace: Pace,
  columns: number,
  drawBar: DrawBar,
): string {
  const words = [...counts(progress), ...paceWords(pace)].join("  ");
  const room = columns - 1 - progress.phase.length - words.length - "  []  ".length;
  const fraction = fractionOf(progress);
  const characters = Math.min(BAR_CHARACTERS, room);
  const hasBar = fraction !== null && characters >= LEAST_BAR_CHARACTERS;
  const bar = hasBar ? [`[${drawBar(fraction, characters)}]`] : [];
  return [progress.phase, ...bar, words].join("  ").slice(0, Math.max(0, columns - 1));
}

function counts({ doneBytes, totalBytes, recording, ...progress }: Progress): readonly string[] {
  if (recording !== undefined) {
    const { elapsedMs, bytes } = recording;
    const onRelay = `${sizeText(doneBytes)} on the relay`;
    return [positionText(elapsedMs), `${sizeText(bytes)} recorded`, onRelay];
  }
  const fraction = fractionOf({ ...progress, doneBytes, totalBytes });
  if (fraction === null || totalBytes === null) return [sizeText(doneBytes)];
  const percent = `${Math.floor(fraction * 100)} %`;
  return [percent, `${sizeText(doneBytes)} of ${sizeText(totalBytes)}`];
}

function paceWords({ bytesPerSecond, leftMs, quietMs }: Pace): readonly string[] {
  if (quietMs >= QUIET_MS) return [`nothing moved for ${durationText(quietMs)}`];
  const words = bytesPerSecond === null ? [] : [rateText(bytesPerSecond)];
  return leftMs === null || leftMs === 0 ? words : [...words, `${durationText(leftMs)} left`];
}

function fractionOf({ doneBytes, totalBytes }: Omit<Progress, "phase" | "id">): number | null {
  if (totalBytes === null) return null;
  return totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
}

/** cli-progress draws; where and when is ours, since notices must be able to wipe the line. */
async function barDrawer(): Promise<DrawBar> {
  const { Format } = (await import("cli-progress")).default;
  return (fraction, barsize) =>
    Format.BarFormat(fraction, {
      barsize,
      barCompleteString: "=".repeat(barsize),
      barIncompleteString: "-".repeat(barsize),
      barGlue: "",
    });
}
