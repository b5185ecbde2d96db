/** The log's allow-list: whatever is handed in, only words of ours and numbers come out. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { allowed, type LogFields, Logger } from "../../server/logger.ts";
import { TumarError } from "../../shared/crypto/errors.ts";

const SECRET = "mfrggzdfmztwq2lknnwg23tpoa";

function linesOf(write: (logger: Logger) => void): string[] {
  const lines: string[] = [];
  write(new Logger("debug", { write: (line) => void lines.push(line) }));
  return lines;
}

describe("log", () => {
  it("writes the event, level and time, and allowed fields", () => {
    const [line = ""] = linesOf((logger) =>
      logger.write("info", "sweep", { envelopes: 3, durationMs: 12, code: "EXPIRED" }),
    );
    const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
    assert.match(String(time), /^\d{4}-/);
    assert.deepEqual(rest, {
      level: "info",
      event: "sweep",
      envelopes: 3,
      durationMs: 12,
      code: "EXPIRED",
    });
  });

  it("drops every other field and every value that is not a number or a word of ours", () => {
    const given = {
      mailbox: SECRET,
      address: "192.0.2.1",
      url: "/v1/x",
      count: SECRET,
      code: SECRET,
      reason: SECRET,
      records: Number.NaN,
      envelopes: { toString: () => SECRET },
    };
    assert.deepEqual(allowed(given as unknown as LogFields), {});
    assert.deepEqual(allowed({ code: "ENOSPC", reason: "slow" }), {
      code: "ENOSPC",
      reason: "slow",
    });
  });

  it("lets no string through that is not on a list (property)", () => {
    const fields = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom("code", "reason", "count", "event", "level")),
      fc.oneof(fc.base64String({ minLength: 8 }), fc.ipV4(), fc.ipV6(), fc.webUrl()),
    );
    fc.assert(
      fc.property(fields, (given) => {
        assert.deepEqual(allowed(given as unknown as LogFields), {});
      }),
    );
  });

  it("tells of an unexpected error its code and place, never its message or cause", () => {
    const cause = new Error(`cause ${SECRET}`);
    const errors = [
      new Error(`the id ${SECRET} at /home/${SECRET}/x`, { cause }),
      new TumarError("BAD_FRAME", `frame ${SECRET}`, { cause }),
      Object.assign(new Error(SECRET), { code: "ENOSPC", path: `/data/${SECRET}` }),
      Object.assign(new Error(`a\n    at ${SECRET} (x:1:1)`), { code: SECRET }),
      SECRET,
      undefined,
    ];
    const lines = linesOf((logger) => {
      for (const error of errors) logger.unexpected(error);
    });
    assert.ok(lines.every((line) => !line.includes(SECRET)));
    const codes = lines.map((line) => (JSON.parse(line) as { code: string }).code);
    assert.deepEqual(codes, [
      "INTERNAL",
      "BAD_FRAME",
      "ENOSPC",
      "INTERNAL",
      "INTERNAL",
      "INTERNAL",
    ]);
    const [first] = lines.map((line) => (JSON.parse(line) as { at: string[] }).at);
    assert.match(first?.[0] ?? "", /:\d+:\d+$/);
  });
});
