/** Section 2: the phrase in digits, what is derived from its seed, and the safety number. */

import { compare, concat, EMPTY, text, u8, u32 } from "./bytes.ts";
import { agreementPublicKey, blake2, H, signingPublicKey, stretch } from "./primitives.ts";
import { demand } from "./refused.ts";
import { kemPublicKey } from "./x-wing.ts";

const GROUPS = 8;
const GROUP_BITS = 11;
const ENTROPY_BYTES = 10;

/** The 10 random bytes behind 8 groups of 4 digits. */
export function entropyOfDigits(digits: string): Uint8Array {
  const groups = digits.split(" ");
  demand(groups.length === GROUPS, "number of groups");
  const bits = groups.map(groupBits).join("");
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2));
  const entropy = bytes.slice(0, ENTROPY_BYTES);
  demand(H(EMPTY, "phrase-check", entropy, 16)[0] === bytes[ENTROPY_BYTES], "check of the phrase");
  return entropy;
}

function groupBits(group: string): string {
  demand(/^\d{4}$/.test(group) && Number(group) < 2 ** GROUP_BITS, "group");
  return Number(group).toString(2).padStart(GROUP_BITS, "0");
}

export function phraseSeed(entropy: Uint8Array): Uint8Array {
  return stretch(entropy, blake2(16, text("tumar/v1/phrase")));
}

export interface Letterbox {
  readonly mailboxPublicKey: Uint8Array;
  readonly kemPublicKey: Uint8Array;
}

export function rootPublicKey(seed: Uint8Array): Uint8Array {
  return signingPublicKey(rootSeed(seed));
}

export function rootSeed(seed: Uint8Array): Uint8Array {
  return H(seed, "root", EMPTY, 32);
}

export function capsulePublicKey(seed: Uint8Array): Uint8Array {
  return kemPublicKey(H(seed, "capsule", EMPTY, 32));
}

export function letterbox(seed: Uint8Array, epoch: number): Letterbox {
  const both = H(seed, "letterbox", u32(epoch), 64);
  return {
    mailboxPublicKey: signingPublicKey(both.slice(0, 32)),
    kemPublicKey: kemPublicKey(both.slice(32)),
  };
}

export function cardSecret(seed: Uint8Array, epoch: number): Uint8Array {
  return H(seed, "card", u32(epoch), 16);
}

export function casePublicKey(seed: Uint8Array, deskRoot: Uint8Array): Uint8Array {
  return signingPublicKey(H(seed, "case", deskRoot, 32));
}

export function ownerPublicKey(seed: Uint8Array, index: number): Uint8Array {
  demand(index >= 0 && index < 32, "index of an owner key");
  return signingPublicKey(H(seed, "owner", u8(index), 32));
}

/** 12 groups of five digits. */
export function safetyNumber(a: Uint8Array, b: Uint8Array): string {
  const [smaller, larger] = compare(a, b) < 0 ? [a, b] : [b, a];
  const hash = Buffer.from(H(EMPTY, "safety", concat(smaller, larger), 60));
  const groups = Array.from({ length: 12 }, (_, i) => hash.readUIntBE(5 * i, 5) % 100_000);
  return groups.map((group) => String(group).padStart(5, "0")).join(" ");
}

export interface DeviceSecrets {
  readonly signing: Uint8Array;
  readonly agreement: Uint8Array;
}

/** The 64 bytes of a device's secrets: the seed of IKs, then the secret of IKd. */
export function deviceSecrets(secret: Uint8Array): DeviceSecrets {
  demand(secret.length === 64, "length of a device secret");
  return { signing: secret.slice(0, 32), agreement: secret.slice(32) };
}

export function devicePublicKeys(secrets: DeviceSecrets): { IKs: Uint8Array; IKd: Uint8Array } {
  return {
    IKs: signingPublicKey(secrets.signing),
    IKd: agreementPublicKey(secrets.agreement),
  };
}

export function deviceId(IKs: Uint8Array, IKd: Uint8Array): Uint8Array {
  return H(EMPTY, "device", concat(IKs, IKd), 16);
}
