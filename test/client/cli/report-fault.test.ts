/** Every fault is told once, in the form asked for, and has its exit code. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EXIT, EXIT_OF_ERROR, exitOf } from "../../../client/cli/exit-codes.ts";
import { reportFault } from "../../../client/cli/report-fault.ts";
import { OutputClosed, type OutputStream, Terminal } from "../../../client/cli/terminal.ts";
import { ERRORS, type ErrorCode, TumarError } from "../../../shared/crypto/errors.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

function report(fault: unknown, isJson: boolean): { exit: number; out: string; err: string } {
  const written = { out: "", err: "" };
  const stream = (name: "out" | "err"): OutputStream => ({
    write: (text, done) => {
      written[name] += text;
      done();
      return true;
    },
    on: () => undefined,
  });
  const exit = reportFault(fault, new Terminal(stream("out"), stream("err")), isJson);
  return { exit, ...written };
}

describe("exit codes", () => {
  it("every error code has its exit", () => {
    assert.deepEqual(
      codes.filter((code) => EXIT_OF_ERROR[code] === undefined),
      [],
    );
    for (const code of codes) assert.notEqual(exitOf(code), EXIT.ok);
  });

  it("are the numbers scripts rely on", () => {
    assert.deepEqual(EXIT, {
      ok: 0,
      unexpected: 1,
      usage: 2,
      vault: 3,
      network: 4,
      refused: 5,
      data: 6,
      identityChanged: 7,
      busy: 8,
      arriving: 9,
    });
  });
});

describe("a fault", () => {
  it("is one JSON object with --json", () => {
    for (const code of codes) {
      const { exit, out, err } = report(new TumarError(code, "what\nhappened"), true);
      assert.equal(out, "");
      assert.deepEqual(JSON.parse(err), {
        error: { code, message: "what\nhappened", hint: ERRORS[code].hint },
      });
      assert.equal(err.trimEnd().includes("\n"), false);
      assert.equal(exit, exitOf(code));
    }
  });

  it("is two plain lines without: what happened, what to do", () => {
    for (const code of codes) {
      const { out, err } = report(new TumarError(code, "what\u001b[31m\nhappened"), false);
      assert.equal(out, "");
      assert.deepEqual(err.split("\n"), [
        "tumar: what happened",
        `       ${ERRORS[code].hint}`,
        "",
      ]);
    }
  });

  it("of our own is unexpected", () => {
    const { exit, err } = report(new RangeError("boom"), true);
    assert.equal(exit, EXIT.unexpected);
    assert.equal(JSON.parse(err).error.code, "INTERNAL");
    assert.match(JSON.parse(err).error.message, /RangeError: boom/);
    assert.equal(report("no error at all", false).exit, EXIT.unexpected);
  });

  it("is none when nobody reads the output any more", () => {
    assert.deepEqual(report(new OutputClosed("closed"), false), { exit: 0, out: "", err: "" });
  });
});
