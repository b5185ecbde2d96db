/** Section 10, manifests: what a message says of a blob, and what a later message changes of it. */

import { paddedSize } from "./blob.ts";
import { EMPTY, type Reader } from "./bytes.ts";
import { demand, Refused } from "./refused.ts";
import { type RelayAddress, readRelayAddress } from "./relay-address.ts";

export interface Place {
  readonly relay: RelayAddress;
  readonly blobId: Uint8Array;
}

export interface End {
  readonly dataBytes: number;
  readonly sealedBytes: number;
  readonly hash: Uint8Array;
}

export interface Part {
  readonly role: "whole" | "preview";
  readonly place: Place;
  readonly key: Uint8Array;
  readonly end: End;
}

export interface Manifest {
  readonly name: string;
  readonly type: string;
  readonly metadata: "none" | "stripped" | "kept";
  readonly durationMs: number;
  readonly parts: readonly Part[];
}

export interface Update {
  readonly messageId: Uint8Array;
  readonly part: number;
  readonly place: Place | null;
  readonly end: (End & Recording) | null;
}

/** What the end of a recording tells beside its lengths. */
export interface Recording {
  readonly durationMs: number;
  readonly brokeOff: boolean;
}

const NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-";

export function readManifest(reader: Reader): Manifest {
  const name = utf8(reader.take(reader.u8()));
  const type = utf8(reader.take(reader.u8()));
  demandType(type);
  const metadata = oneOf(["none", "stripped", "kept"] as const, reader.u8(), "metadata");
  const durationMs = reader.u32();
  const parts = reader.times(reader.u8(), () => readPart(reader));
  const roles = parts.map(({ role }) => role).join(" ");
  demand(roles === "whole" || roles === "preview whole", "order of the parts");
  const grows = parts.map(({ end }) => end.sealedBytes === 0);
  demand(parts.length === 1 || grows[0] === false, "a preview that grows");
  return { name, type, metadata, durationMs, parts };
}

export function readUpdate(reader: Reader): Update {
  const messageId = reader.take(16);
  const part = reader.u8();
  demand(part <= 1, "part of an update");
  const flags = reader.u8();
  demand([1, 2, 3, 6, 7].includes(flags), "flags of an update");
  const place = flags % 2 === 1 ? readPlace(reader) : null;
  const end = flags >= 2 ? readEnd(reader) : null;
  if (end === null) return { messageId, part, place, end };
  demand(end.sealedBytes > 0, "an end that is none");
  const durationMs = reader.u32();
  return { messageId, part, place, end: { ...end, durationMs, brokeOff: flags >= 6 } };
}

function readPart(reader: Reader): Part {
  const role = oneOf(["", "whole", "preview"] as const, reader.u8(), "role");
  if (role === "") throw new Refused("MALFORMED", "role 0");
  return { role, place: readPlace(reader), key: reader.take(32), end: readEnd(reader) };
}

function readPlace(reader: Reader): Place {
  return { relay: readRelayAddress(reader), blobId: reader.take(24) };
}

function readEnd(reader: Reader): End {
  const dataBytes = reader.u64();
  const sealedBytes = reader.u64();
  if (sealedBytes === 0) {
    demand(dataBytes === 0, "data of a blob that grows");
    return { dataBytes, sealedBytes, hash: EMPTY };
  }
  demandSize(dataBytes, sealedBytes);
  return { dataBytes, sealedBytes, hash: reader.take(32) };
}

/** Some number of chunks holds that much data and has that size. */
function demandSize(dataBytes: number, sealedBytes: number): void {
  const fewest = dataBytes === 0 ? 1 : Math.ceil(dataBytes / 16_337);
  let [low, high] = [fewest, dataBytes + 1];
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (paddedSize(middle) < sealedBytes) low = middle + 1;
    else high = middle;
  }
  demand(paddedSize(low) === sealedBytes, "size of a blob");
}

function demandType(type: string): void {
  if (type === "") return;
  demand(type.length <= 64, "length of a type");
  const names = type.split("/");
  demand(names.length === 2, "a type has two names");
  for (const name of names) {
    demand(/^[a-z0-9]/.test(name), "a name begins with a letter or digit");
    demand(
      [...name].every((one) => NAME_CHARACTERS.includes(one)),
      "name in a type",
    );
  }
}

function oneOf<T extends string>(names: readonly T[], number: number, what: string): T {
  const name = names[number];
  demand(name !== undefined, what);
  return name;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Refused("MALFORMED", "UTF-8", { cause });
  }
}
