/** A hostile file name: it cannot leave its folder, hide, name a device or lie about its extension. */

import assert from "node:assert/strict";
import { posix, win32 } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MAX_SAFE_NAME_BYTES, safeName } from "../../../client/media/safe-name.ts";

const FALLBACK = "file";

/** Names made of what attacks are made of, mixed with ordinary letters. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."/\\.:*?\"<>|-~$ \0\n\r\t%&;'`",
        "..",
        "../",
        "..\\",
        "C:",
        "CON",
        "nul",
        "com1",
        "LPT9",
        "COM¹",
        ".exe",
        ".jpg",
        "\u202e",
        "\u2066",
        "\u200f",
        "\ufeff",
        "\uff0f",
        "\uff0e",
        "\u2215",
        "\ud800",
        "\u3164",
        "а",
        "مەكتۇب",
        "видео",
        "😀",
        "x".repeat(130),
      ),
      fc.string({ unit: "grapheme", maxLength: 6 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

const anyName = fc.oneof(hostile, fc.string({ unit: "binary", maxLength: 300 }));

describe("safeName", () => {
  it("never leaves the folder, on POSIX and on Windows", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const safe = safeName(name, FALLBACK);
        for (const [path, folder] of [
          [posix, "/home/a/in"],
          [win32, "C:\\Users\\a\\in"],
        ] as const) {
          const whole = path.resolve(folder, safe);
          assert.equal(path.dirname(whole), folder);
          assert.equal(path.basename(whole), safe);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("is short, seen, not hidden, no option and no device", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const safe = safeName(name, FALLBACK);
        assert.ok(safe.length > 0);
        assert.ok(Buffer.byteLength(safe) <= MAX_SAFE_NAME_BYTES);
        assert.doesNotMatch(safe, /[\p{C}\p{Zl}\p{Zp}]/u);
        assert.doesNotMatch(safe, /[<>:"|?*/\\]/u);
        assert.doesNotMatch(safe, /^[-~. ]|[. ]$/u);
        assert.doesNotMatch(safe, /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)/iu);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is the same when done twice", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const safe = safeName(name, FALLBACK);
        assert.equal(safeName(safe, "other"), safe);
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps the extension of a name that is too long", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "ж", "ۇ", "😀"), minLength: 130, maxLength: 300 }),
        fc.constantFrom(".jpg", ".webm", ".mp4"),
        (stem, extension) => {
          const safe = safeName(stem + extension, FALLBACK);
          assert.ok(safe.endsWith(extension));
          assert.ok(Buffer.byteLength(safe) > MAX_SAFE_NAME_BYTES - 8);
        },
      ),
    );
  });

  it("shows the true extension when a name turns the reading order", () => {
    assert.equal(safeName("photo\u202egpj.exe", FALLBACK), "photogpj.exe");
    assert.equal(safeName("a\u2067b\u2069.jpg          .exe", FALLBACK), "ab.jpg .exe");
    assert.equal(safeName("photo.jpg\u3164.exe", FALLBACK), "photo.jpg.exe");
  });

  it("leaves ordinary names as they are, in every script", () => {
    for (const name of [
      "VID_20261122_180338.mp4",
      "Foto von gestern (2).JPG",
      "видео с телефона.webm",
      "ئۇيغۇرچە سىن.mp4",
      "हिन्दी वीडियो.mp4",
      "동영상.webm",
    ]) {
      assert.equal(safeName(name, FALLBACK), name.normalize("NFC"));
    }
  });

  it("takes the last part of a path, and the fallback when nothing is left", () => {
    assert.equal(safeName("../../etc/passwd", FALLBACK), "passwd");
    assert.equal(safeName("C:\\Windows\\system32\\x.dll", FALLBACK), "x.dll");
    for (const empty of ["", ".", "..", "...", "a/", "\u202e", " . "]) {
      assert.equal(safeName(empty, FALLBACK), FALLBACK);
    }
  });
});
