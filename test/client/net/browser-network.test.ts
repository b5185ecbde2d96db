/** What a browser tells of networks, by a browser that does what the test says. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { browserNetwork, watchBrowserNetwork } from "../../../client/net/browser-network.ts";

it("a page hears that it is online again and that the kind of connection changed, until it stops", () => {
  const connection = Object.assign(new EventTarget(), { type: "wifi" });
  const platform = Object.assign(new EventTarget(), { navigator: { connection } });
  let changes = 0;
  const stop = watchBrowserNetwork(() => changes++, platform);
  assert.equal(browserNetwork(platform), "wifi");
  platform.dispatchEvent(new Event("online"));
  connection.dispatchEvent(new Event("change"));
  assert.equal(changes, 2);
  stop();
  platform.dispatchEvent(new Event("online"));
  connection.dispatchEvent(new Event("change"));
  assert.equal(changes, 2);
});

it("a browser that tells nothing of its connection is in one network for ever", () => {
  const platform = Object.assign(new EventTarget(), { navigator: {} });
  assert.equal(browserNetwork(platform), "");
  watchBrowserNetwork(() => {}, platform)();
});
