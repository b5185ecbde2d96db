/** What a person reads while the network is bad. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { hindranceOf } from "../../../client/net/situation.ts";
import { TransportChoice } from "../../../client/net/transport-choice.ts";
import { unexpectedStatus } from "../../../client/net/transport-faults.ts";
import { HINDRANCES, type Situation, situationWords } from "../../../client/net/words.ts";
import { FakeClock } from "./fake-clock.ts";

const calm: Situation = {
  phase: "up",
  hindrance: "none",
  transport: "websocket",
  door: "",
  nextTryMs: null,
};
const words = (change: Partial<Situation>): string => situationWords({ ...calm, ...change });

it("says what stands in the way, what is used instead, and when the next try is", () => {
  assert.equal(
    words({ hindrance: "websocket-blocked", transport: "exchange", nextTryMs: 11_200 }),
    "WebSocket blocked here, using HTTP; next try in 12 s",
  );
  assert.equal(
    words({ hindrance: "offline", nextTryMs: 3_900 }),
    "No connection at all; next try in 4 s",
  );
  assert.equal(
    words({ hindrance: "login-page" }),
    "A login page of the network answers instead of the relay; open any site in a browser",
  );
  assert.equal(
    words({ hindrance: "freezes", transport: "thrifty" }),
    "Connections freeze here; sending in small pieces",
  );
  assert.equal(words({ door: "door.example" }), "Through the door door.example");
  assert.equal(
    words({ hindrance: "freezes", transport: "thrifty", door: "door.example" }),
    "Connections freeze here; sending in small pieces; through the door door.example",
  );
});

it("has plain words when nothing stands in the way", () => {
  assert.equal(words({}), "Connected");
  assert.equal(words({ phase: "connecting" }), "Connecting");
  assert.equal(words({ phase: "resting", nextTryMs: 0 }), "Waiting; next try in 1 s");
});

it("a lower kind that is chosen and not used yet hinders nothing", () => {
  const choice = new TransportChoice({
    clock: new FakeClock(),
    recall: () => undefined,
    keep: () => undefined,
  });
  const error = unexpectedStatus(403);
  choice.failed({}, { kind: "websocket", error, receivedBytes: 0, livedMs: 0 });
  assert.equal(hindranceOf(undefined, choice, "websocket"), "none");
  assert.equal(hindranceOf(error, choice, "websocket"), "unanswered");
  assert.equal(hindranceOf(undefined, choice, "exchange"), "websocket-blocked");
});

it("has words of its own for each hindrance", () => {
  const all = HINDRANCES.map((hindrance) => words({ hindrance }));
  assert.equal(new Set(all).size, HINDRANCES.length);
});
