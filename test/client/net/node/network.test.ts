/** Which network a machine is in, and when that changes, from its interfaces. */

import assert from "node:assert/strict";
import type { NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import { nodeNetwork, watchNodeNetwork } from "../../../../client/net/node/network.ts";

type Interfaces = ReturnType<typeof networkInterfaces>;

function of(...addresses: readonly [address: string, netmask: string][]): Interfaces {
  const infos = addresses.map(([address, netmask]) => ({
    address,
    netmask,
    internal: address === "127.0.0.1",
  }));
  return { eth0: infos as NetworkInterfaceInfo[] };
}

const loopback = ["127.0.0.1", "255.0.0.0"] as const;
const wifi = ["192.168.7.23", "255.255.255.0"] as const;

describe("the network of a machine", () => {
  it("is its subnets, whatever address it was given there", () => {
    const name = nodeNetwork(of([...loopback], [...wifi], ["fe80::1", "ffff:ffff:ffff:ffff::"]));
    assert.equal(name, "192.168.7.0");
    assert.equal(nodeNetwork(of(["192.168.7.99", "255.255.255.0"])), name);
    assert.notEqual(nodeNetwork(of(["192.168.8.23", "255.255.255.0"])), name);
    assert.equal(nodeNetwork(of([...loopback])), "");
    const six = (address: string) => nodeNetwork(of([address, "ffff:ffff:ffff:ffff::"]));
    assert.equal(six("2001:db8:1:2:aaaa:bbbb:cccc:dddd"), "2001:db8:1:2::");
    assert.equal(six("2001:db8::9"), "2001:db8::");
  });

  it("is seen to change, and not before it does", async () => {
    let now = of([...loopback], [...wifi]);
    let looks = 0;
    const look = () => {
      looks++;
      return now;
    };
    let changes = 0;
    const waited = async (upTo: number) => {
      while (looks < upTo) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    const stop = watchNodeNetwork(() => changes++, look, 1);
    await waited(5);
    assert.equal(changes, 0);
    now = of([...loopback]);
    await waited(looks + 2);
    assert.equal(changes, 1);
    now = of([...loopback], [...wifi]);
    await waited(looks + 2);
    assert.equal(changes, 2);
    stop();
    const before = looks;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(looks, before);
  });
});
