/** The table of errors: numbers are unique, every row can be shown, every code comes back. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  assertNever,
  ERRORS,
  type ErrorCode,
  errorCodeOf,
  errorRow,
  TumarError,
} from "../../../shared/crypto/errors.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

describe("error table", () => {
  it("has one number per code, and finds the code by it", () => {
    assert.equal(new Set(codes.map((code) => ERRORS[code].number)).size, codes.length);
    for (const code of codes) assert.equal(errorCodeOf(ERRORS[code].number), code);
    assert.equal(errorCodeOf(65_535), undefined);
  });

  it("says for each what it means and what to do", () => {
    for (const code of codes) {
      const { meaning, hint } = errorRow(code);
      for (const text of [meaning, hint]) assert.match(text, /^[\w`].{9,}[.]$/s, code);
    }
  });

  it("gives an error its row, cause and details", () => {
    const cause = new Error("below");
    const error = new TumarError("INTERNAL", "above", { cause, details: { count: 2 } });
    assert.equal(error.name, "TumarError");
    assert.equal(error.retryable, true);
    assert.equal(error.hint, ERRORS.INTERNAL.hint);
    assert.equal(error.cause, cause);
    assert.deepEqual(error.details, { count: 2 });
    assert.deepEqual(new TumarError("MALFORMED", "plain").details, {});
    assert.equal(new TumarError("MALFORMED", "plain").retryable, false);
  });

  it("stops where nothing can arrive", () => {
    assert.throws(() => assertNever("something" as never), TypeError);
  });
});
