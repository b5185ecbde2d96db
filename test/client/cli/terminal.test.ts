/** Results on stdout and nothing else there; colours only on screens; a reader who left ends it quietly. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultVaultPath, wantsColours } from "../../../client/cli/environment.ts";
import { OutputClosed, type OutputStream, Terminal } from "../../../client/cli/terminal.ts";

class Recorder implements OutputStream {
  readonly isTTY: boolean;
  readonly fault: Error | undefined;
  written = "";

  constructor(isTTY: boolean, fault?: Error) {
    this.isTTY = isTTY;
    this.fault = fault;
  }

  write(text: string | Uint8Array, done: (error?: Error | null) => void): boolean {
    if (this.fault === undefined) this.written += text;
    done(this.fault ?? null);
    return true;
  }

  on(): void {}
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe("terminal", () => {
  it("prints results on stdout, notices on stderr", async () => {
    const [out, err] = [new Recorder(false), new Recorder(false)];
    const terminal = new Terminal(out, err);
    await terminal.print("result");
    terminal.notice("notice");
    terminal.progress("never shown without a screen");
    assert.equal(out.written, "result\n");
    assert.equal(err.written, "notice\n");
  });

  it("colours screens, unless colours are not wanted", () => {
    const [screen, file] = [new Recorder(true), new Recorder(false)];
    assert.equal(new Terminal(screen, file, true).styled("bold", "x"), "\u001b[1mx\u001b[22m");
    assert.equal(new Terminal(screen, file, true).styledNotice("red", "x"), "x");
    assert.equal(new Terminal(screen, screen, false).styled("bold", "x"), "x");
    assert.equal(new Terminal(file, file, true).styled("bold", "x"), "x");
  });

  it("wipes the progress line before anything else is shown", async () => {
    const [out, err] = [new Recorder(true), new Recorder(true)];
    const terminal = new Terminal(out, err, false);
    terminal.progress("1");
    terminal.progress("2");
    await terminal.print("done");
    terminal.notice("bye");
    assert.equal(err.written, "\r\u001b[K1\r\u001b[K2\r\u001b[Kbye\n");
  });

  it("tells a reader who left from an output that failed", async () => {
    const err = new Recorder(false);
    const closed = new Terminal(new Recorder(false, withCode("EPIPE")), err);
    await assert.rejects(closed.print("x"), OutputClosed);
    const full = new Terminal(new Recorder(false, withCode("ENOSPC")), err);
    await assert.rejects(full.print("x"), { code: "ENOSPC" });
  });
});

describe("environment", () => {
  it("names the vault's place", () => {
    assert.equal(defaultVaultPath({ XDG_DATA_HOME: "/data" }, "/home/a"), "/data/tumar/vault");
    for (const XDG_DATA_HOME of [undefined, "", "relative"]) {
      const path = defaultVaultPath({ XDG_DATA_HOME }, "/home/a");
      assert.equal(path, "/home/a/.local/share/tumar/vault");
    }
  });

  it("knows when colours are not wanted", () => {
    assert.equal(wantsColours({}), true);
    assert.equal(wantsColours({ NO_COLOR: "" }), true);
    assert.equal(wantsColours({ NO_COLOR: "1" }), false);
    assert.equal(wantsColours({ TERM: "dumb" }), false);
  });
});
