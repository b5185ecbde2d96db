/**
 * Which network this machine is in, from the addresses of its interfaces, and when that changes. Node is
 * not told of changes, so it looks.
 */

import { networkInterfaces } from "node:os";

/** Cheap: some 50 microseconds. Somebody who changes networks waits at most so long. */
const LOOK_MS = 5_000;

type Interfaces = ReturnType<typeof networkInterfaces>;

/**
 * The subnets of all interfaces that lead out, in order: the same in the same network whichever address
 * the device was given there. Two networks with the same private subnet look the same.
 */
export function nodeNetwork(interfaces: Interfaces = networkInterfaces()): string {
  const subnets = outward(interfaces).map(({ address, netmask }) => subnetOf(address, netmask));
  return [...new Set(subnets)].sort().join(" ");
}

/** Calls back when any address comes, goes or changes. The result stops it; it keeps no process alive. */
export function watchNodeNetwork(
  listener: () => void,
  look: () => Interfaces = networkInterfaces,
  lookMs: number = LOOK_MS,
): () => void {
  let known = addressesOf(look());
  const timer = setInterval(() => {
    const now = addressesOf(look());
    if (now === known) return;
    known = now;
    listener();
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}

interface OutwardAddress {
  readonly address: string;
  readonly netmask: string;
}

/** Without loopback and link-local addresses. */
function outward(interfaces: Interfaces): readonly OutwardAddress[] {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(?:fe80:|169\.254\.)/i.test(address));
}

function addressesOf(interfaces: Interfaces): string {
  return outward(interfaces)
    .map(({ address }) => address)
    .sort()
    .join(" ");
}

function subnetOf(address: string, netmask: string): string {
  const [prefix = ""] = address.split("::");
  if (address.includes(":")) return `${prefix.split(":").slice(0, 4).join(":")}::`;
  const mask = netmask.split(".").map(Number);
  const parts = address.split(".").map((part, at) => Number(part) & (mask[at] ?? 0));
  return parts.join(".");
}
