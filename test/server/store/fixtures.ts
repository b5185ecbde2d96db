/** Identifiers, operations and temporary stores that the tests of server/store share. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { DEFAULT_STORE_LIMITS, type StoreLimits } from "../../../server/store/limits.ts";
import { openSqliteStore, type SqliteStore } from "../../../server/store/sqlite/sqlite-engine.ts";
import type {
  Acknowledge,
  CreateMailbox,
  Deposit,
  Operation,
  PublishPrekeys,
  PutGrant,
  PutRecord,
  ResultOf,
  Store,
  TakePrekeys,
} from "../../../server/store/store.ts";
import { utf8 } from "../../../shared/crypto/bytes.ts";
import { blake2b } from "../../../shared/crypto/sodium.ts";

export const DAY = 20_000;
export const HOUR: number = DAY * 24 + 5;
export const KEY: Uint8Array = named("store key", 32);

/** Bytes that look random and come from a name. */
export function named(name: string, length: number): Uint8Array {
  return blake2b(Math.max(length, 16), utf8(name)).slice(0, length);
}

export function createMailbox(name = "m", more: Partial<CreateMailbox> = {}): CreateMailbox {
  return { type: "createMailbox", mailbox: named(name, 32), kind: "device", hour: HOUR, ...more };
}

export function putGrant(mailbox = "m", grant = "g", more: Partial<PutGrant> = {}): PutGrant {
  return {
    type: "putGrant",
    mailbox: named(mailbox, 32),
    depositHash: named(grant, 32),
    tag: named(`tag of ${grant}`, 16),
    perDay: 0,
    card: false,
    mayBeUrgent: false,
    ...more,
  };
}

export function envelopeOf(name: string, size = 1024): Uint8Array {
  const envelope = new Uint8Array(size);
  for (let at = 0; at < size; at += 64) {
    envelope.set(blake2b(64, utf8(`${name} ${at}`)).subarray(0, size - at), at);
  }
  return envelope;
}

export function deposit(grant: string, name: string, more: Partial<Deposit> = {}): Deposit {
  const envelope = more.envelope ?? envelopeOf(name);
  return {
    type: "deposit",
    depositHash: named(grant, 32),
    envelopeId: blake2b(24, envelope),
    envelope,
    urgent: false,
    isPuzzleOwed: false,
    expiryDay: DAY + 10,
    hour: HOUR,
    ...more,
  };
}

export function acknowledge(mailbox: string, ...names: readonly string[]): Acknowledge {
  return {
    type: "acknowledge",
    mailbox: named(mailbox, 32),
    envelopeIds: names.map((name) => blake2b(24, envelopeOf(name))),
  };
}

export function putRecord(
  writer: string,
  version: number,
  more: Partial<PutRecord> = {},
): PutRecord {
  return {
    type: "putRecord",
    recordId: named("record", 24),
    owner: named("owner", 32),
    writer: named(writer, 32),
    version,
    part: utf8(`part ${version} of ${writer}`),
    day: DAY,
    ...more,
  };
}

export function publish(
  writer: string,
  ids: readonly number[],
  more: Partial<PublishPrekeys> = {},
): PublishPrekeys {
  return {
    type: "publishPrekeys",
    recordId: named("record", 24),
    writer: named(writer, 32),
    pairs: ids.map((pairId) => ({
      pairId,
      notAfter: DAY + 30,
      sealed: envelopeOf(`pair ${pairId} of ${writer}`, 1400),
    })),
    day: DAY,
    ...more,
  };
}

export function take(token: string, day: number = DAY): TakePrekeys {
  return { type: "takePrekeys", recordId: named("record", 24), token: named(token, 16), day };
}

/** Commits one operation and returns its value; a refusal fails the test. */
export async function must<Op extends Operation>(
  store: Store,
  operation: Op,
): Promise<Extract<ResultOf<Op>, { ok: true }>["value"]> {
  const [result] = await store.commit([operation]);
  assert.ok(result?.ok, `${operation.type}: ${JSON.stringify(result)}`);
  return result.value as Extract<ResultOf<Op>, { ok: true }>["value"];
}

/** Commits one operation and returns "ok" or the code it is refused with. */
export async function answer(store: Store, operation: Operation): Promise<string> {
  const [result] = await store.commit([operation]);
  assert.ok(result);
  return result.ok ? "ok" : result.code;
}

export function temporaryDirectory(t: Pick<TestContext, "after">): string {
  const directory = mkdtempSync(join(tmpdir(), "tumar-store-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function openIn(
  directory: string,
  options: { limits?: StoreLimits; key?: Uint8Array; maxPages?: number; busyMs?: number } = {},
): SqliteStore {
  return openSqliteStore({
    file: join(directory, "relay.sqlite"),
    key: KEY,
    limits: DEFAULT_STORE_LIMITS,
    busyMs: 20,
    ...options,
  });
}
