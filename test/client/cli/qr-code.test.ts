/** The card as a picture: the longest fits 80 columns, and no file is ever overwritten. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { drawQrCode, saveQrCode } from "../../../client/cli/qr-code.ts";

const folder = mkdtempSync(join(tmpdir(), "tumar-qr-"));
after(() => rmSync(folder, { recursive: true }));
const longestCard = `https://relay.example/c#1${"aB_9".repeat(69)}`.slice(0, 300);

describe("card as a QR code", () => {
  it("fits a terminal of 80 columns, in lines of one width", async () => {
    const lines = (await drawQrCode(longestCard, false)).split("\n");
    const width = lines[0]?.length ?? 0;
    assert.ok(width <= 80, `${width} columns`);
    assert.equal(
      lines.every((line) => line.length === width && /^[ ▀▄█]+$/.test(line)),
      true,
    );
    assert.equal(lines[0]?.trim(), "");
  });

  it("is dark on light on a screen", async () => {
    const drawing = await drawQrCode("card", true);
    for (const line of drawing.split("\n")) {
      assert.ok(line.startsWith("\u001b[30;107m") && line.endsWith("\u001b[0m"));
    }
  });

  it("is saved for the owner's eyes, and never over another file", async () => {
    const path = join(folder, "card.png");
    await saveQrCode(longestCard, path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(readFileSync(path).subarray(1, 4).toString("latin1"), "PNG");
    writeFileSync(path, "something else");
    for (const taken of [path, folder, join(folder, "no", "such", "folder")]) {
      await assert.rejects(saveQrCode("card", taken), { code: "FILE_NOT_WRITTEN" });
    }
    assert.equal(readFileSync(path, "utf8"), "something else");
  });
});
