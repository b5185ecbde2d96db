/**
 * Writes the generated parts of docs/PROTOCOL.md from the frame table and the limits: run after
 * `npm run build`. With `--check` it writes nothing and fails when the page differs.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { answerRoom } from "../dist/shared/wire/answer-room.js";
import { cddlModule, cddlOf } from "../dist/shared/wire/cddl.js";
import { CLIENT_FRAMES, FRAME_SPECS } from "../dist/shared/wire/frame-table.js";
import * as limits from "../dist/shared/wire/limits.js";

function block(text) {
  return `\`\`\`cddl\n${text}\n\`\`\``;
}

function codes(names) {
  return names.map((name) => `\`${name}\``).join(", ");
}

const KINDS = {
  owner: "on an owner channel",
  sender: "on a sender channel",
  both: "on any channel",
};

function precondition({ channel, needsEpoch, provenField }) {
  const proof = provenField === undefined ? "" : `, ${provenField} proven`;
  return `${KINDS[channel]}, ${needsEpoch ? "fresh" : "also when replayed"}${proof}`;
}

function clientRows(type) {
  const spec = CLIENT_FRAMES[type];
  return [
    `- Sent by: client, ${precondition(spec)}.`,
    `- Answer: ${codes(spec.answers)}. Errors: ${codes(spec.errors) || "none"}.`,
    `- Keeps ${roomOf(answerRoom(type))} of an exchange's answer.`,
  ];
}

function roomOf({ bytes, isElastic }) {
  return isElastic ? `${bytes} bytes, and takes what is left over,` : `${bytes} bytes`;
}

function fieldRows(fields) {
  if (fields.length === 0) return [];
  const rows = fields.map(([name, spec]) => `| \`${name}\` | ${limitOf(spec)} | ${spec.doc} |`);
  return ["", "| field | limits | meaning |", "| --- | --- | --- |", ...rows];
}

function limitOf(spec) {
  const span = (unit) =>
    (spec.oneOf?.join(" or ") ??
      (spec.min === spec.max ? spec.min : `${spec.min} to ${spec.max}`)) + unit;
  if (spec.kind === "flag") return "0 or 1";
  if (spec.kind === "text") return `up to ${spec.max} bytes of text`;
  if (spec.kind === "bytes") return span(" bytes");
  if (spec.kind === "list") return `${span(" of")} ${limitOf(spec.of)}`;
  if (spec.kind === "tuple") {
    const fields = Object.entries(spec.fields);
    return `[${fields.map(([name, field]) => `${name}: ${limitOf(field)}, ${field.doc}`).join("; ")}]`;
  }
  return span("");
}

function frameSection(spec) {
  const rows = spec.from === "client" ? clientRows(spec.type) : ["- Sent by: relay."];
  return [
    `### ${spec.type}`,
    "",
    spec.doc,
    "",
    ...rows,
    "",
    block(cddlOf(spec)),
    ...fieldRows(spec.fields),
  ].join("\n");
}

function limitTable() {
  const rows = Object.entries(limits).map(
    ([name, value]) => `| \`${name}\` | ${Array.isArray(value) ? value.join(", ") : value} |`,
  );
  return ["| name | value |", "| --- | --- |", ...rows].join("\n");
}

function replaceBetween(page, name, text) {
  const start = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no ${name} markers`);
  return `${page.slice(0, from + start.length)}\n${text}\n${page.slice(to)}`;
}

const path = new URL("../docs/PROTOCOL.md", import.meta.url);
const before = readFileSync(path, "utf8");
const parts = {
  frames: FRAME_SPECS.map(frameSection).join("\n\n"),
  cddl: block(cddlModule()),
  limits: limitTable(),
};
let page = before;
for (const [name, text] of Object.entries(parts)) page = replaceBetween(page, name, text);

if (process.argv.includes("--check")) {
  if (page !== before) {
    console.error(
      "docs/PROTOCOL.md differs from the frame table: run node scripts/docs-protocol.mjs",
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, page);
}
