/** The payloads of one direction of a recorded WebSocket connection, unmasked and joined. */

const HEAD_END = Buffer.from("\r\n\r\n");

/** What comes before the end of the HTTP head is left out; a frame cut off at the end counts as it is. */
export function websocketPayloads(stream: Buffer): Buffer {
  const end = stream.indexOf(HEAD_END);
  if (end < 0) return Buffer.alloc(0);
  const payloads: Buffer[] = [];
  let rest = stream.subarray(end + HEAD_END.length);
  while (rest.length >= 2) {
    const { payload, length } = readFrame(rest);
    payloads.push(payload);
    rest = rest.subarray(length);
  }
  return Buffer.concat(payloads);
}

/** RFC 6455, 5.2. */
function readFrame(bytes: Buffer): { readonly payload: Buffer; readonly length: number } {
  const isMasked = ((bytes[1] ?? 0) & 0x80) !== 0;
  const short = (bytes[1] ?? 0) & 0x7f;
  const [size, headBytes] = readSize(bytes, short);
  const start = headBytes + (isMasked ? 4 : 0);
  const payload = Buffer.from(bytes.subarray(start, start + size));
  if (isMasked) {
    for (const [i, byte] of payload.entries())
      payload[i] = byte ^ (bytes[headBytes + (i % 4)] ?? 0);
  }
  return { payload, length: start + size };
}

function readSize(bytes: Buffer, short: number): readonly [size: number, headBytes: number] {
  if (short === 126 && bytes.length >= 4) return [bytes.readUInt16BE(2), 4];
  if (short === 127 && bytes.length >= 10) return [Number(bytes.readBigUInt64BE(2)), 10];
  return [short, 2];
}
