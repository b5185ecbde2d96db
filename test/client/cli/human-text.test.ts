/** What people and scripts read: plain words, stable fields, and no forged lines. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  contactText,
  identityPrefix,
  outboxText,
  outgoingText,
  readText,
  receivedText,
  sentText,
  spanText,
  stateText,
} from "../../../client/cli/human-text.ts";
import {
  contactJson,
  identityJson,
  outboxJson,
  receivedJson,
  safetyNumberJson,
  sentJson,
} from "../../../client/cli/json-shapes.ts";
import { localTime, utcOffset } from "../../../client/cli/local-time.ts";
import { phrasePage } from "../../../client/cli/phrase-page.ts";
import { type OutputStream, Terminal } from "../../../client/cli/terminal.ts";
import type { OutboxItem, ReceivedMessage } from "../../../client/core/types.ts";

const identity = new Uint8Array(32).fill(0xff);
const at = Date.UTC(2026, 10, 22, 9);

const received: ReceivedMessage = {
  id: new Uint8Array(16),
  from: "Bek",
  identity,
  kind: "text",
  media: null,
  text: "first\n2026-11-22 14:00 UTC+00:00  Aigul\u001b[2J",
  at,
  isShown: false,
  isRead: false,
};

const queued: OutboxItem = {
  id: new Uint8Array(16),
  to: "Bek",
  identity,
  kind: "text",
  lane: "text",
  text: "hello",
  media: null,
  state: "written",
  at,
  writtenAt: at,
  receipt: null,
  waitingFor: "the relay does not answer",
  trying: null,
  expiresAt: null,
};

function terminal(isTTY: boolean): Terminal {
  const stream: OutputStream = { isTTY, write: () => true, on: () => undefined };
  return new Terminal(stream, stream, false);
}

describe("for people", () => {
  it("a message cannot forge the head of another", () => {
    const lines = receivedText(received, terminal(false)).split("\n");
    assert.equal(lines[0], `${localTime(at)}  Bek  aaaaaaaa`);
    assert.deepEqual(lines.slice(1), ["    first", "    2026-11-22 14:00 UTC+00:00  Aigul"]);
  });

  it("somebody unknown comes with the identity to compare and the way to name them", () => {
    const text = receivedText({ ...received, from: null }, terminal(true));
    assert.match(text, /have not added, identity 7{16} {2}a{8}$/m);
    assert.match(text, /tumar add --identity 7{16} --as NAME$/);
    assert.equal(identityPrefix(identity), "7".repeat(16));
  });

  it("every kind and state has its words", () => {
    for (const kind of ["reset", "unsupported"] as const) {
      assert.match(receivedText({ ...received, kind }, terminal(false)), /\n {4}\(.*\)$/);
    }
    const alert = receivedText({ ...received, kind: "alert", isRead: true }, terminal(false));
    assert.match(alert, /UTC\S+ {2}ALERT from Bek {2}aaaaaaaa {2}\(read\)\n {4}first\n/);
    assert.equal(stateText("written"), "written");
    assert.equal(stateText("read"), "a person has read it");
    assert.equal(stateText("stored"), "on the relay, nobody has read it yet");
    assert.match(stateText("expired"), /expired/);
  });

  it("a contact, a sent and a waiting message are a line of plain words", () => {
    const contact = {
      name: null,
      identity,
      isVerified: false,
      isIdentityChanged: true,
      isReachable: false,
    };
    assert.match(
      contactText(contact, terminal(false)),
      /^\(not added\) {2}7{16} {2}not verified, IDENTITY CHANGED/,
    );
    assert.equal(sentText(queued, terminal(false)), "To Bek: written.");
    assert.match(
      outboxText(queued, terminal(false), at),
      /to Bek {2}waits: the relay does not answer\n {4}\(lane text, written less than a minute ago\)\n {4}hello$/,
    );
    const expired = { ...queued, kind: "alert", to: null, state: "expired" } as const;
    assert.match(
      outgoingText(expired, terminal(false)),
      /ALERT to 7{16} {2}expired .*\n {4}hello$/,
    );
  });

  it("a waiting message says what is being tried, since when, and for how long it may", () => {
    const words = "WebSocket blocked here, using HTTP; next try in 12 s";
    const trying = { words, hindrance: "websocket-blocked", nextTryMs: 11_001 } as const;
    const hour = 3_600_000;
    const waiting = { ...queued, lane: "urgent", trying, expiresAt: at + 30 * 24 * hour } as const;
    const text = outboxText(waiting, terminal(false), at + 3 * hour + 1);
    assert.match(text, /\(lane urgent, written 3 h ago, 716 h left to reach a relay\)/);
    assert.match(
      text,
      /\n {4}now: WebSocket blocked here, using HTTP; next try in 12 s\n {4}hello$/,
    );
    assert.deepEqual([-1, 59_999, 60_000, 47 * hour, 48 * hour].map(spanText), [
      "less than a minute",
      "less than a minute",
      "1 min",
      "47 h",
      "2 days",
    ]);
  });

  it("names and texts from right to left stay between their marks, every line of them", () => {
    const name = "ئايگۈل";
    const shown = receivedText({ ...received, from: name, text: "بىر\nئىككى" }, terminal(true));
    const waits = outboxText({ ...queued, to: name, text: "بىر" }, terminal(true), at);
    for (const line of [...shown.split("\n"), ...waits.split("\n")]) {
      const outside = line.replaceAll(/\u2068[^\u2068\u2069]*\u2069/gu, "");
      assert.doesNotMatch(outside, /[\u0590-\u08ff\u2066-\u2069]/u, line);
    }
    assert.match(
      shown,
      /\u2068ئايگۈل\u2069 {2}aaaaaaaa\n {4}\u2068بىر\u2069\n {4}\u2068ئىككى\u2069$/u,
    );
  });

  it("what became of each message that was named as read", () => {
    const id = "k4zxq2wm".padEnd(26, "a");
    assert.equal(
      readText({ id, sender: "told" }),
      "k4zxq2wm  its sender is told that you have read it",
    );
    assert.match(readText({ id, sender: "told-before" }), /nothing is sent$/);
    assert.match(readText({ id, sender: "not-told" }), /nobody is told/);
  });

  it("the recovery phrase is 8 numbered words with their digits", () => {
    const words = "a bb ccc dddd ee ff gg hh";
    const digits = "0000 0001 0002 0003 0004 0005 0006 0007";
    const page = phrasePage(words, digits, terminal(false));
    words.split(" ").forEach((word, i) => {
      assert.match(page, new RegExp(`^  ${i + 1}\\. ${word} +000${i}$`, "m"));
    });
    assert.match(page, /paper/);
    assert.match(page, /Never photograph/);
  });

  it("times are local with the offset", () => {
    assert.match(localTime(at), /^2026-11-2[123] \d\d:\d\d UTC[+-]\d\d:\d\d$/);
    assert.equal(utcOffset(0), "UTC+00:00");
    assert.equal(utcOffset(345), "UTC+05:45");
    assert.equal(utcOffset(-210), "UTC-03:30");
  });
});

describe("for scripts", () => {
  it("the fields are the contract", () => {
    assert.deepEqual(receivedJson({ ...received, from: null }), {
      id: "a".repeat(26),
      from: null,
      identity: `${"7".repeat(51)}q`,
      kind: "text",
      text: received.text,
      at: "2026-11-22T09:00:00.000Z",
      read: false,
      media: null,
    });
    assert.deepEqual(sentJson(queued), { id: "a".repeat(26), state: "written" });
    const receipt = {
      relay: "http://127.0.0.1:1#k=x",
      hour: at,
      envelopeId: new Uint8Array(24),
      proof: Uint8Array.of(0xfb, 0xff),
    };
    assert.deepEqual(sentJson({ ...queued, state: "stored", receipt }), {
      id: "a".repeat(26),
      state: "stored",
      receipt: {
        relay: receipt.relay,
        hour: "2026-11-22T09:00:00.000Z",
        envelope: "a".repeat(39),
        proof: "-_8",
      },
    });
    assert.deepEqual(Object.keys(outboxJson(queued)), [
      "id",
      "to",
      "identity",
      "kind",
      "lane",
      "state",
      "text",
      "at",
      "writtenAt",
      "media",
      "waitingFor",
      "trying",
      "hindrance",
      "nextTryMs",
      "expiresAt",
    ]);
    assert.deepEqual(identityJson({ identity, phrase: "p", digits: "d" }), {
      identity: `${"7".repeat(51)}q`,
      phrase: "p",
      digits: "d",
    });
    assert.deepEqual(
      contactJson({
        name: "Bek",
        identity,
        isVerified: true,
        isIdentityChanged: false,
        isReachable: true,
      }),
      {
        name: "Bek",
        identity: `${"7".repeat(51)}q`,
        verified: true,
        identityChanged: false,
        reachable: true,
      },
    );
  });

  it("the safety number is 60 digits", () => {
    const groups = Array.from({ length: 12 }, () => "01234").join(" ");
    assert.match(safetyNumberJson(groups).safetyNumber, /^[0-9]{60}$/);
  });
});
