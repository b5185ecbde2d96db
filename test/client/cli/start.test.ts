/** `npm start`, as a stranger meets it: an address, three commands to type, and an orderly end. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { repositoryRoot } from "../../support/repository.ts";

it("npm start prints the relay's address and the next three commands", async () => {
  const data = mkdtempSync(join(tmpdir(), "tumar-start-"));
  const script = join(repositoryRoot, "scripts", "start.mjs");
  const child = spawn(process.execPath, [script, "--data", data, "--port", "0"]);
  let out = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    out += chunk as string;
    if (out.endsWith("\n\n") && out.includes("3. ")) break;
  }
  const [, address] =
    out.match(/^The relay runs at (http:\/\/127\.0\.0\.1:\d+#k=[\w-]{22})$/m) ?? [];
  assert.ok(address !== undefined, out);
  assert.equal(out.match(/^\d\. /gm)?.length, 3);
  assert.equal(out.split(`--relay '${address}'`).length, 3);
  child.kill("SIGINT");
  const [exit] = (await once(child, "exit")) as [number];
  assert.equal(exit, 0);
  rmSync(data, { recursive: true });
});
