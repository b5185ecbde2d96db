/** Settings: the table is true, every fault is reported at once, nothing mistyped is passed over. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { configOf, readConfig } from "../../server/config.ts";
import { SETTINGS, type Setting } from "../../server/config-table.ts";
import { DEFAULT_STORE_LIMITS } from "../../server/store/limits.ts";
import { storeLimitsOf } from "../../server/store-limits.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  DEFAULT_BYTES_PER_SECOND,
  DEFAULT_CONNECTIONS_PER_ADDRESS,
  DEFAULT_FRAMES_PER_SECOND,
  DEFAULT_MAILBOXES_PER_CONNECTION,
  DEFAULT_PUZZLE_BITS,
  DEFAULT_WINDOW,
} from "../../shared/wire/limits.ts";
import { repositoryRoot } from "../support/repository.ts";

const TABLE: readonly (readonly [string, Setting])[] = Object.entries(SETTINGS);

function faultsOf(environment: Record<string, string>): string {
  try {
    readConfig(environment);
  } catch (error) {
    assert.ok(error instanceof TumarError && error.code === "BAD_CONFIG");
    return error.message;
  }
  assert.fail("no fault was found");
}

describe("config", () => {
  it("gives every setting its default", () => {
    const values = configOf();
    for (const [name, setting] of TABLE) {
      assert.equal((values as Record<string, unknown>)[name], setting.default, name);
    }
  });

  it("has the defaults that other parts name", () => {
    const values = configOf();
    assert.deepEqual(storeLimitsOf(values), DEFAULT_STORE_LIMITS);
    assert.equal(values.WINDOW, DEFAULT_WINDOW);
    assert.equal(values.FRAMES_PER_SECOND, DEFAULT_FRAMES_PER_SECOND);
    assert.equal(values.BYTES_PER_SECOND, DEFAULT_BYTES_PER_SECOND);
    assert.equal(values.CONNECTIONS_PER_ADDRESS, DEFAULT_CONNECTIONS_PER_ADDRESS);
    assert.equal(values.KEYS_PER_CONNECTION, DEFAULT_MAILBOXES_PER_CONNECTION);
    assert.equal(values.PUZZLE_BITS, DEFAULT_PUZZLE_BITS);
  });

  it("takes the environment, and the command line before it", () => {
    const environment = { TUMAR_RELAY_PORT: "1", TUMAR_RELAY_WINDOW: "7", PATH: "x" };
    const values = readConfig(environment, { PORT: "2", HOST: undefined });
    assert.equal(values.PORT, 2);
    assert.equal(values.WINDOW, 7);
  });

  it("takes each number at its bounds and none beyond, and nothing that is no number", () => {
    for (const [name, setting] of TABLE) {
      if (setting.kind !== "number") continue;
      const variable = `TUMAR_RELAY_${name}`;
      const bad = [setting.max + 1, ...(setting.min > 0 ? [setting.min - 1] : [])].map(String);
      for (const value of [...bad, "", "-1", "1.5", "0x10", "1e3", " 1", "nine"]) {
        assert.match(faultsOf({ [variable]: value }), new RegExp(variable), `${name}=${value}`);
      }
    }
    assert.equal(readConfig({ TUMAR_RELAY_WINDOW: "1" }).WINDOW, 1);
    assert.equal(readConfig({ TUMAR_RELAY_WINDOW: "1024" }).WINDOW, 1024);
  });

  it("reports all faults at once, unknown names included", () => {
    const message = faultsOf({
      TUMAR_RELAY_WINDOW: "0",
      TUMAR_RELAY_ADDRESS: "relay.example",
      TUMAR_RELAY_WINDOWS: "5",
      TUMAR_RELAY_toString: "5",
    });
    for (const part of ["_WINDOW must", "_ADDRESS must", "_WINDOWS is not", "_toString is not"]) {
      assert.ok(message.includes(part), `${part} in ${message}`);
    }
  });

  it("refuses settings that contradict each other", () => {
    const silence = { TUMAR_RELAY_PING_SECONDS: "30", TUMAR_RELAY_SILENCE_SECONDS: "30" };
    assert.match(faultsOf(silence), /SILENCE_SECONDS must be more/);
    const ports = { TUMAR_RELAY_PORT: "9", TUMAR_RELAY_METRICS_PORT: "9" };
    assert.match(faultsOf(ports), /METRICS_PORT must not be/);
  });

  it("takes addresses of a relay without path or key only", () => {
    const address = (value: string) => readConfig({ TUMAR_RELAY_ADDRESS: value }).ADDRESS;
    assert.equal(address("https://relay.example:444"), "https://relay.example:444");
    for (const bad of ["https://a/b", "https://a#k=b", "ftp://a", "https://u@a", "https://"]) {
      assert.throws(() => address(bad), { code: "BAD_CONFIG" });
    }
  });
});

describe("docs/OPERATIONS.md", () => {
  it("says of each setting what the table says, and names no other", () => {
    const page = readFileSync(join(repositoryRoot, "docs", "OPERATIONS.md"), "utf8");
    const rows = page.split("\n").filter((line) => line.startsWith("| `TUMAR_RELAY_"));
    assert.deepEqual(
      rows,
      TABLE.map(([name, setting]) => rowOf(name, setting)),
    );
  });
});

function rowOf(name: string, setting: Setting): string {
  const bounds = setting.kind === "number" ? `${setting.min} to ${setting.max}` : "";
  const value = setting.default === "" ? "" : `\`${setting.default}\``;
  const flag = "flag" in setting ? `\`${setting.flag}\`` : "";
  return `| \`TUMAR_RELAY_${name}\` | ${flag} | ${value} | ${setting.unit} | ${bounds} | ${setting.doc} |`;
}
