/** The choice of transport on bad networks: the real relay behind the laboratory, over real sockets. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Relay } from "../../../client/net/requests.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { envelopeId } from "../../../shared/wire/ids.ts";
import { atEnd } from "../../support/cleanup.ts";
import { type Impairment, impair } from "../../support/impair/impair.ts";
import { PROFILES, type Profile, type ProfileName } from "../../support/impair/profiles.ts";
import { relayInProcess } from "../../support/relay.ts";
import { deposit, linkTo, type Mailbox, newMailbox, receive } from "./mailboxes.ts";

/** As the defaults, but nobody waits for them here. */
const QUICK = {
  choice: { unknownMs: 300 },
  timings: { doubtMs: 700 },
} as const;

interface Setup {
  readonly network: Impairment;
  /** Through the bad network. */
  readonly link: Relay;
  /** Beside it, to the same relay. */
  readonly outside: Relay;
  readonly mailbox: Mailbox;
}

/** The mailbox is made while the network is still good, unless asked otherwise. */
async function behind(test: TestContext, profile: ProfileName | Profile): Promise<Setup> {
  const relay = await relayInProcess(test);
  const network = await impair({ to: relay.address, profile, seed: 5 });
  atEnd(test, () => network.close());
  const outside = linkTo(test, relay.address);
  const mailbox = await newMailbox(outside);
  return { network, link: linkTo(test, network.address(relay.address), QUICK), outside, mailbox };
}

const envelopes = (count: number, bytes = 1024) =>
  Array.from({ length: count }, () => systemRandom(bytes));

async function both(setup: Setup, count: number): Promise<void> {
  const { link, outside, mailbox } = setup;
  const [mine, theirs] = [envelopes(count), envelopes(count)];
  for (const envelope of theirs) await deposit(outside, mailbox, envelope);
  const received = receive(link, mailbox, 2 * count);
  await Promise.all(mine.map((envelope) => deposit(link, mailbox, envelope)));
  assert.deepEqual(
    [...(await received).keys()].sort(),
    [...mine, ...theirs].map((envelope) => toHex(envelopeId(envelope))).sort(),
  );
}

describe("on a bad network, what works is found by itself", () => {
  it("where upgrades are refused: HTTP, at once", async (test) => {
    const setup = await behind(test, { ...PROFILES["ws-killed"], upgrades: "refuse" });
    await both(setup, 10);
    assert.equal(setup.link.state().transport, "exchange");
    assert.equal(setup.link.state().trying, "WebSocket blocked here, using HTTP");
  });

  it("where upgrades are kept and never answered: HTTP, tried beside it", async (test) => {
    const setup = await behind(test, { ...PROFILES["ws-killed"], upgrades: "keep" });
    await both(setup, 10);
    assert.equal(setup.link.state().transport, "exchange");
  });

  it("where a proxy passes on nothing before it has all of it: HTTP", async (test) => {
    const setup = await behind(test, "proxy-buffer");
    await both(setup, 10);
    assert.equal(setup.link.state().transport, "exchange");
  });

  it("where connections freeze after 16 KB: all comes, and few connections stall", async (test) => {
    const setup = await behind(test, "curtain16");
    await both(setup, 40);
    assert.equal(setup.link.state().transport, "thrifty");
    assert.match(setup.link.state().trying, /^Connections freeze here; sending in small pieces/);
    const { stalls, connections } = setup.network.stats();
    test.diagnostic(`${stalls} of ${connections} connections stalled`);
    assert.ok(stalls >= 1 && stalls <= 4, `${stalls} stalls`);
    // Not the first mailbox: its subscription lives and would take some of these.
    await both({ ...setup, mailbox: await newMailbox(setup.outside) }, 10);
    assert.equal(setup.network.stats().stalls, stalls, "none after it was found out");
  });

  it("behind a login page: waits, says so, and goes on once it is opened", async (test) => {
    const setup = await behind(test, "captive");
    const { link, network } = setup;
    const told = new Set<string>();
    const isTold = new Promise<void>((resolve) => {
      link.onState(({ trying }) => {
        told.add(trying);
        if (trying.startsWith("A login page")) resolve();
      });
    });
    const done = both(setup, 5);
    await isTold;
    network.setProfile("none");
    link.networkChanged();
    await done;
    assert.equal(link.state().isUp, true);
  });
});
