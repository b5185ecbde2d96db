/**
 * The same two devices on `@signalapp/libsignal-client` (a prebuilt native library, AGPL, measured
 * beside us and never linked). Its session store keeps bytes: the record is parsed before every
 * operation and serialised after it, as in tumar-pair.mjs. Identities and prekeys stay objects.
 */

import * as signal from "@signalapp/libsignal-client";
import { PLAINTEXT } from "./tumar-pair.mjs";

class Sessions extends signal.SessionStore {
  records = new Map();

  async saveSession(name, record) {
    this.records.set(name.toString(), record.serialize());
  }

  async getSession(name) {
    const bytes = this.records.get(name.toString());
    return bytes === undefined ? null : signal.SessionRecord.deserialize(bytes);
  }

  async getExistingSessions(addresses) {
    return Promise.all(addresses.map((address) => this.getSession(address)));
  }
}

class Identities extends signal.IdentityKeyStore {
  own = signal.IdentityKeyPair.generate();
  known = new Map();

  async getIdentityKey() {
    return this.own.privateKey;
  }

  async getIdentityKeyPair() {
    return this.own;
  }

  async getLocalRegistrationId() {
    return 1;
  }

  async saveIdentity(name, key) {
    this.known.set(name.toString(), key);
    return signal.IdentityChange.NewOrUnchanged;
  }

  async isTrustedIdentity() {
    return true;
  }

  async getIdentity(name) {
    return this.known.get(name.toString()) ?? null;
  }
}

class Prekeys extends signal.PreKeyStore {
  record;

  async getPreKey() {
    return this.record;
  }

  async savePreKey(_id, record) {
    this.record = record;
  }

  async removePreKey() {
    this.record = undefined;
  }
}

class SignedPrekeys extends signal.SignedPreKeyStore {
  record;

  async getSignedPreKey() {
    return this.record;
  }

  async saveSignedPreKey(_id, record) {
    this.record = record;
  }
}

class KemPrekeys extends signal.KyberPreKeyStore {
  record;

  async getKyberPreKey() {
    return this.record;
  }

  async saveKyberPreKey(_id, record) {
    this.record = record;
  }

  async markKyberPreKeyUsed() {
    return undefined;
  }
}

function device(name) {
  return {
    address: signal.ProtocolAddress.new(name, 1),
    sessions: new Sessions(),
    identities: new Identities(),
    prekeys: new Prekeys(),
    signedPrekeys: new SignedPrekeys(),
    kemPrekeys: new KemPrekeys(),
  };
}

async function generateBundle(owner) {
  const { privateKey, publicKey } = owner.identities.own;
  const oneTime = signal.PrivateKey.generate();
  const signed = signal.PrivateKey.generate();
  const kem = signal.KEMKeyPair.generate();
  const signedKey = signed.getPublicKey();
  const signature = privateKey.sign(signedKey.serialize());
  const kemSignature = privateKey.sign(kem.getPublicKey().serialize());
  const { PreKeyRecord, SignedPreKeyRecord, KyberPreKeyRecord } = signal;
  const oneTimeKey = oneTime.getPublicKey();
  await owner.prekeys.savePreKey(1, PreKeyRecord.new(1, oneTimeKey, oneTime));
  await owner.signedPrekeys.saveSignedPreKey(
    2,
    SignedPreKeyRecord.new(2, 1, signedKey, signed, signature),
  );
  await owner.kemPrekeys.saveKyberPreKey(3, KyberPreKeyRecord.new(3, 1, kem, kemSignature));
  return signal.PreKeyBundle.new(
    1,
    1,
    1,
    oneTimeKey,
    2,
    signedKey,
    signature,
    publicKey,
    3,
    kem.getPublicKey(),
    kemSignature,
  );
}

function encrypt(from, to) {
  const { sessions, identities } = from;
  return signal.signalEncrypt(PLAINTEXT, to.address, from.address, sessions, identities);
}

async function decrypt(to, from, bytes) {
  const message = signal.SignalMessage.deserialize(bytes);
  const { sessions, identities } = to;
  check(await signal.signalDecrypt(message, from.address, to.address, sessions, identities));
}

async function decryptFirst(to, from, bytes) {
  const plaintext = await signal.signalDecryptPreKey(
    signal.PreKeySignalMessage.deserialize(bytes),
    from.address,
    to.address,
    to.sessions,
    to.identities,
    to.prekeys,
    to.signedPrekeys,
    to.kemPrekeys,
  );
  check(plaintext);
}

function check(plaintext) {
  if (plaintext.length !== PLAINTEXT.length) throw new Error("not what was sent");
}

class SignalPair {
  constructor(sides) {
    this.sides = sides;
    this.turn = 1;
  }

  async message(from) {
    const sender = this.sides[from];
    const reader = this.sides[1 - from];
    const sealed = await encrypt(sender, reader);
    await decrypt(reader, sender, sealed.serialize());
  }

  async oneWay() {
    await this.message(0);
  }

  async pingPong() {
    await this.message(this.turn);
    this.turn = 1 - this.turn;
  }

  stateBytes() {
    return this.sides.map(({ sessions }) => [...sessions.records.values()][0].length);
  }
}

function phasesBetween(a, b) {
  return {
    bundle: async (run) => {
      run.bundle = await generateBundle(b);
      a.sessions.records.clear();
      b.sessions.records.clear();
    },
    initiator: async (run) => {
      const { sessions, identities } = a;
      await signal.processPreKeyBundle(run.bundle, b.address, a.address, sessions, identities);
      run.first = (await encrypt(a, b)).serialize();
    },
    responder: (run) => decryptFirst(b, a, run.first),
  };
}

/** As `tumarContender`; the devices of the set-ups are others than those of the pair. */
export async function signalContender() {
  const sides = [device("aigul"), device("bek")];
  const run = {};
  for (const phase of Object.values(phasesBetween(...sides))) await phase(run);
  const phases = phasesBetween(device("carim"), device("dana"));
  return { phases, pair: new SignalPair(sides) };
}
