/** `--proxy` and TUMAR_PROXY: everything goes through the proxy, and what is wrong with it is told. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { microsocks } from "../../support/proxies.ts";
import {
  assertFails,
  type RelayProcess,
  result,
  startRelay,
  tumar,
  tumarWithin,
} from "./tumar-process.ts";

const folder = mkdtempSync(join(tmpdir(), "tumar-cli-proxy-"));
const vault = (name: string): readonly string[] => [
  "--json",
  "--vault",
  join(folder, name),
  "--passphrase-file",
  join(folder, "pass"),
];
const ONION = "http://duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad";

let relay: RelayProcess;

before(async () => {
  writeFileSync(join(folder, "pass"), "correct horse\n");
  relay = await startRelay(join(folder, "data"));
});

after(async () => {
  await relay.stop();
  rmSync(folder, { recursive: true });
});

describe("a proxy", () => {
  it("named by the option or the environment is what relays are reached through: microsocks", async (test) => {
    const proxy = await microsocks(test, { name: "aigul", password: "secret" });
    const url = `socks5://aigul:secret@${proxy.host}`;
    result(await tumar("init", ...vault("aigul"), "--proxy", url, "--relay", relay.address));
    const place = `127.0.0.1:${relay.port}`;
    const before = proxy.asked().length;
    assert.ok(before > 0);

    const through = { TUMAR_PROXY: url };
    const synced = await tumarWithin(through, "sync", ...vault("aigul"));
    assert.deepEqual(result(synced), { sent: 0, received: 0, queued: 0 });
    assert.ok(proxy.asked().length > before);
    assert.deepEqual([...new Set(proxy.asked())], [place]);

    const wrong = { TUMAR_PROXY: `socks5://aigul:wrong@${proxy.host}` };
    const typed = ["init", ...vault("other"), "--relay", relay.address];
    assertFails(await tumarWithin(wrong, ...typed), 4, "PROXY_REFUSED");
  });

  it("that cannot be used is told before the passphrase is asked for", async () => {
    const typed = ["sync", "--json", "--vault", join(folder, "none")];
    assertFails(await tumar(...typed, "--proxy", "proxy.example:9050"), 2, "PROXY_INVALID");
    assertFails(await tumarWithin({ TUMAR_PROXY: "tor" }, ...typed), 2, "PROXY_INVALID");
  });

  it("is asked for by an onion address, at once", async () => {
    const { address } = relay;
    const onion = `${ONION}.onion${address.slice(address.indexOf("#"))}`;
    assertFails(await tumar("init", ...vault("onion"), "--relay", onion), 4, "PROXY_REQUIRED");
  });
});
