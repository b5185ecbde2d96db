/**
 * The frame table as CDDL (RFC 8610), for docs/PROTOCOL.md and for whoever writes another client.
 */

import type { BytesSpec, FieldSpec, UintSpec } from "./frame-fields.ts";
import { FRAME_SPECS, type FrameSpec } from "./frame-table.ts";

/** `deposit = [9, request-id, deposit-id: bytes .size 24, …]` */
export function cddlOf(spec: FrameSpec): string {
  const fields = spec.fields.map(([name, field]) => `${kebab(name)}: ${cddlType(field)}`);
  const id = spec.type === "error" ? "(0 / request-id)" : "request-id";
  return `${ruleName(spec)} = [${[String(spec.number), id, ...fields].join(", ")}]`;
}

/** Every frame, and the two sums of them. */
export function cddlModule(): string {
  return [
    "request-id = 1..4294967295",
    sumOf("client"),
    sumOf("relay"),
    ...FRAME_SPECS.map(cddlOf),
  ].join("\n");
}

function sumOf(from: FrameSpec["from"]): string {
  const names = FRAME_SPECS.filter((spec) => spec.from === from).map(ruleName);
  return `${from}-frame = ${names.join(" / ")}`;
}

/** Frame types are CDDL names as they are: dots and hyphens are allowed in them. */
function ruleName(spec: FrameSpec): string {
  return spec.type;
}

function cddlType(spec: FieldSpec): string {
  switch (spec.kind) {
    case "uint":
      return uintType(spec);
    case "flag":
      return "0 / 1";
    case "bytes":
      return bytesType(spec);
    case "text":
      return `text .size (0..${spec.max})`;
    case "list":
      return `[${spec.min}*${spec.max} ${group(cddlType(spec.of))}]`;
    case "tuple":
      return `[${Object.entries(spec.fields)
        .map(([name, field]) => `${kebab(name)}: ${cddlType(field)}`)
        .join(", ")}]`;
  }
}

function uintType({ oneOf, min, max }: UintSpec): string {
  return oneOf === undefined ? `${min}..${max}` : oneOf.join(" / ");
}

function bytesType({ oneOf, min, max }: BytesSpec): string {
  if (oneOf !== undefined) return oneOf.map((size) => `bytes .size ${size}`).join(" / ");
  return min === max ? `bytes .size ${min}` : `bytes .size (${min}..${max})`;
}

function group(type: string): string {
  return type.includes(" / ") ? `(${type})` : type;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
