/** What is read to be sent: a file of a known size, a pipe as it comes, and faults that are told. */

import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { describe, it } from "node:test";
import { openSentFile, piecesUntil, sentName } from "../../../client/cli/sent-file.ts";
import { temporaryDirectory } from "../../support/relay.ts";

const never = new AbortController().signal;

describe("a file that is sent", () => {
  it("has a name and a size, and is read at any place", async (t) => {
    const path = join(await temporaryDirectory(t), "letter.txt");
    writeFileSync(path, "0123456789");
    const file = await openSentFile(path, Readable.from([]), never);
    assert.deepEqual([file.name, file.isLive], ["letter.txt", false]);
    assert.ok("size" in file.source && file.source.size === 10);
    assert.equal(Buffer.from(await file.source.read(8, 5)).toString(), "89");
    truncateSync(path, 4);
    await assert.rejects(file.source.read(2, 5), { code: "FILE_NOT_READ" });
    await file.close();
  });

  it("is called by its kind when its own name may tell when and with what it was taken", () => {
    const order = { name: undefined, keepMetadata: false } as const;
    const camera = "PXL_20261122_143512345.JPG";
    const names = [
      [{ ...order, kind: "photo" }, camera, "photo.jpg"],
      [{ ...order, kind: "clip" }, "VID 2026-11-22 14.35.12", "clip"],
      [{ ...order, kind: "clip" }, "VID.14h35m12.webm", "clip.webm"],
      [{ ...order, kind: "voice" }, "", ""],
      [{ ...order, kind: "photo", keepMetadata: true }, camera, camera],
      [{ ...order, kind: "photo", name: "gate 12.jpg" }, camera, "gate 12.jpg"],
      [{ ...order, kind: "file" }, "statement.pdf", "statement.pdf"],
    ] as const;
    for (const [one, own, sent] of names) assert.equal(sentName(one, own), sent);
  });

  it("is refused when it is none", async (t) => {
    const folder = await temporaryDirectory(t);
    for (const path of [folder, join(folder, "missing")]) {
      await assert.rejects(openSentFile(path, Readable.from([]), never), { code: "FILE_NOT_READ" });
    }
  });

  it("is a stream when it is standard input", async () => {
    const input = new PassThrough();
    const { name, source, isLive, close } = await openSentFile("-", input, never);
    assert.deepEqual([name, isLive, Symbol.asyncIterator in source], ["", true, true]);
    await close();
    assert.equal(input.destroyed, true);
  });
});

describe("a stream that is sent", () => {
  it("brings every piece, and ends with its source", async () => {
    const came: string[] = [];
    const source = Readable.from([Buffer.from("seen "), Buffer.from("at gate 12")]);
    for await (const piece of piecesUntil(source, never)) came.push(Buffer.from(piece).toString());
    assert.deepEqual(came, ["seen ", "at gate 12"]);
  });

  it("ends at once when it is to end, though its source goes on", async () => {
    const [input, ending] = [new PassThrough(), new AbortController()];
    const came = piecesUntil(input, ending.signal);
    input.write("first");
    assert.equal((await came.next()).done, false);
    const waits = came.next();
    ending.abort();
    assert.equal((await waits).done, true);
    input.destroy(new Error("nobody hears this any more"));
  });

  it("tells what broke its source", async () => {
    const input = new PassThrough();
    const waits = piecesUntil(input, never).next();
    input.destroy(Object.assign(new Error("gone"), { code: "EIO" }));
    await assert.rejects(waits, { code: "FILE_NOT_READ", message: /EIO/ });
  });
});
