/**
 * A client as small as the durability rules allow: all that is durable is one value, replaced in
 * one commit; frames go out after the commit and are acknowledged after the commit. A crash is a
 * value that was not stored, or a transmission that did not happen.
 */

import assert from "node:assert/strict";
import { equalBytes, type Random, toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  decodeContent,
  encodeContent,
  type MessageBody,
  type MessageId,
  parseMessageId,
} from "../../shared/e2ee/content.ts";
import { type DevicePeer, decodePeer, encodePeer, newPeer } from "../../shared/e2ee/device-peer.ts";
import { partyOf } from "../../shared/e2ee/handshake.ts";
import { openIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import {
  applyReset,
  beginReset,
  isResetDue,
  noteUnopened,
  sentThrough,
} from "../../shared/e2ee/reset.ts";
import { receiveFrom } from "../../shared/e2ee/session-receive.ts";
import {
  activeSession,
  closeSessions,
  sendTo,
  shouldRepeatHandshake,
  startSession,
} from "../../shared/e2ee/sessions.ts";
import { bundleOf, secretsOf, type TestDevice } from "./two-devices.ts";

/** One frame on its way, with what the test (not the network) knows about it. */
export interface Wire {
  readonly frame: Uint8Array;
  readonly message: string;
  readonly isReset: boolean;
}

interface Durable {
  readonly peer: Uint8Array;
  readonly texts: ReadonlyMap<string, Uint8Array>;
  readonly outbox: readonly Wire[];
  readonly pairUsed: boolean;
}

export type Crash = "none" | "before commit" | "after commit";

export class SessionClient {
  readonly #self: TestDevice;
  readonly #other: TestDevice;
  readonly #random: Random;
  #durable: Durable;
  #snapshot: Durable;
  #seq = 0;
  /** Everything this device has shown to its owner. */
  readonly shown: Set<string> = new Set();
  /** Written here, in order. */
  readonly written: string[] = [];
  /** Written after a copy that was restored: nobody here knows them any more. */
  readonly forgotten: Set<string> = new Set();
  resetsSent = 0;

  constructor(self: TestDevice, other: TestDevice, random: Random) {
    this.#self = self;
    this.#other = other;
    this.#random = random;
    const peer = encodePeer(newPeer(partyOf(other)));
    this.#durable = { peer, texts: new Map(), outbox: [], pairUsed: false };
    this.#snapshot = this.#durable;
  }

  get peer(): DevicePeer {
    return decodePeer(this.#durable.peer);
  }

  get stateBytes(): Uint8Array {
    return this.#durable.peer;
  }

  /** The frames not yet on the network; they leave in the order they were sealed. */
  flush(): readonly Wire[] {
    const { outbox } = this.#durable;
    this.#durable = { ...this.#durable, outbox: [] };
    return outbox;
  }

  write(minute: number, withPair: boolean, crash: Crash = "none"): void {
    const id = parseMessageId(this.#random(16));
    const content = this.#content(id, minute, { kind: "text", text: `message ${this.#seq}` });
    const sealed = this.#seal(this.#ready(this.peer, minute, withPair), id, content, minute, false);
    if (crash === "before commit") return;
    const texts = new Map(this.#durable.texts).set(toHex(id), content);
    this.#durable = { ...this.#durable, ...sealed, texts };
    this.written.push(toHex(id));
  }

  /** True when the frame may be acknowledged. */
  receive(wire: Wire, minute: number, crash: Crash = "none"): boolean {
    const before = this.#durable.peer;
    try {
      const next = this.#open(wire, minute);
      if (crash === "before commit") return false;
      this.#durable = next;
      return crash === "none";
    } catch (error) {
      assert.ok(error instanceof TumarError);
      assert.ok(equalBytes(this.#durable.peer, before));
      if (error.code === "ALREADY_OPENED") return true;
      assert.equal(error.code, "CANNOT_DECRYPT");
      this.#commitPeer(noteUnopened(this.peer, wire.frame));
      return true;
    }
  }

  /** A frame with changed bytes is refused, and the state's bytes stay. */
  refuse(frame: Uint8Array, minute: number): void {
    const before = this.#durable.peer;
    const peer = this.peer;
    assert.throws(
      () => this.#receiveFrom(peer, frame, minute),
      (error: unknown) =>
        error instanceof TumarError && ["CANNOT_DECRYPT", "ALREADY_OPENED"].includes(error.code),
    );
    assert.deepEqual(encodePeer(peer), before);
  }

  /** Asks again for what could not be opened, and follows up on first flights without an answer. */
  tend(minute: number): void {
    if (isResetDue(this.peer, minute)) this.#sendReset(minute);
    const active = activeSession(this.peer, minute);
    if (active === undefined || !shouldRepeatHandshake(active, minute, false)) return;
    const again = sentThrough(this.peer, active.id);
    this.#commitPeer(this.#start(this.peer, minute, false, true));
    this.#resend(again, minute);
  }

  archive(): void {
    this.#commitPeer(closeSessions(this.peer));
  }

  snapshot(): void {
    this.#snapshot = this.#durable;
  }

  /** The copy comes back; opening the vault notices, and nothing is sent from it. */
  restore(): void {
    this.#durable = this.#snapshot;
    this.archive();
    for (const id of this.written) if (!this.#durable.texts.has(id)) this.forgotten.add(id);
  }

  #open(wire: Wire, minute: number): Durable {
    const received = this.#receiveFrom(this.peer, wire.frame, minute);
    const content = decodeContent(received.plaintext);
    const pairUsed = this.#durable.pairUsed || received.usedPair !== 0;
    const durable = { ...this.#durable, peer: encodePeer(received.peer), pairUsed };
    if (content.body.kind === "text") {
      this.shown.add(toHex(content.messageId));
      return durable;
    }
    assert.equal(content.body.kind, "reset");
    const commitments = content.body.kind === "reset" ? content.body.commitments : [];
    const answer = applyReset(received.peer, commitments);
    return this.#sealAgain({ ...durable, peer: encodePeer(answer.peer) }, answer.resend, minute);
  }

  #receiveFrom(peer: DevicePeer, frame: Uint8Array, minute: number) {
    const self = this.#self;
    return receiveFrom(
      {
        own: self,
        candidates: [peer],
        peerOf: () => peer,
        prekeysOf: ({ pair }) =>
          pair !== 0 && this.#durable.pairUsed ? undefined : secretsOf(self, pair !== 0),
        openIdentity: openIdentityBlock,
      },
      frame,
      minute,
    );
  }

  #sendReset(minute: number): void {
    const { peer, commitments } = beginReset(this.peer, minute);
    const id = parseMessageId(this.#random(16));
    const content = this.#content(id, minute, { kind: "reset", commitments });
    const started = this.#start(peer, minute, false, false);
    this.#durable = { ...this.#durable, ...this.#seal(started, id, content, minute, true) };
    this.resetsSent++;
  }

  #resend(ids: readonly MessageId[], minute: number): void {
    this.#durable = this.#sealAgain(this.#durable, ids, minute);
  }

  #sealAgain(durable: Durable, ids: readonly MessageId[], minute: number): Durable {
    let next = durable;
    for (const id of ids) {
      const content = next.texts.get(toHex(id));
      if (content !== undefined) {
        const ready = this.#ready(decodePeer(next.peer), minute, false);
        const sealed = this.#seal(ready, id, content, minute, false, next.outbox);
        next = { ...next, ...sealed };
      }
    }
    return next;
  }

  #ready(peer: DevicePeer, minute: number, withPair: boolean): DevicePeer {
    if (activeSession(peer, minute) !== undefined) return peer;
    return this.#start(peer, minute, withPair, false);
  }

  #start(peer: DevicePeer, minute: number, withPair: boolean, repeat: boolean): DevicePeer {
    const bundle = bundleOf(this.#other, withPair);
    const block = this.#self.identityBlock;
    return startSession(peer, this.#self, bundle, block, this.#random, minute, repeat);
  }

  #seal(
    peer: DevicePeer,
    id: MessageId,
    content: Uint8Array,
    minute: number,
    isReset: boolean,
    outbox: readonly Wire[] = this.#durable.outbox,
  ): { readonly peer: Uint8Array; readonly outbox: readonly Wire[] } {
    const sent = sendTo(peer, content, this.#random, minute);
    const wire = { frame: sent.frame, message: toHex(id), isReset };
    return { peer: encodePeer(sent.peer), outbox: [...outbox, wire] };
  }

  #content(messageId: MessageId, minute: number, body: MessageBody): Uint8Array {
    this.#seq++;
    return encodeContent({
      messageId,
      deviceId: this.#self.device.id,
      seq: this.#seq,
      hour: Math.floor(minute / 60),
      senderSet: new Uint8Array(16),
      readerSet: new Uint8Array(16),
      body,
    });
  }

  #commitPeer(peer: DevicePeer): void {
    this.#durable = { ...this.#durable, peer: encodePeer(peer) };
  }
}
