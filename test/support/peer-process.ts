/** The parent's side of peer-program.ts: starts, kills and listens to one person's device. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { TransportKind } from "../../client/net/connection.ts";

export type PeerCommand =
  | { readonly type: "send"; readonly to: string; readonly texts: readonly string[] }
  /** Bytes as `bytesOf` makes them: as a file, or as a recording without end. */
  | {
      readonly type: "media";
      readonly to: string;
      readonly length: number;
      readonly isLive: boolean;
    }
  /** The file with all that is in it, unless one of its name is in the vault already. */
  | { readonly type: "clip"; readonly to: string; readonly path: string }
  /** So many files of `madeFile`, one after the other. */
  | {
      readonly type: "files";
      readonly to: string;
      readonly count: number;
      readonly bytes: number;
    }
  /** Everything that is received from now on, and what was received and is not whole. */
  | { readonly type: "fetch" }
  /** As *fetch*; what is whole is read to its end as a `madeFile`, and let go. */
  | { readonly type: "read" }
  | { readonly type: "stop" };

export type PeerReport =
  | { readonly type: "ready" }
  | { readonly type: "written" }
  | { readonly type: "stored"; readonly count: number }
  | {
      readonly type: "received";
      readonly id: string;
      readonly from: string | null;
      readonly kind: string;
      readonly text: string;
    }
  /** It is never received again. */
  | { readonly type: "shown"; readonly id: string }
  /** Bytes of a clip that were read to be sealed. */
  | { readonly type: "sealing"; readonly bytes: number }
  /** All of it is here; with *read*, it was read. */
  | { readonly type: "fetched"; readonly id: string }
  | {
      readonly type: "media";
      readonly id: string;
      readonly storedBytes: number;
      readonly isStored: boolean;
    };

export interface PeerOptions {
  /** The only kind of connection used. */
  readonly transportKind?: TransportKind;
  /** What its process gets beside our own environment. */
  readonly environment?: NodeJS.ProcessEnv;
}

const PROGRAM = fileURLToPath(new URL("./peer-program.js", import.meta.url));

export class PeerProcess {
  readonly #vaultFile: string;
  readonly #passphrase: string;
  readonly #onReport: (report: PeerReport) => void;
  readonly #options: PeerOptions;
  #child: ChildProcess | undefined;

  constructor(
    vaultFile: string,
    passphrase: string,
    onReport: (report: PeerReport) => void,
    options: PeerOptions = {},
  ) {
    this.#vaultFile = vaultFile;
    this.#passphrase = passphrase;
    this.#onReport = onReport;
    this.#options = options;
  }

  /** Resolves once the vault is open and the client started. */
  async start(): Promise<void> {
    const { transportKind = "", environment } = this.#options;
    const child = fork(PROGRAM, [this.#vaultFile, this.#passphrase, transportKind], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...environment },
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code, signal) => {
        reject(new Error(`the peer ended before it was ready: ${code ?? signal}`));
      });
      child.on("message", (report: PeerReport) => {
        if (report.type === "ready") resolve();
        this.#onReport(report);
      });
    });
  }

  send(to: string, texts: readonly string[]): void {
    this.#command({ type: "send", to, texts });
  }

  sendFile(to: string, length: number): void {
    this.#command({ type: "media", to, length, isLive: false });
  }

  sendClip(to: string, path: string): void {
    this.#command({ type: "clip", to, path });
  }

  sendFiles(to: string, count: number, bytes: number): void {
    this.#command({ type: "files", to, count, bytes });
  }

  readAll(): void {
    this.#command({ type: "read" });
  }

  fetchAll(): void {
    this.#command({ type: "fetch" });
  }

  /** Some of it at a time, until the process is killed. */
  record(to: string, length: number): void {
    this.#command({ type: "media", to, length, isLive: true });
  }

  /** While it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** SIGKILL, and resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end((child) => child.kill("SIGKILL"));
  }

  async stop(): Promise<void> {
    await this.#end((child) => child.send({ type: "stop" } satisfies PeerCommand));
  }

  async #end(end: (child: ChildProcess) => void): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    end(child);
    await exited;
  }

  #command(command: PeerCommand): void {
    if (this.#child?.connected) this.#child.send(command, () => undefined);
  }
}
