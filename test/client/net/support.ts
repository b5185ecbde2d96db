/** What the tests of client/net share: a link to a fake relay, and requests to send over it. */

import type { BackoffPolicy } from "../../../client/net/backoff.ts";
import type { TransportKind } from "../../../client/net/connection.ts";
import type { ConnectionTimings } from "../../../client/net/connection-context.ts";
import { RelayPool } from "../../../client/net/relay-pool.ts";
import type { Relay, RequestBody } from "../../../client/net/requests.ts";
import {
  type SigningKeyPair,
  signingKeyPair,
  systemRandom,
} from "../../../shared/crypto/sodium.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeRelay } from "./fake-relay.ts";

export interface Setup {
  readonly relay: FakeRelay;
  readonly clock: FakeClock;
  readonly pool: RelayPool;
  readonly link: Relay;
  /** Announcements the link gave to be kept, oldest first. */
  readonly kept: Uint8Array[];
}

export interface SetupOptions {
  readonly relay?: FakeRelay;
  readonly announcement?: Uint8Array;
  readonly timings?: Partial<ConnectionTimings>;
  readonly backoff?: Partial<BackoffPolicy>;
  readonly maxBufferedBytes?: number;
  /** Undefined = what works; without it, WebSockets only. */
  readonly transportKind?: TransportKind | undefined;
}

export function setUp(options: SetupOptions = {}): Setup {
  const relay = options.relay ?? new FakeRelay();
  const clock = new FakeClock();
  const kept: Uint8Array[] = [];
  const { transportKind = "websocket", ...rest } = options;
  const environment = { ...rest, transportKind, transport: relay.transport, clock };
  const pool = new RelayPool(environment, {
    announcementOf: () => options.announcement,
    keepAnnouncement: (_address, announcement) => kept.push(announcement),
  });
  return { relay, clock, pool, link: pool.relay(relay.address), kept };
}

export function newKey(): SigningKeyPair {
  return signingKeyPair(systemRandom(32));
}

export function deposit(bytes = 1024): RequestBody<"deposit"> & { readonly type: "deposit" } {
  return {
    type: "deposit",
    depositId: systemRandom(24),
    urgent: false,
    expiryDay: 20_700,
    puzzleNonce: new Uint8Array(0),
    envelope: systemRandom(bytes),
  };
}

export function create(
  mailbox: SigningKeyPair,
): RequestBody<"mailbox.create"> & { readonly type: "mailbox.create" } {
  return { type: "mailbox.create", mailbox: mailbox.publicKey, kind: 0 };
}
