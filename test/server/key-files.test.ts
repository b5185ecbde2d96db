/** Key files: whole or refused, and never readable by others. */

import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  decodeKeyFile,
  destroyKeyFile,
  encodeKeyFile,
  KEY_FILE_BYTES,
  openKeyDirectory,
  readKeyFile,
  writeKeyFile,
} from "../../server/key-files.ts";
import { temporaryDirectory } from "../support/relay.ts";

const FILE = { kind: "channel", hour: 500_000, secret: new Uint8Array(32).fill(9) } as const;

describe("key files", () => {
  it("have 61 bytes: 8 + 1 + 4 + 32 + 16", () => {
    assert.equal(KEY_FILE_BYTES, 61);
    assert.equal(encodeKeyFile(FILE).length, KEY_FILE_BYTES);
    assert.deepEqual(decodeKeyFile("channel", encodeKeyFile(FILE)), FILE);
    assert.throws(() => encodeKeyFile({ ...FILE, secret: new Uint8Array(31) }), RangeError);
  });

  it("are refused when cut, longer, changed in any bit, or of another kind (property)", () => {
    const whole = encodeKeyFile(FILE);
    for (let n = 0; n < whole.length; n++) {
      assert.throws(() => decodeKeyFile("channel", whole.subarray(0, n)), {
        code: "KEY_FILE_DAMAGED",
      });
    }
    assert.throws(() => decodeKeyFile("channel", Uint8Array.of(...whole, 0)), {
      code: "KEY_FILE_DAMAGED",
    });
    assert.throws(() => decodeKeyFile("store", whole), { code: "KEY_FILE_DAMAGED" });
    fc.assert(
      fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
        const changed = whole.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.throws(() => decodeKeyFile("channel", changed), { code: "KEY_FILE_DAMAGED" });
      }),
    );
  });

  it("are written with mode 600, leave no temporary file, and are read back", async (t) => {
    const path = join(await temporaryDirectory(t), "identity.key");
    assert.equal(await readKeyFile(path, "channel"), undefined);
    await writeKeyFile(path, FILE);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(path, "..")), ["identity.key"]);
    assert.deepEqual(await readKeyFile(path, "channel"), FILE);
  });

  it("are refused when others may read them", async (t) => {
    const path = join(await temporaryDirectory(t), "identity.key");
    await writeKeyFile(path, FILE);
    await chmod(path, 0o640);
    await assert.rejects(readKeyFile(path, "channel"), { code: "KEY_FILE_EXPOSED" });
  });

  it("are overwritten before they are unlinked", async (t) => {
    const directory = await temporaryDirectory(t);
    const path = join(directory, "channel-1.key");
    await writeKeyFile(path, FILE);
    await destroyKeyFile(path, new Uint8Array(KEY_FILE_BYTES));
    assert.deepEqual(await readdir(directory), []);
  });

  it("cannot be written where there is no directory, and say so", async (t) => {
    const path = join(await temporaryDirectory(t), "none", "identity.key");
    await assert.rejects(writeKeyFile(path, FILE), { code: "DATA_UNUSABLE" });
    await writeFile(join(path, "..", "..", "file"), "x", { mode: 0o600 });
    await assert.rejects(openKeyDirectory(join(path, "..", "..", "file", "data")), {
      code: "DATA_UNUSABLE",
    });
    await assert.rejects(readKeyFile(join(path, "..", "..", "file", "x"), "channel"), {
      code: "DATA_UNUSABLE",
    });
  });

  it("lie in a directory that is made closed, closed while empty, and refused when open", async (t) => {
    const parent = await temporaryDirectory(t);
    const fresh = join(parent, "a", "b");
    await openKeyDirectory(fresh);
    assert.equal((await stat(fresh)).mode & 0o777, 0o700);
    const empty = join(parent, "empty");
    await mkdir(empty, { mode: 0o755 });
    await openKeyDirectory(empty);
    assert.equal((await stat(empty)).mode & 0o777, 0o700);
    await writeFile(join(empty, "file"), "x");
    await chmod(empty, 0o755);
    await assert.rejects(openKeyDirectory(empty), { code: "KEY_FILE_EXPOSED" });
    assert.equal((await readFile(join(empty, "file"), "utf8")).length, 1);
  });
});
