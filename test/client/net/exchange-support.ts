/** What the tests of exchanges share: a link over one of the two kinds to a relay in memory. */

import type { BackoffPolicy } from "../../../client/net/backoff.ts";
import type { TransportKind } from "../../../client/net/connection.ts";
import { RelayPool } from "../../../client/net/relay-pool.ts";
import type { Delivery, Relay, Subscription } from "../../../client/net/requests.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { SigningKeyPair } from "../../../shared/crypto/sodium.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeExchangeRelay } from "./fake-exchange-relay.ts";
import { newKey } from "./support.ts";

export interface ExchangeSetup {
  readonly relay: FakeExchangeRelay;
  readonly clock: FakeClock;
  readonly link: Relay;
  /** Codes of the errors the link was in, in order. */
  readonly faults: string[];
}

export interface ExchangeSetupOptions {
  readonly kind?: TransportKind;
  readonly backoff?: Partial<BackoffPolicy>;
  readonly announcement?: (relay: FakeExchangeRelay) => Uint8Array;
}

export function setUpExchange(options: ExchangeSetupOptions = {}): ExchangeSetup {
  const clock = new FakeClock();
  const relay = new FakeExchangeRelay(clock);
  const { kind = "exchange", announcement } = options;
  const pool = new RelayPool(
    { transport: relay.transport, clock, transportKind: kind, backoff: options.backoff ?? {} },
    { announcementOf: () => announcement?.(relay), keepAnnouncement: () => {} },
  );
  const link = pool.relay(relay.address);
  const faults: string[] = [];
  link.onState(({ error }) => {
    if (error !== null && faults.at(-1) !== error.code) faults.push(error.code);
  });
  return { relay, clock, link, faults };
}

export interface Subscribed {
  readonly mailbox: SigningKeyPair;
  readonly subscription: Subscription;
  readonly delivered: Delivery[];
  readonly ended: TumarError[];
  readonly counts: { subscribed: number; drained: number };
}

/** Acknowledges what comes, at once, unless told otherwise. */
export function subscribe(link: Relay, acknowledges = true): Subscribed {
  const mailbox = newKey();
  const delivered: Delivery[] = [];
  const ended: TumarError[] = [];
  const counts = { subscribed: 0, drained: 0 };
  const subscription = link.owner.subscribe(mailbox, {
    onDeliver: (delivery) => {
      delivered.push(delivery);
      if (acknowledges) subscription.acknowledge([delivery.envelopeId]).catch(() => {});
    },
    onSubscribed: () => counts.subscribed++,
    onDrained: () => counts.drained++,
    onEnded: (error) => ended.push(error),
  });
  return { mailbox, subscription, delivered, ended, counts };
}

export const codeOf = (error: unknown): string =>
  error instanceof TumarError ? error.code : String(error);
