/**
 * Names for network addresses, in memory only: a keyed hash whose key changes every hour. IPv6 counts
 * by /64, which one household or phone has.
 */

import { isIPv4, isIPv6 } from "node:net";
import { type Random, utf8 } from "../shared/crypto/bytes.ts";
import { H } from "../shared/crypto/hash.ts";
import { type Clock, hourOf } from "./clock.ts";

const KEY_BYTES = 32;
const HASH_BYTES = 16;

export class AddressNames {
  readonly #random: Random;
  readonly #clock: Clock;
  #key: Uint8Array;
  #keyHour: number;

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
    this.#key = random(KEY_BYTES);
    this.#keyHour = hourOf(clock());
  }

  /** Another one each hour. */
  nameOf(address: string): string {
    const hour = hourOf(this.#clock());
    if (hour !== this.#keyHour) {
      this.#key = this.#random(KEY_BYTES);
      this.#keyHour = hour;
    }
    const hash = H(this.#key, "address", utf8(networkOf(address)), HASH_BYTES);
    return Buffer.from(hash).toString("latin1");
  }
}

/** The part of an address that is counted as one user. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const left = head.split(":").filter((group) => group !== "");
  const right = (tail ?? "").split(":").filter((group) => group !== "");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":");
}
