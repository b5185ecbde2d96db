/**
 * A lane through the relay: a sender channel with deposits, an owner channel with a subscription
 * and acknowledgements, both sealed and padded as every client's. An envelope is done when its
 * acknowledgement was answered, which is after the relay deleted it on disk.
 */

import { once } from "node:events";
import WebSocket from "ws";
import { EMPTY } from "../../dist/shared/crypto/bytes.js";
import { signingKeyPair, systemRandom } from "../../dist/shared/crypto/sodium.js";
import { parseRelayAddress, relayOrigin } from "../../dist/shared/e2ee/relay-address.js";
import { verifyAnnouncement } from "../../dist/shared/wire/channel-key.js";
import { ClientChannel } from "../../dist/shared/wire/client-channel.js";
import { depositHash } from "../../dist/shared/wire/ids.js";
import { DEFAULT_WINDOW, MAX_ACKNOWLEDGED } from "../../dist/shared/wire/limits.js";
import { makeProof } from "../../dist/shared/wire/proof.js";
import { dueMsOf, EachTurn, newEnvelope } from "./lane.mjs";

const DAY_MS = 86_400_000;

class Link {
  onFrame = () => undefined;
  #socket;
  #channel;
  #announcement;
  #nextId = 1;
  #waiting = new Map();

  static async connect(address) {
    const relay = parseRelayAddress(address);
    const socket = new WebSocket(`${relayOrigin(relay).replace(/^http/, "ws")}/v1/ws`, {
      perMessageDeflate: false,
    });
    const [data] = await once(socket, "message");
    const link = new Link();
    link.#socket = socket;
    link.#announcement = verifyAnnouncement(Uint8Array.from(data.subarray(1)), relay.hash);
    link.#channel = ClientChannel.start(link.#announcement, systemRandom);
    socket.on("message", (message) => link.#onMessage(message));
    await link.request({ type: "hello", version: 1 });
    return link;
  }

  #onMessage(message) {
    for (const frame of this.#channel.open(message).frames) {
      if (frame.type === "error") throw new Error(`the relay refused: ${frame.number}`);
      const answer = this.#waiting.get(frame.requestId);
      if (answer !== undefined) {
        this.#waiting.delete(frame.requestId);
        answer(frame);
      } else this.onFrame(frame);
    }
  }

  /** For set-up: one frame, its answer. */
  request(frame) {
    const answer = new Promise((resolve) => {
      this.#waiting.set(this.#nextId, resolve);
    });
    this.send([frame]);
    return answer;
  }

  /** In as few messages as fit; the first request id. */
  send(frames) {
    const first = this.#nextId;
    const numbered = frames.map((frame) => ({ ...frame, requestId: this.#nextId++ }));
    for (const message of this.#channel.sealAll(numbered)) this.#socket.send(message);
    return first;
  }

  prove(key) {
    const { identity } = this.#announcement;
    return this.request(makeProof(0, key, identity, this.#channel.proofHash));
  }

  close() {
    this.#socket.terminate();
  }
}

async function openMailbox(owner) {
  const key = signingKeyPair(systemRandom(32));
  const mailbox = key.publicKey;
  const depositId = systemRandom(24);
  await owner.prove(key);
  await owner.request({ type: "mailbox.create", mailbox, kind: 0 });
  await owner.request({
    type: "mailbox.grant",
    mailbox,
    depositHash: depositHash(depositId),
    tag: systemRandom(16),
    perDay: 0,
    card: false,
    mayBeUrgent: false,
  });
  return { mailbox, depositId };
}

function subscribe(owner, mailbox) {
  return owner.request({
    type: "subscribe",
    mailbox,
    credit: DEFAULT_WINDOW,
    answerBucket: 0,
    waitSeconds: 0,
    resumeEnvelopeId: EMPTY,
    resumeOffset: 0,
  });
}

/** Acknowledges what `ids` lists; `onDone` when the answers come. */
class Acknowledger {
  #owner;
  #mailbox;
  #counts = new Map();
  onDone = () => undefined;

  constructor(owner, mailbox) {
    this.#owner = owner;
    this.#mailbox = mailbox;
  }

  send(ids) {
    for (let at = 0; at < ids.length; at += MAX_ACKNOWLEDGED) {
      const envelopeIds = ids.slice(at, at + MAX_ACKNOWLEDGED);
      const credit = envelopeIds.length;
      const frame = { type: "acknowledge", mailbox: this.#mailbox, envelopeIds, credit };
      this.#counts.set(this.#owner.send([frame]), credit);
    }
  }

  answered(requestId) {
    const count = this.#counts.get(requestId);
    if (count === undefined || !this.#counts.delete(requestId)) return;
    this.onDone(count);
  }
}

export async function tumarLane(address) {
  const owner = await Link.connect(address);
  const sender = await Link.connect(address);
  const { mailbox, depositId } = await openMailbox(owner);
  const acknowledger = new Acknowledger(owner, mailbox);
  const acknowledgements = new EachTurn((ids) => acknowledger.send(ids));
  const expiryDay = Math.floor(Date.now() / DAY_MS) + 10;
  const deposit = { type: "deposit", depositId, urgent: false, expiryDay, puzzleNonce: EMPTY };
  const deposits = new EachTurn((items) =>
    sender.send(items.map((envelope) => ({ ...deposit, envelope }))),
  );
  const lane = {
    onDelivered: () => undefined,
    onDone: () => undefined,
    send: (dueMs) => deposits.add(newEnvelope(dueMs)),
    close: () => {
      owner.close();
      sender.close();
    },
  };
  acknowledger.onDone = (count) => lane.onDone(count);
  owner.onFrame = (frame) => {
    if (frame.type === "ok") acknowledger.answered(frame.requestId);
    if (frame.type !== "deliver") return;
    lane.onDelivered(dueMsOf(frame.bytes));
    acknowledgements.add(frame.envelopeId);
  };
  await subscribe(owner, mailbox);
  return lane;
}
