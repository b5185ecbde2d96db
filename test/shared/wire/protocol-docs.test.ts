/** docs/PROTOCOL.md is what the table gives, and its CDDL takes exactly the frames that the codec takes. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../shared/wire/codec.ts";
import { decodeFrame, encodeFrame } from "../../../shared/wire/frame-codec.ts";
import { FRAME_SPECS, type FrameSpec } from "../../../shared/wire/frame-table.ts";
import { parseCddl } from "../../support/cddl.ts";
import { arbitraryFrame } from "../../support/frame-arbitraries.ts";
import { repositoryRoot } from "../../support/repository.ts";

const page = readFileSync(join(repositoryRoot, "docs", "PROTOCOL.md"), "utf8");
const [, module = ""] = /<!-- cddl:begin -->\n```cddl\n([\s\S]*?)\n```/.exec(page) ?? [];
const rules = parseCddl(module);

const scalar: fc.Arbitrary<CborValue> = fc.oneof(
  fc.nat({ max: 2 }),
  fc.constantFrom(24, 25, 64, 65, 512, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
  fc
    .constantFrom(0, 1, 8, 15, 16, 17, 24, 32, 33, 64, 1024, 4096, 16384, 16385)
    .map((length) => new Uint8Array(length)),
  fc.string({ maxLength: 130 }),
);
const anyValue: fc.Arbitrary<CborValue> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.array(fc.array(scalar, { maxLength: 3 }), { maxLength: 3 }),
);

function edit(items: CborValue[], how: string, at: number, value: CborValue): void {
  if (how === "set") items[at] = value;
  if (how === "drop") items.splice(at, 1);
  if (how === "add") items.splice(at, 0, value);
}

function doesDecode(items: CborValue, from: FrameSpec["from"]): boolean {
  const bytes = encodeCbor(items);
  try {
    if (from === "client") decodeFrame(bytes, "client");
    else decodeFrame(bytes, "relay");
    return true;
  } catch (error) {
    assert.ok(error instanceof TumarError, String(error));
    return false;
  }
}

function doesMatch(items: CborValue, rule: string): boolean {
  const matches = rules.get(rule);
  assert.ok(matches, `no rule ${rule}`);
  return matches(items);
}

describe("docs/PROTOCOL.md", () => {
  it("is what `node scripts/docs-protocol.mjs` would write", () => {
    const script = join(repositoryRoot, "scripts", "docs-protocol.mjs");
    const { status, stderr } = spawnSync(process.execPath, [script, "--check"], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });

  it("has a section for each frame", () => {
    for (const { type } of FRAME_SPECS) assert.ok(page.includes(`\n### ${type}\n`), type);
  });

  for (const spec of FRAME_SPECS) {
    it(`${spec.type}: its CDDL takes what the codec takes, and nothing else (property)`, () => {
      const change = fc.tuple(fc.nat(), fc.constantFrom("keep", "set", "drop", "add"), anyValue);
      fc.assert(
        fc.property(arbitraryFrame(spec), change, (frame, [at, how, value]) => {
          const items = decodeCbor(encodeFrame(frame)) as CborValue[];
          edit(items, how, at % items.length, value);
          const isTaken = doesDecode(items, spec.from);
          assert.equal(doesMatch(items, `${spec.from}-frame`), isTaken);
          if (how === "keep") assert.equal(doesMatch(items, spec.type), true);
        }),
        { numRuns: 60 },
      );
    });
  }
});
