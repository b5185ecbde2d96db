/**
 * A whole conversation from seeded randomness: what test/vectors/session.json freezes. Holds every
 * secret a second implementation needs to decode it from nothing but docs/CRYPTOGRAPHY.md.
 */

import { type Random, toHex } from "../../shared/crypto/bytes.ts";
import {
  type Content,
  encodeContent,
  type MessageBody,
  parseMessageId,
} from "../../shared/e2ee/content.ts";
import { type DevicePeer, newPeer } from "../../shared/e2ee/device-peer.ts";
import { envelopeId, wrapFrame } from "../../shared/e2ee/envelope.ts";
import { decodeFirstFlight, headHash } from "../../shared/e2ee/first-flight.ts";
import { type GrantPlace, parseDepositId, parseWrapKey } from "../../shared/e2ee/grant.ts";
import { partyOf } from "../../shared/e2ee/handshake.ts";
import { openIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import { parseRelayHash } from "../../shared/e2ee/relay-address.ts";
import { receiveFrom } from "../../shared/e2ee/session-receive.ts";
import { activeSession, sendTo, startSession } from "../../shared/e2ee/sessions.ts";
import { generateStatusPlace } from "../../shared/e2ee/status-record.ts";
import { seededRandom } from "./seeded-random.ts";
import { bundleOf, secretsOf, TEST_HOUR, type TestDevice, testDevice } from "./two-devices.ts";

interface Side {
  readonly device: TestDevice;
  peer: DevicePeer;
  seq: number;
}

interface Step {
  readonly from: "initiator" | "responder";
  readonly body: MessageBody;
  readonly minute: number;
}

const NOW = TEST_HOUR * 60;
const DAY = 24 * 60;

/** Remembers what it gave, in order. */
function recording(random: Random): { readonly draw: Random; readonly taken: () => string[] } {
  let draws: string[] = [];
  return {
    draw: (length) => {
      const bytes = random(length);
      draws.push(toHex(bytes));
      return bytes;
    },
    taken: () => {
      const all = draws;
      draws = [];
      return all;
    },
  };
}

function place(random: Random): GrantPlace {
  return {
    relay: { scheme: "https", host: "relay.example", hash: parseRelayHash(random(16)) },
    depositId: parseDepositId(random(24)),
    wrapKey: parseWrapKey(random(32)),
    mayBeUrgent: true,
  };
}

function script(random: Random): readonly Step[] {
  const { relay } = place(random);
  const status = { kind: "status", places: [generateStatusPlace(relay, random)] } as const;
  return [
    { from: "initiator", minute: NOW, body: { kind: "text", text: "Мен аэропорттамын." } },
    { from: "initiator", minute: NOW + 1, body: { kind: "grant", places: [place(random)] } },
    {
      from: "responder",
      minute: NOW + 2,
      body: { kind: "read", messageIds: [parseMessageId(random(16))] },
    },
    { from: "responder", minute: NOW + 3, body: status },
    {
      from: "initiator",
      minute: NOW + DAY + 60,
      body: { kind: "statements", statements: [random(40), random(9)] },
    },
    {
      from: "responder",
      minute: NOW + DAY + 120,
      body: { kind: "reset", commitments: [random(32)] },
    },
    {
      from: "responder",
      minute: NOW + DAY + 121,
      body: { kind: "unsupported", number: 200, bytes: random(5) },
    },
    { from: "initiator", minute: NOW + DAY + 180, body: { kind: "text", text: "x".repeat(3000) } },
    {
      from: "responder",
      minute: NOW + DAY + 181,
      body: { kind: "alert", text: "قزىم، مېنى ئېلىپ كېتىۋاتىدۇ" },
    },
  ];
}

export function sessionTranscript(withPair: boolean): object {
  const random = seededRandom(`session transcript ${withPair ? "with" : "without"} a pair`);
  const [initiator, responder] = [side(testDevice(random)), side(testDevice(random))];
  const wrapKey = parseWrapKey(random(32));
  const { draw, taken } = recording(random);
  const start = {
    block: initiator.device.identityBlock,
    bundle: bundleOf(responder.device, withPair),
  };
  const empty = newPeer(partyOf(responder.device));
  initiator.peer = startSession(empty, initiator.device, start.bundle, start.block, draw, NOW);
  const session = activeSession(initiator.peer, NOW);
  if (session === undefined) throw new Error("no session");
  const handshake = {
    draws: taken(),
    identityBlock: toHex(start.block),
    prefix: toHex(session.prefix),
    headHash: toHex(headHash(session.prefix.subarray(0, 1166))),
    transcriptHash: toHex(session.ratchet.transcript),
    sessionId: toHex(session.id),
    sk: toHex(session.ratchet.rootKey),
    hka: toHex(session.ratchet.nextSendHeaderKey),
    nhkb: toHex(session.ratchet.nextReceiveHeaderKey),
  };
  const messages = script(random).map((step, i) => {
    const [from, to] = step.from === "initiator" ? [initiator, responder] : [responder, initiator];
    const content = encodeContent(contentOf(from, step, random));
    const sent = sendTo(from.peer, content, draw, step.minute);
    from.peer = sent.peer;
    const frameDraws = taken();
    const envelope = wrapFrame(wrapKey, sent.frame, draw);
    to.peer = receive(to, from, sent.frame, step.minute, withPair);
    return {
      from: step.from,
      kind: step.body.kind,
      minute: step.minute,
      draws: frameDraws,
      content: toHex(content),
      commitment: toHex(commitmentIn(sent.frame)),
      bucket: sent.bucket,
      envelopeNonce: taken()[0],
      envelopeId: toHex(envelopeId(envelope)),
      ...(i < 4 ? { envelope: toHex(envelope) } : { frame: toHex(sent.frame) }),
    };
  });
  return {
    withPair,
    initiator: secretsHex(initiator.device),
    responder: secretsHex(responder.device),
    wrapKey: toHex(wrapKey),
    handshake,
    messages,
    rootKeyAtTheEnd: toHex(
      activeSession(responder.peer, NOW)?.ratchet.rootKey ?? new Uint8Array(0),
    ),
  };
}

function side(device: TestDevice): Side {
  return { device, peer: newPeer(partyOf(device)), seq: 0 };
}

function contentOf(from: Side, step: Step, random: Random): Content {
  from.seq++;
  return {
    messageId: parseMessageId(random(16)),
    deviceId: from.device.device.id,
    seq: from.seq,
    hour: Math.floor(step.minute / 60),
    senderSet: random(16),
    readerSet: random(16),
    body: step.body,
  };
}

function receive(to: Side, from: Side, frame: Uint8Array, minute: number, withPair: boolean) {
  const known = to.peer.sessions.length > 0 ? [to.peer] : [];
  const own = to.device;
  const receiver = {
    own,
    candidates: known,
    peerOf: () => newPeer(partyOf(from.device)),
    prekeysOf: () => secretsOf(own, withPair),
    openIdentity: openIdentityBlock,
  };
  return receiveFrom(receiver, frame, minute).peer;
}

function commitmentIn(frame: Uint8Array): Uint8Array {
  const inner = frame[0] === 2 ? decodeFirstFlight(frame).frame : frame;
  return inner.subarray(82, 114);
}

function secretsHex(device: TestDevice): object {
  return {
    root: toHex(device.root),
    deviceId: toHex(device.device.id),
    IKs: toHex(device.device.IKs.publicKey),
    IKd: toHex(device.device.IKd.publicKey),
    IKdSecret: toHex(device.device.IKd.secretKey),
    spk: { id: device.spk.id, secret: toHex(device.spk.pair.secretKey) },
    kpk: { id: device.kpk.id, seed: toHex(device.kpk.pair.secretKey) },
    pair: {
      id: device.oneTime.id,
      opkSecret: toHex(device.oneTime.opk.secretKey),
      kemSeed: toHex(device.oneTime.kem.secretKey),
    },
  };
}

/** The whole file, ready to be written or compared. */
export function sessionVectors(): string {
  const about =
    "Frozen conversations, hex. draws: random bytes in the order they were taken. See docs/CRYPTOGRAPHY.md 6 to 9.";
  const conversations = [true, false].map(sessionTranscript);
  return `${JSON.stringify({ about, conversations }, null, 1)}\n`;
}
