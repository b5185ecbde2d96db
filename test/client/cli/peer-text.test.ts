/** Nothing another person wrote can drive the reader's terminal. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { peerBlock, peerLine, withoutControls } from "../../../client/cli/peer-text.ts";

const ATTACKS: readonly (readonly [string, string, string])[] = [
  ["colour", "\u001b[31mred\u001b[0m", "red"],
  ["cursor and erase", "a\u001b[2J\u001b[1;1Hb", "ab"],
  ["window title (OSC, BEL)", "\u001b]0;owned\u0007text", "text"],
  ["hyperlink (OSC, ST)", "\u001b]8;;http://evil\u001b\\click\u001b]8;;\u001b\\", "click"],
  ["device control string", "a\u001bPq#0;2;0\u001b\\b", "ab"],
  ["application command", "a\u001b_cmd\u001b\\b", "ab"],
  ["one-byte CSI", "a\u009b31mb", "ab"],
  ["one-byte OSC", "a\u009d0;t\u009cb", "ab"],
  ["reset and character set", "a\u001bcb\u001b(0c", "abc"],
  ["unfinished sequence", "a\u001b[31", "a"],
  ["lone escape", "a\u001b", "a"],
  ["a sequence hidden in a sequence", "\u001b\u001b[31m[31mx", "[31mx"],
  ["backspace and bell", "ab\b\u0007c", "abc"],
  ["carriage return over the line", "safe\rEVIL", "safe\nEVIL"],
  ["direction override", "a\u202etxt.exe", "atxt.exe"],
  ["leaving our isolate", "a\u2069\u202eb", "ab"],
  ["line separators", "a\u2028b\u2029c\u0085d", "a\nb\nc\nd"],
  ["half a character", "a\ud800b", "a\ufffdb"],
  ["tab", "a\tb", "a    b"],
];

const KEPT: readonly string[] = [
  "Сәлеметсіз бе, Айгүл",
  "سالەم، قالايسىز",
  "ياخشىمۇسىز",
  "你好，今晚十点",
  "👨‍👩‍👧‍👦 🇰🇿 ✊🏽",
  "می‌خواهم",
  "two\nlines",
];

const hostile = fc.string({
  unit: fc.constantFrom(
    ..."\u001b\u009b\u009d\u0090\u009c\u0007\u0000\r\n\t[]()PX^_\\;0123mHJKcq \u202e\u2066\u2069aБ你",
  ),
  maxLength: 40,
});

describe("text of somebody else", () => {
  for (const [name, text, shown] of ATTACKS) {
    it(`loses: ${name}`, () => assert.equal(withoutControls(text), shown));
  }

  it("keeps every script, joiners and emoji", () => {
    for (const text of KEPT) assert.equal(withoutControls(text), text);
  });

  it("has no control character but the line feed afterwards, whatever came (property)", () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.string({ unit: "binary" })), (text) => {
        const shown = withoutControls(text);
        assert.doesNotMatch(shown, /(?!\n)\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
        assert.equal(withoutControls(shown), shown);
      }),
    );
  });

  it("stays on one line, or in indented lines, isolated on a terminal only", () => {
    assert.equal(peerLine("a\nb", false), "a b");
    assert.equal(peerLine("שלום", true), "\u2068שלום\u2069");
    assert.equal(peerBlock("a\n\nb", false), "    a\n    \n    b");
    assert.equal(peerBlock("a\nb", true), "    \u2068a\u2069\n    \u2068b\u2069");
  });
});
