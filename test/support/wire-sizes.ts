/**
 * What somebody on the path can measure in recorded bytes: the sizes of WebSocket messages and of
 * HTTP bodies, with their direction. WebSocket control frames are left out: they follow the clock.
 */

import { websocketFrames } from "./websocket-payloads.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const FIRST_CONTROL_OPCODE = 8;

/** Of one direction of one connection, in order, for example `"up message 4616"`, `"down body 512"`. */
export function wireSizes(direction: "up" | "down", stream: Buffer): readonly string[] {
  const sizes = isUpgrade(stream) ? messageSizes(stream) : bodySizes(stream);
  return sizes.map((size) => `${direction} ${size}`);
}

function isUpgrade(stream: Buffer): boolean {
  return /\r\nupgrade: *websocket/i.test(headOf(stream) ?? "");
}

function messageSizes(stream: Buffer): readonly string[] {
  return websocketFrames(stream)
    .filter(({ opcode }) => opcode < FIRST_CONTROL_OPCODE)
    .map(({ length }) => `message ${length}`);
}

/** HTTP/1.1 messages one after the other, each with its length in the head. */
function bodySizes(stream: Buffer): readonly string[] {
  const sizes: string[] = [];
  let rest = stream;
  for (let head = headOf(rest); head !== undefined; head = headOf(rest)) {
    const size = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const end = head.length + HEAD_END.length + size;
    if (rest.length < end) break;
    sizes.push(`body ${size}`);
    rest = rest.subarray(end);
  }
  return sizes;
}

function headOf(stream: Buffer): string | undefined {
  const end = stream.indexOf(HEAD_END);
  return end < 0 ? undefined : stream.subarray(0, end).toString("latin1");
}
