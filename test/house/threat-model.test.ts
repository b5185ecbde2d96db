/** docs/THREAT-MODEL.md: every *cannot* names its test, and every test it names is there. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repositoryRoot } from "../support/repository.ts";

interface Named {
  readonly file: string;
  readonly title: string;
}

const page = readFileSync(join(repositoryRoot, "docs", "THREAT-MODEL.md"), "utf8");
/** An adversary is a section with both lists. */
const adversaries = page.split(/^## /m).filter((section) => section.includes("**Cannot**"));

function itemsOf(section: string): readonly string[] {
  const [, list = ""] = section.split("**Cannot**");
  return list.split(/^- /m).slice(1);
}

function namedIn(text: string): readonly Named[] {
  return [...text.matchAll(/`(test\/[^`]+\.test\.ts)`,\s+"([^"]+)"/g)].map(
    ([, file = "", title = ""]) => ({ file, title }),
  );
}

/** As written in the source; one made of parts is known by its beginning. */
function titlesOf(file: string): readonly string[] {
  const source = readFileSync(join(repositoryRoot, file), "utf8");
  return [...source.matchAll(/\b(?:it|describe)\(\s*(["'`])(.*?)\1,/g)].map(
    ([, , title = ""]) => title,
  );
}

describe("docs/THREAT-MODEL.md", () => {
  it("says of each adversary what he can do and what he cannot", () => {
    assert.equal(adversaries.length, 11);
    for (const section of adversaries) {
      assert.ok(section.includes("**Can**"), section.slice(0, 60));
      assert.ok(itemsOf(section).length > 0, section.slice(0, 60));
    }
  });

  it("names a test for everything an adversary cannot do", () => {
    for (const item of adversaries.flatMap(itemsOf)) assert.ok(namedIn(item).length > 0, item);
  });

  it("names tests that are there", () => {
    const named = namedIn(page);
    assert.equal(named.length, [...page.matchAll(/test\/[\w/-]+\.test\.ts/g)].length);
    for (const { file, title } of named) {
      assert.ok(existsSync(join(repositoryRoot, file)), file);
      const isThere = titlesOf(file).some((known) => known.startsWith(title));
      assert.ok(isThere, `${file} has no test "${title}"`);
    }
  });
});
