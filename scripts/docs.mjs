/**
 * Writes the parts of docs/ that the code knows better: the error table. Run after `npm run build`:
 * `npm run docs`. A test fails when a page and the code differ.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { ERRORS } from "../dist/shared/crypto/errors.js";

function errorTable() {
  const rows = Object.entries(ERRORS).map(
    ([code, { number, close, status, retryable, meaning, hint }]) =>
      `| \`${code}\` | ${number} | ${close || "–"} | ${status} | ${retryable ? "yes" : "no"} | ${meaning} | ${hint} |`,
  );
  return [
    "| code | number | close | HTTP | try again | what it means | what to do |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function replaceBetween(page, name, text) {
  const start = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no ${name} markers`);
  return `${page.slice(0, from + start.length)}\n${text}\n${page.slice(to)}`;
}

const path = new URL("../docs/ERRORS.md", import.meta.url);
writeFileSync(path, replaceBetween(readFileSync(path, "utf8"), "errors", errorTable()));
