/**
 * Two devices of ours, as the client uses the protocol: every operation parses the stored bytes of
 * the peer's state, makes its step and encodes the new state, which is what a vault commit holds.
 */

import {
  dhKeyPair,
  kemKeyPair,
  signingKeyPair,
  systemRandom,
} from "../../dist/shared/crypto/sodium.js";
import { devicePublicKeys, generateDevice } from "../../dist/shared/e2ee/device.js";
import { decodePeer, encodePeer, newPeer } from "../../dist/shared/e2ee/device-peer.js";
import { encodeIdentityBlock, openIdentityBlock } from "../../dist/shared/e2ee/identity-block.js";
import { pairPublicKey, signPrekey, verifyPrekeyBundle } from "../../dist/shared/e2ee/prekeys.js";
import { receiveFrom } from "../../dist/shared/e2ee/session-receive.js";
import { sendTo, startSession } from "../../dist/shared/e2ee/sessions.js";
import {
  signCertificate,
  verifyCertificate,
} from "../../dist/shared/e2ee/statements/certificate.js";

const MINUTE = 30_000_000;
const HOUR = MINUTE / 60;
const NOT_AFTER = HOUR + 30 * 24;
const RELAY = new Uint8Array(16).fill(7);

export const PLAINTEXT = systemRandom(1024);

function device() {
  const rootKeys = signingKeyPair(systemRandom(32));
  const keys = generateDevice(systemRandom);
  const fields = { role: "own", seq: 1, notAfter: HOUR + 43_800 };
  const certificate = verifyCertificate(
    signCertificate({ root: rootKeys }, keys, fields),
    rootKeys.publicKey,
  );
  return {
    root: rootKeys.publicKey,
    device: keys,
    certificate,
    identityBlock: encodeIdentityBlock(certificate, []),
  };
}

function signed(owner, role, id, keys, pk) {
  const context = { root: owner.root, deviceId: owner.device.id, relay: RELAY };
  const prekey = { id, notAfter: NOT_AFTER, ...keys };
  const signature = signPrekey(owner.device.IKs.secretKey, context, role, { ...prekey, pk });
  return { ...prekey, signature };
}

/** All three prekeys of a first flight, new: signed, last resort, one-time pair. */
function generatePrekeys(owner) {
  const spk = dhKeyPair(systemRandom(32));
  const kpk = kemKeyPair(systemRandom(32));
  const opk = dhKeyPair(systemRandom(32));
  const kem = kemKeyPair(systemRandom(32));
  const pair = { opk: opk.publicKey, kem: kem.publicKey };
  return {
    secrets: { spk, kem, opk },
    published: {
      spk: signed(owner, "signed", 1, { pk: spk.publicKey }, spk.publicKey),
      kpk: signed(owner, "lastResort", 2, { pk: kpk.publicKey }, kpk.publicKey),
      pair: signed(owner, "pair", 3, pair, pairPublicKey(pair)),
    },
  };
}

/** Checks what was served, begins a session, seals the first message. */
function begin(from, to, published) {
  const bundle = verifyPrekeyBundle(to.certificate, RELAY, published, HOUR);
  const party = { root: to.root, deviceId: to.device.id, ...devicePublicKeys(to.device) };
  const peer = startSession(newPeer(party), from, bundle, from.identityBlock, systemRandom, MINUTE);
  const sent = sendTo(peer, PLAINTEXT, systemRandom, MINUTE);
  return { state: encodePeer(sent.peer), frame: sent.frame };
}

function receiver(own, state, secrets) {
  const peer = state === undefined ? undefined : decodePeer(state);
  return {
    own,
    candidates: peer === undefined ? [] : [peer],
    peerOf: () => peer,
    prekeysOf: () => secrets,
    openIdentity: openIdentityBlock,
  };
}

/** @returns the new state's bytes */
function open(own, state, frame, secrets) {
  const received = receiveFrom(receiver(own, state, secrets), frame, MINUTE);
  if (received.plaintext.length !== PLAINTEXT.length) throw new Error("not what was sent");
  return encodePeer(received.peer);
}

function seal(state) {
  const sent = sendTo(decodePeer(state), PLAINTEXT, systemRandom, MINUTE);
  return { state: encodePeer(sent.peer), frame: sent.frame };
}

/** An established session; the responder answers first, which ends the first flight. */
class TumarPair {
  constructor(sides) {
    this.sides = sides;
    this.turn = 1;
  }

  message(from) {
    const sender = this.sides[from];
    const reader = this.sides[1 - from];
    const sealed = seal(sender.state);
    sender.state = sealed.state;
    reader.state = open(reader.own, reader.state, sealed.frame);
  }

  oneWay() {
    this.message(0);
  }

  pingPong() {
    this.message(this.turn);
    this.turn = 1 - this.turn;
  }

  /** Bytes of both sides' states. */
  stateBytes() {
    return this.sides.map(({ state }) => state.length);
  }
}

/** What the two devices are is made once and not timed; each phase is timed by itself. */
export async function tumarContender() {
  const a = device();
  const b = device();
  const phases = {
    bundle: (run) => Object.assign(run, generatePrekeys(b)),
    initiator: (run) => Object.assign(run, { first: begin(a, b, run.published) }),
    responder: (run) => {
      run.answer = open(b, undefined, run.first.frame, run.secrets);
    },
  };
  const run = {};
  for (const phase of Object.values(phases)) phase(run);
  const sides = [
    { own: a, state: run.first.state },
    { own: b, state: run.answer },
  ];
  return { phases, pair: new TumarPair(sides) };
}
