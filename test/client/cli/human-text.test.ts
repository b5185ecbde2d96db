/** What people and scripts read: plain words, stable fields, and no forged lines. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  contactText,
  identityPrefix,
  outboxText,
  receivedText,
  sentText,
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
  state: "written",
  at,
  receipt: null,
  waitingFor: "the relay does not answer",
};

function terminal(isTTY: boolean): Terminal {
  const stream: OutputStream = { isTTY, write: () => true, on: () => undefined };
  return new Terminal(stream, stream, false);
}

describe("for people", () => {
  it("a message cannot forge the head of another", () => {
    const lines = receivedText(received, terminal(false)).split("\n");
    assert.equal(lines[0], `${localTime(at)}  Bek`);
    assert.deepEqual(lines.slice(1), ["    first", "    2026-11-22 14:00 UTC+00:00  Aigul"]);
  });

  it("somebody unknown comes with the identity to compare and the way to name them", () => {
    const text = receivedText({ ...received, from: null }, terminal(true));
    assert.match(text, /have not added, identity 7{16}$/m);
    assert.match(text, /tumar add --identity 7{16} --as NAME$/);
    assert.equal(identityPrefix(identity), "7".repeat(16));
  });

  it("every kind and state has its words", () => {
    for (const kind of ["reset", "unsupported"] as const) {
      assert.match(receivedText({ ...received, kind }, terminal(false)), /\n {4}\(.*\)$/);
    }
    assert.equal(stateText("written"), "written");
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
      outboxText(queued, terminal(false)),
      /to Bek {2}waits: the relay does not answer\n {4}hello$/,
    );
    assert.match(outboxText({ ...queued, to: null, state: "expired" }, terminal(false)), /expired/);
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
      "state",
      "waitingFor",
      "text",
      "at",
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
