/** The frames of one direction of a recorded WebSocket connection, and their payloads joined. */

const HEAD_END = Buffer.from("\r\n\r\n");

export interface WebSocketFrame {
  /** 8 and above: control frames. */
  readonly opcode: number;
  /** Unmasked. */
  payload(): Buffer;
  /** Of the whole frame on the wire. */
  readonly length: number;
}

/** What comes before the end of the HTTP head is left out; a frame cut off at the end counts as it is. */
export function websocketFrames(stream: Buffer): readonly WebSocketFrame[] {
  const end = stream.indexOf(HEAD_END);
  if (end < 0) return [];
  const frames: WebSocketFrame[] = [];
  let rest = stream.subarray(end + HEAD_END.length);
  while (rest.length >= 2) {
    const frame = readFrame(rest);
    frames.push(frame);
    rest = rest.subarray(frame.length);
  }
  return frames;
}

export function websocketPayloads(stream: Buffer): Buffer {
  return Buffer.concat(websocketFrames(stream).map((frame) => frame.payload()));
}

/** RFC 6455, 5.2. */
function readFrame(bytes: Buffer): WebSocketFrame {
  const isMasked = ((bytes[1] ?? 0) & 0x80) !== 0;
  const short = (bytes[1] ?? 0) & 0x7f;
  const [size, headBytes] = readSize(bytes, short);
  const start = headBytes + (isMasked ? 4 : 0);
  const payload = (): Buffer => {
    const plain = Buffer.from(bytes.subarray(start, start + size));
    if (!isMasked) return plain;
    for (const [i, byte] of plain.entries()) plain[i] = byte ^ (bytes[headBytes + (i % 4)] ?? 0);
    return plain;
  };
  return { opcode: (bytes[0] ?? 0) & 0x0f, payload, length: start + size };
}

function readSize(bytes: Buffer, short: number): readonly [size: number, headBytes: number] {
  if (short === 126 && bytes.length >= 4) return [bytes.readUInt16BE(2), 4];
  if (short === 127 && bytes.length >= 10) return [Number(bytes.readBigUInt64BE(2)), 10];
  return [short, 2];
}
