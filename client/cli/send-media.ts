/**
 * `tumar send NAME --clip PATH` and the like: seals the file beside the vault, then waits until the relay
 * has all of it. A recording that grows (`-`) leaves while it is made.
 *
 * What is sealed needs nothing but the vault any more: after a time-out or a kill it goes out with the next
 * `sync`.
 */

import { toBase32 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { Client } from "../core/client.ts";
import type { MediaKind, SentMessage } from "../core/types.ts";
import { EXIT, exitOf } from "./exit-codes.ts";
import { sentText } from "./human-text.ts";
import type { Invocation } from "./invocation.ts";
import { sentJson } from "./json-shapes.ts";
import { Patience } from "./patience.ts";
import { ProgressShow } from "./progress.ts";
import { openSentFile, type SentFile, sentName } from "./sent-file.ts";

/** The recorder got the same Ctrl-C: so long it may take to write its last bytes. */
const LAST_BYTES_MS = 3_000;
/** For the seconds of a recording, and a line on which nothing moves. */
const TICK_MS = 1_000;

export interface MediaOrder {
  readonly kind: MediaKind;
  /** `-` is standard input. */
  readonly path: string;
  /** What the other side sees; without it what `sentName` leaves of the file's. */
  readonly name: string | undefined;
  readonly keepMetadata: boolean;
  readonly wait: boolean;
  readonly timeoutMs: number;
}

/** @throws TumarError FILE_NOT_READ, of the library, and of the network when it is queued only */
export async function sendMedia(
  invocation: Invocation,
  to: string,
  order: MediaOrder,
): Promise<void> {
  checkInput(order);
  const ending = new RecordingEnd(invocation);
  const file = await openSentFile(order.path, process.stdin, ending.signal);
  try {
    await invocation.withClient((client) =>
      new MediaSending(invocation, client, order, file, ending).run(to),
    );
  } finally {
    ending.done();
    await file.close();
  }
}

function checkInput({ kind, path }: MediaOrder): void {
  if (path !== "-") return;
  if (kind === "photo") {
    throw new TumarError("USAGE", "a photo is read from a file: it is looked at as a whole");
  }
  if (process.stdin.isTTY === true) {
    throw new TumarError("USAGE", "pipe a recording into it: standard input is the keyboard");
  }
}

class MediaSending {
  readonly #invocation: Invocation;
  readonly #client: Client;
  readonly #order: MediaOrder;
  readonly #file: SentFile;
  readonly #ending: RecordingEnd;
  readonly #progress: ProgressShow;
  readonly #startedAtMs = Date.now();
  #recordedBytes = 0;

  constructor(
    invocation: Invocation,
    client: Client,
    order: MediaOrder,
    file: SentFile,
    ending: RecordingEnd,
  ) {
    this.#invocation = invocation;
    this.#client = client;
    this.#order = order;
    this.#file = file;
    this.#ending = ending;
    this.#progress = new ProgressShow(invocation.terminal, invocation.isJson);
  }

  async run(to: string): Promise<void> {
    await this.#progress.begin();
    const { wait, timeoutMs } = this.#order;
    // A recording leaves while it is made, whoever waits for its end.
    if (wait || this.#file.isLive) this.#client.start();
    const written = await this.#write(to);
    const brokenBy = this.#file.isLive ? await this.#record(written) : undefined;
    const sent = wait ? await this.#waitForRelay(written.id, timeoutMs) : written.id;
    await this.#print(await this.#client.sentMessage(sent));
    if (brokenBy !== undefined) throw brokenBy;
  }

  #write(to: string): Promise<SentMessage> {
    const { kind, keepMetadata } = this.#order;
    const { source, isLive } = this.#file;
    const common = { kind, name: sentName(this.#order, this.#file.name), keepMetadata, isLive };
    if (!("size" in source)) {
      return this.#client.sendMedia(to, { ...common, source: this.#counted(source) });
    }
    const onSealed = (doneBytes: number): void => {
      const totalBytes = source.size;
      this.#progress.show({ phase: "preparing", id: null, doneBytes, totalBytes });
    };
    return this.#client.sendMedia(to, { ...common, source, onSealed });
  }

  async *#counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of pieces) {
      this.#recordedBytes += piece.length;
      yield piece;
    }
  }

  /** Until it ends; what broke it is told after what came has been sent. */
  async #record({ id }: SentMessage): Promise<unknown> {
    this.#ending.onSignal();
    const stop = this.#watch(id, (message) => {
      const elapsedMs = Date.now() - this.#startedAtMs;
      this.#progress.show({
        phase: "recording",
        id: toBase32(id),
        doneBytes: message.media?.storedBytes ?? 0,
        totalBytes: null,
        recording: { elapsedMs, bytes: this.#recordedBytes },
      });
    });
    try {
      await this.#client.mediaSealed(id);
      return undefined;
    } catch (fault) {
      return fault;
    } finally {
      stop();
      this.#ending.done();
    }
  }

  /** @throws TumarError of the network, after printing that it is queued */
  async #waitForRelay(id: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const patience = new Patience(
      timeoutMs,
      () => new TumarError("RELAY_TIMEOUT", "the relay took nothing more in time"),
    );
    const stop = this.#watch(id, ({ media }) => {
      if (media === null) return;
      const { storedBytes, totalBytes } = media;
      patience.reached(storedBytes);
      const progress = { id: toBase32(id), doneBytes: storedBytes, totalBytes };
      this.#progress.show({ phase: "uploading", ...progress });
    });
    try {
      await this.#client.stored(id, { signal: patience.signal });
      return id;
    } catch (cause) {
      await this.#print(await this.#client.sentMessage(id));
      if (!(cause instanceof TumarError) || exitOf(cause.code) !== EXIT.network) throw cause;
      const message = `${cause.message}; all of it is queued: it goes out with the next sync`;
      throw new TumarError(cause.code, message, { cause });
    } finally {
      stop();
      patience.end();
    }
  }

  /** Looks at the message now, at each news of it, and every second, until the result is called. */
  #watch(id: Uint8Array, onLook: (message: SentMessage) => void): () => void {
    let isOver = false;
    let isLooking = false;
    const look = async (): Promise<void> => {
      if (isLooking || isOver) return;
      isLooking = true;
      try {
        const message = await this.#client.sentMessage(id);
        if (!isOver) onLook(message);
      } catch {
        // Whoever waits for the message is told.
      } finally {
        isLooking = false;
      }
    };
    void look();
    const timer = setInterval(() => void look(), TICK_MS);
    const stop = this.#client.on((event) => {
      if (event.type === "media" && toBase32(event.id) === toBase32(id)) void look();
    });
    return () => {
      isOver = true;
      clearInterval(timer);
      stop();
    };
  }

  #print(message: SentMessage): Promise<void> {
    return this.#invocation.print(sentJson(message), () =>
      sentText(message, this.#invocation.terminal),
    );
  }
}

/** Ctrl-C ends a recording, not the command; the second one ends the process. */
class RecordingEnd {
  readonly #invocation: Invocation;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  onSignal(): void {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, this.#end);
  }

  done(): void {
    clearTimeout(this.#timer);
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, this.#end);
  }

  readonly #end = (): void => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, this.#end);
    this.#invocation.remark(
      "The recording ends here; what came of it is being sent. Once more leaves at once: `tumar sync` sends the rest.",
    );
    this.#timer = setTimeout(() => this.#controller.abort(), LAST_BYTES_MS);
  };
}
