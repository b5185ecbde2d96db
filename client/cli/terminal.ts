/**
 * Where words go: results to stdout, everything else to stderr.
 *
 * `print` resolves only when the operating system has taken the line, so that a message is marked as shown
 * after it was. A reader who went away (`| head`) is OutputClosed, which ends the command quietly.
 */

import { wantsColours } from "./environment.ts";

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], yellow: [33, 39] } as const;

export type Style = keyof typeof STYLES;

/** Nobody reads stdout any more. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** Where a terminal does not say how wide it is, or says 0. */
const USUAL_COLUMNS = 80;

export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string | Uint8Array, done: (error?: Error | null) => void): boolean;
  on(event: "error", listener: (error: Error) => void): unknown;
}

export class Terminal {
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  readonly #isColoured: boolean;
  #isLineOpen = false;

  constructor(out: OutputStream, err: OutputStream, isColoured: boolean = wantsColours()) {
    this.#out = out;
    this.#err = err;
    this.#isColoured = isColoured;
    // Each write reports its own failure; without a listener the stream would end the process.
    for (const stream of [out, err]) stream.on("error", () => undefined);
  }

  /** True when a person sees the results on a screen. */
  get isScreen(): boolean {
    return this.#out.isTTY === true;
  }

  /** True when a person sees progress and prompts on a screen. */
  get isProgressScreen(): boolean {
    return this.#err.isTTY === true;
  }

  get progressColumns(): number {
    return this.#err.columns || USUAL_COLUMNS;
  }

  /** One result, with its line end. @throws OutputClosed, or the stream's error */
  print(text: string): Promise<void> {
    return this.printBytes(`${text}\n`);
  }

  /** A part of a file, as it is. @throws as `print` */
  printBytes(bytes: Uint8Array | string): Promise<void> {
    this.endProgress();
    return new Promise((resolve, reject) => {
      this.#out.write(bytes, (error) => {
        if (!error) resolve();
        else reject(isClosed(error) ? new OutputClosed("nobody reads the output") : error);
      });
    });
  }

  /** The whole screen anew; only for a stdout that is one. @throws as `print` */
  redraw(text: string): Promise<void> {
    return this.print(`\u001b[H\u001b[2J${text}`);
  }

  /** A line for people on stderr; a stderr that went away is nobody's fault. */
  notice(text: string): void {
    this.endProgress();
    this.#err.write(`${text}\n`, () => undefined);
  }

  /** Overwrites the last progress line; says nothing when no screen is there to show it. */
  progress(text: string): void {
    if (!this.isProgressScreen) return;
    this.#err.write(`\r\u001b[K${text}`, () => undefined);
    this.#isLineOpen = true;
  }

  /** Wipes the progress line; called once more when the command ends. */
  endProgress(): void {
    if (!this.#isLineOpen) return;
    this.#err.write("\r\u001b[K", () => undefined);
    this.#isLineOpen = false;
  }

  /** Everything written so far was taken, or nobody takes it any more. */
  async flushed(): Promise<void> {
    const written = (stream: OutputStream): Promise<void> =>
      new Promise((resolve) => {
        stream.write("", () => resolve());
      });
    await Promise.all([written(this.#out), written(this.#err)]);
  }

  /** For results: plain unless stdout is a screen that wants colours. */
  styled(style: Style, text: string): string {
    return paint(this.isScreen && this.#isColoured, style, text);
  }

  /** For notices: plain unless stderr is a screen that wants colours. */
  styledNotice(style: Style, text: string): string {
    return paint(this.isProgressScreen && this.#isColoured, style, text);
  }
}

function paint(isOn: boolean, style: Style, text: string): string {
  const [start, end] = STYLES[style];
  return isOn ? `\u001b[${start}m${text}\u001b[${end}m` : text;
}

function isClosed(error: Error): boolean {
  const code = "code" in error ? error.code : undefined;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || code === "EOF";
}
