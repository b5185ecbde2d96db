/**
 * The one table of frames: number, sender, kind of channel, what the relay asks for first, fields
 * with bounds, answers and errors. The codec, the relay's checks, the CDDL and docs/PROTOCOL.md are
 * produced from it; the compiler checks it against frames.ts.
 */

import type { ErrorCode } from "../crypto/errors.ts";
import { SIGNATURE_BYTES, SIGNING_PUBLIC_KEY_BYTES } from "../crypto/sodium.ts";
import {
  bytes,
  bytesOneOf,
  bytesUpTo,
  choice,
  type FieldSpec,
  type FieldSpecs,
  flag,
  list,
  text,
  tuple,
  uint,
} from "./frame-fields.ts";
import type {
  BlobTerms,
  ClientFrame,
  Frame,
  FrameType,
  Lives,
  OneTimePair,
  RelayFrame,
  TakenPair,
} from "./frames.ts";
import {
  BLOB_ID_BYTES,
  CHANNEL_BUCKETS,
  DEPOSIT_HASH_BYTES,
  DEPOSIT_ID_BYTES,
  ENVELOPE_BUCKETS,
  ENVELOPE_ID_BYTES,
  EPOCH_BYTES,
  GRANT_TAG_BYTES,
  MAILBOX_BYTES,
  MAX_ACKNOWLEDGED,
  MAX_BLOB_SLICE_BYTES,
  MAX_ERROR_DATA_BYTES,
  MAX_ERROR_TEXT_BYTES,
  MAX_PAIRS_PER_FRAME,
  MAX_PUZZLE_BITS,
  MAX_RECEIPT_LEAVES,
  MAX_RECEIPT_PATH,
  MAX_RECORD_BYTES,
  MAX_RECORD_PART_BYTES,
  MAX_RECORD_WRITERS,
  MAX_SEALED_PAIR_BYTES,
  MAX_SLICE_BYTES,
  MAX_WAIT_SECONDS,
  PUZZLE_NONCE_BYTES,
  PUZZLE_SEED_BYTES,
  RECORD_ID_BYTES,
  TAKE_TOKEN_BYTES,
  UPLOAD_ID_BYTES,
} from "./limits.ts";

/** The first owner or sender frame fixes the kind of its channel; `both` frames do not. */
export type ChannelKind = "owner" | "sender";

type Body<F> = Omit<F, "type" | "requestId">;

interface Spec<F> {
  readonly number: number;
  readonly doc: string;
  readonly fields: FieldSpecs<Body<F>>;
}

export interface ClientFrameSpec<F> extends Spec<F> {
  readonly from: "client";
  readonly channel: ChannelKind | "both";
  /** True: refused in a message 1 that may be a replay (no current epoch). */
  readonly needsEpoch: boolean;
  /** The field holding the key that must have been proven in this channel. */
  readonly provenField?: Extract<keyof Body<F>, string>;
  readonly answers: readonly RelayFrame["type"][];
  /** Beside BAD_FRAME, WRONG_CHANNEL, RATE_LIMITED, CLOSING, STORAGE_FULL and INTERNAL, which any frame may get. */
  readonly errors: readonly ErrorCode[];
}

export interface RelayFrameSpec<F> extends Spec<F> {
  readonly from: "relay";
}

type ClientTable = {
  readonly [F in ClientFrame as F["type"]]: ClientFrameSpec<F>;
};
type RelayTable = {
  readonly [F in RelayFrame as F["type"]]: RelayFrameSpec<F>;
};

const U32 = 0xffff_ffff;
const SAFE = Number.MAX_SAFE_INTEGER;
const MAX_DAY = 65_535;

const signingKey = (doc: string) => bytes(SIGNING_PUBLIC_KEY_BYTES, doc);
const mailbox = bytes(MAILBOX_BYTES, "the mailbox's public key");
const recordId = bytes(RECORD_ID_BYTES, "the record's id");
const depositHash = bytes(DEPOSIT_HASH_BYTES, 'H("", "deposit", depositId, 32)');
const envelopeId = bytes(ENVELOPE_ID_BYTES, "BLAKE2b-192 of the envelope");
const hour = (doc: string) => uint(0, U32, doc);
const offset = (max: number, doc: string) => uint(0, max, doc);
const depositId = bytes(DEPOSIT_ID_BYTES, "secret of the grant");
const uploadId = bytes(UPLOAD_ID_BYTES, "secret of whoever writes the blob");
const blobId = bytes(BLOB_ID_BYTES, 'H("", "blob", uploadId, 24)');
const storedBytes = uint(0, SAFE, "bytes of the blob that are on disk");
const isComplete = flag("1 = this is all of it");
const quietSeconds = uint(0, U32, "since it grew last, at least");

export const CLIENT_FRAMES: ClientTable = {
  hello: {
    number: 1,
    from: "client",
    channel: "both",
    needsEpoch: false,
    doc: "Asks for the relay's version, epoch, hour, lives and limits.",
    fields: { version: uint(1, 255, "highest protocol version the client speaks") },
    answers: ["hello.answer"],
    errors: [],
  },
  prove: {
    number: 2,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    doc: "Proves one key to this channel; later frames of that key in this channel need nothing more. Frames of one message are taken in order, so a proof may ride in front of the frame that needs it.",
    fields: {
      publicKey: signingKey("the mailbox, writer or owner key; never a device key"),
      signature: bytes(
        SIGNATURE_BYTES,
        'Ed25519 over lp("tumar/v1/prove", relay identity key, h*)',
      ),
    },
    answers: ["ok"],
    errors: ["RETRY", "BAD_PROOF", "LIMIT_REACHED"],
  },
  "mailbox.create": {
    number: 3,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "mailbox",
    doc: "Makes a mailbox. Making one that exists with the same kind is answered `ok` and renews its life.",
    fields: { mailbox, kind: uint(0, 1, "0 device, 1 letterbox") },
    answers: ["ok"],
    errors: ["RETRY", "PROOF_REQUIRED", "NAME_TAKEN", "LIMIT_REACHED"],
  },
  "mailbox.grant": {
    number: 4,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "mailbox",
    doc: "Lets whoever knows the depositId behind the hash deposit into the mailbox. Granting a known hash of the same mailbox replaces its terms. One that was revoked within two epochs is refused: it would be a frame that was held back on its way.",
    fields: {
      mailbox,
      depositHash,
      tag: bytes(GRANT_TAG_BYTES, "handed back with each envelope of this grant"),
      perDay: uint(0, 65_535, "envelopes a day; 0 = no daily limit"),
      card: flag("1 = lies on a card: under pressure its deposits need a puzzle"),
      mayBeUrgent: flag("1 = may use the reserve kept for urgent deposits"),
    },
    answers: ["ok"],
    errors: ["RETRY", "PROOF_REQUIRED", "REFUSED", "NAME_TAKEN", "LIMIT_REACHED"],
  },
  "mailbox.revoke": {
    number: 5,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "mailbox",
    doc: "Ends a grant. What it deposited stays until acknowledged. Revoking an unknown hash is answered `ok`.",
    fields: { mailbox, depositHash },
    answers: ["ok"],
    errors: ["RETRY", "PROOF_REQUIRED", "REFUSED"],
  },
  "mailbox.delete": {
    number: 6,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "mailbox",
    doc: "Deletes the mailbox, its grants and all that waits in it. Deleting an unknown mailbox is answered `ok`.",
    fields: { mailbox },
    answers: ["ok"],
    errors: ["RETRY", "PROOF_REQUIRED"],
  },
  subscribe: {
    number: 7,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "mailbox",
    doc: "Hands out what waits, oldest first, all that is not acknowledged again. On a WebSocket: `ok`, then `deliver` frames with this request id until another subscription takes over; `empty` once, when all that waited at its beginning has been handed out. In an exchange: one answer as soon as something waits, `empty` when the wait ends with nothing; nothing is left behind. A newer subscription to the same mailbox ends the older with `taken-over`.",
    fields: {
      mailbox,
      credit: uint(1, 1024, "envelopes that may be in flight, at most the relay's window"),
      answerBucket: choice(
        [0, ...CHANNEL_BUCKETS],
        "in an exchange, size of the answer in bytes whatever it holds; 0 = the smallest that fits. On a WebSocket, the longest message the relay sends from then on",
      ),
      waitSeconds: uint(0, MAX_WAIT_SECONDS, "in an exchange, how long to wait for something"),
      resumeEnvelopeId: bytesOneOf(
        [0, ENVELOPE_ID_BYTES],
        "an envelope of which the client holds the beginning, or empty",
      ),
      resumeOffset: offset(MAX_SLICE_BYTES, "bytes held of that envelope"),
    },
    answers: ["ok", "deliver", "empty", "taken-over"],
    errors: ["RETRY", "PROOF_REQUIRED", "REFUSED", "LIMIT_REACHED"],
  },
  acknowledge: {
    number: 8,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "mailbox",
    doc: "Says that these envelopes are safely kept, so that the relay deletes them, and lends it more credit. Ids it does not hold are passed over.",
    fields: {
      mailbox,
      envelopeIds: list<Uint8Array>(envelopeId, 0, MAX_ACKNOWLEDGED, "what is safely kept"),
      credit: uint(0, 1024, "envelopes more that may be in flight"),
    },
    answers: ["ok"],
    errors: ["RETRY", "PROOF_REQUIRED", "REFUSED"],
  },
  deposit: {
    number: 9,
    from: "client",
    channel: "sender",
    needsEpoch: false,
    doc: "Puts one envelope into the mailbox of a grant. Idempotent on the envelope's id until its expiry day, also after it was acknowledged: a repetition gets a receipt and changes nothing. Answered after the commit is on disk.",
    fields: {
      depositId,
      urgent: flag("1 = may use the reserve, if the grant may be urgent"),
      expiryDay: uint(0, MAX_DAY, "first UTC day on which the envelope is gone"),
      puzzleNonce: bytesOneOf([0, PUZZLE_NONCE_BYTES], "solution of the puzzle, or empty"),
      envelope: bytesOneOf(ENVELOPE_BUCKETS, "opaque bytes of exactly one size bucket"),
    },
    answers: ["receipt"],
    errors: ["REFUSED", "MAILBOX_FULL", "QUOTA", "PUZZLE_REQUIRED", "EXPIRED"],
  },
  "record.get": {
    number: 10,
    from: "client",
    channel: "sender",
    needsEpoch: false,
    doc: "Reads a record from an offset of its encoding.",
    fields: {
      recordId,
      offset: offset(MAX_RECORD_BYTES, "bytes already held; 0 first"),
    },
    answers: ["record"],
    errors: ["REFUSED"],
  },
  "record.put": {
    number: 11,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "writer",
    doc: "Stores this writer's part, of a higher version than the one stored; the same version with the same bytes is answered `ok`. The first part makes the record and names its owner, a key that owns no other record here; afterwards only listed writers write.",
    fields: {
      recordId,
      owner: signingKey("the record's owner"),
      writer: signingKey("the writer of this part"),
      version: uint(1, SAFE, "higher than the stored one"),
      part: bytesUpTo(0, MAX_RECORD_PART_BYTES, "ciphertext; empty removes the part"),
    },
    answers: ["ok"],
    errors: ["RETRY", "PROOF_REQUIRED", "REFUSED", "STALE_VERSION", "NAME_TAKEN", "LIMIT_REACHED"],
  },
  "record.writers": {
    number: 12,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "owner",
    doc: "Sets who may write the record; parts and one-time pairs of others are deleted.",
    fields: {
      recordId,
      owner: signingKey("the record's owner"),
      version: uint(1, SAFE, "higher than that of the stored list"),
      writers: list<Uint8Array>(signingKey("a writer"), 0, MAX_RECORD_WRITERS, "all writers"),
    },
    answers: ["ok"],
    errors: ["RETRY", "PROOF_REQUIRED", "REFUSED", "STALE_VERSION"],
  },
  "prekeys.publish": {
    number: 13,
    from: "client",
    channel: "owner",
    needsEpoch: true,
    provenField: "writer",
    doc: "Adds one-time pairs to a record under its writer's key; a pair id already known is passed over. With no pairs it asks how many are left.",
    fields: {
      recordId,
      writer: signingKey("a writer of the record"),
      pairs: list<OneTimePair>(
        tuple<OneTimePair>(
          {
            pairId: uint(1, U32, "unique for this writer"),
            notAfter: hour("hour from which the pair is no longer handed out"),
            sealed: bytesUpTo(1, MAX_SEALED_PAIR_BYTES, "opaque to the relay"),
          },
          "a one-time pair",
        ),
        0,
        MAX_PAIRS_PER_FRAME,
        "new pairs",
      ),
    },
    answers: ["left"],
    errors: ["RETRY", "PROOF_REQUIRED", "REFUSED", "LIMIT_REACHED"],
  },
  "prekeys.take": {
    number: 14,
    from: "client",
    channel: "sender",
    needsEpoch: true,
    doc: "Takes one pair of each writer of a record, sorted by writer. Idempotent on the token for a day: `first` asks for the rest when one answer does not hold them all.",
    fields: {
      recordId,
      token: bytes(TAKE_TOKEN_BYTES, "random, one for each first contact"),
      first: uint(0, MAX_RECORD_WRITERS, "pairs already held"),
    },
    answers: ["pairs"],
    errors: ["RETRY", "REFUSED", "QUOTA"],
  },
  "blob.create": {
    number: 15,
    from: "client",
    channel: "sender",
    needsEpoch: false,
    doc: "Makes an empty blob, or tells the state of one that is there. What the relay could not take whole is refused before a byte of it is sent. The puzzle is over the blob id in place of an envelope's.",
    fields: {
      depositId,
      uploadId,
      expiryDay: uint(0, MAX_DAY, "first UTC day on which the blob is gone, if not sooner"),
      claimedBytes: uint(0, SAFE, "length of the whole blob; 0 = not known yet"),
      puzzleNonce: bytesOneOf([0, PUZZLE_NONCE_BYTES], "solution of the puzzle, or empty"),
    },
    answers: ["blob.state"],
    errors: ["REFUSED", "QUOTA", "BLOB_TOO_LARGE", "PUZZLE_REQUIRED", "EXPIRED"],
  },
  "blob.append": {
    number: 16,
    from: "client",
    channel: "sender",
    needsEpoch: false,
    doc: "Adds bytes at the end of a blob. Answered when they are on disk. Bytes further ahead than the end wait for those before them, up to 64 of them, 1 MiB and 5 s; a newer append for the same place ends the wait of the older one with `BLOB_SUPERSEDED`. To a complete blob nothing can be added.",
    fields: {
      depositId,
      uploadId,
      offset: offset(SAFE, "where the bytes belong: what the blob holds so far"),
      isLast: flag("1 = with these bytes the blob is complete"),
      bytes: bytesUpTo(0, MAX_BLOB_SLICE_BYTES, "ciphertext"),
    },
    answers: ["blob.state"],
    errors: [
      "REFUSED",
      "WRONG_OFFSET",
      "WRONG_LENGTH",
      "BLOB_TOO_LARGE",
      "QUOTA",
      "BLOB_SUPERSEDED",
    ],
  },
  "blob.head": {
    number: 17,
    from: "client",
    channel: "sender",
    needsEpoch: false,
    doc: "Asks how much of a blob is there.",
    fields: { blobId },
    answers: ["blob.state"],
    errors: ["REFUSED"],
  },
  "blob.get": {
    number: 18,
    from: "client",
    channel: "sender",
    needsEpoch: false,
    doc: "Reads a part of a blob: as many bytes as were asked for, are there, and fit the answer.",
    fields: {
      blobId,
      offset: offset(SAFE, "where the part begins"),
      length: uint(1, MAX_BLOB_SLICE_BYTES, "bytes wanted"),
    },
    answers: ["blob.slice"],
    errors: ["REFUSED"],
  },
};

export const RELAY_FRAMES: RelayTable = {
  "hello.answer": {
    number: 64,
    from: "relay",
    doc: "What this relay is and allows.",
    fields: {
      version: uint(1, 255, "the version both will speak"),
      epoch: bytes(EPOCH_BYTES, "for the next message 1"),
      hour: hour("the relay's clock"),
      lives: tuple<Lives>(
        {
          mailboxDays: uint(1, 3650, "device mailboxes"),
          letterboxDays: uint(1, 3650, "letterboxes"),
          recordDays: uint(1, 3650, "records, from the last write"),
        },
        "how long things live",
      ),
      window: uint(1, 1024, "most envelopes in flight to one subscriber"),
      framesPerSecond: uint(1, 1_000_000, "limit of one connection"),
      envelopeBuckets: list<number>(
        choice(ENVELOPE_BUCKETS, "bytes"),
        1,
        ENVELOPE_BUCKETS.length,
        "envelope sizes taken",
      ),
      puzzleSeed: bytesOneOf([0, PUZZLE_SEED_BYTES], "empty = no puzzle now"),
      puzzleBits: uint(0, MAX_PUZZLE_BITS, "leading zero bits; 0 = no puzzle now"),
      blobs: tuple<BlobTerms>(
        {
          maxBlobBytes: uint(0, SAFE, "longest blob taken"),
          blobDays: uint(0, 3650, "days a blob is kept at most"),
        },
        "what blobs are taken",
      ),
    },
  },
  ok: { number: 65, from: "relay", doc: "Done, and on disk.", fields: {} },
  error: {
    number: 66,
    from: "relay",
    doc: "Not done, and why. Request id 0: no request in particular.",
    fields: {
      number: uint(1, 65_535, "a number of docs/ERRORS.md"),
      message: text(MAX_ERROR_TEXT_BYTES, "for developers; names no id, key or address"),
      data: bytesUpTo(
        0,
        MAX_ERROR_DATA_BYTES,
        "RETRY: the epoch (16). PUZZLE_REQUIRED: seed (16) and bits (1). WRONG_OFFSET: where the next bytes belong (u64). Else empty",
      ),
    },
  },
  deliver: {
    number: 67,
    from: "relay",
    doc: "An envelope or a slice of it, in order, under the request id of its `subscribe`.",
    fields: {
      tag: bytes(GRANT_TAG_BYTES, "of the grant it came through"),
      hour: hour("when it was deposited"),
      envelopeId,
      offset: offset(MAX_SLICE_BYTES, "where the slice begins"),
      total: choice(ENVELOPE_BUCKETS, "bytes of the envelope"),
      bytes: bytesUpTo(1, MAX_SLICE_BYTES, "the slice"),
    },
  },
  empty: {
    number: 68,
    from: "relay",
    doc: "Nothing waits: the end of an exchange in which nothing came, or, on a WebSocket, all that waited when the subscription began has been handed out.",
    fields: {},
  },
  "taken-over": {
    number: 69,
    from: "relay",
    doc: "Another connection subscribed to the mailbox; this subscription has ended. Under its request id.",
    fields: {},
  },
  receipt: {
    number: 70,
    from: "relay",
    doc: "The envelope is committed to disk: the relay's signature over the root of its commit, and the path from this envelope to the root.",
    fields: {
      hour: hour("when it was deposited"),
      index: uint(0, MAX_RECEIPT_LEAVES - 1, "place of the leaf"),
      path: list<Uint8Array>(
        bytes(32, "the other half at one level, leaf first"),
        0,
        MAX_RECEIPT_PATH,
        "from leaf to root",
      ),
      signature: bytes(
        SIGNATURE_BYTES,
        'Ed25519 over lp("tumar/v1/receipt", relay identity key, root)',
      ),
    },
  },
  record: {
    number: 71,
    from: "relay",
    doc: "A slice of a record's encoding. A digest other than that of the first slice says that the record changed: read it again from 0.",
    fields: {
      digest: bytes(16, "BLAKE2b-128 of the whole encoding"),
      hour: hour("the relay's clock"),
      offset: offset(MAX_RECORD_BYTES, "where the slice begins"),
      total: uint(1, MAX_RECORD_BYTES, "bytes of the whole encoding"),
      bytes: bytesUpTo(0, MAX_SLICE_BYTES, "the slice"),
    },
  },
  left: {
    number: 72,
    from: "relay",
    doc: "Pairs of this writer that wait to be taken.",
    fields: { count: uint(0, U32, "pairs") },
  },
  pairs: {
    number: 73,
    from: "relay",
    doc: "Pairs from `first` on, as many as fit.",
    fields: {
      total: uint(0, MAX_RECORD_WRITERS, "pairs of this token"),
      pairs: list<TakenPair>(
        tuple<TakenPair>(
          {
            writer: signingKey("whose pair it is"),
            sealed: bytesUpTo(1, MAX_SEALED_PAIR_BYTES, "opaque to the relay"),
          },
          "a pair taken",
        ),
        0,
        MAX_PAIRS_PER_FRAME,
        "sorted by writer",
      ),
    },
  },
  "blob.state": {
    number: 74,
    from: "relay",
    doc: "How much of a blob is there.",
    fields: { storedBytes, isComplete, quietSeconds },
  },
  "blob.slice": {
    number: 75,
    from: "relay",
    doc: "A part of a blob, and how much of it is there. Empty when nothing is there from `offset` on.",
    fields: {
      offset: offset(SAFE, "where the part begins"),
      storedBytes,
      isComplete,
      quietSeconds,
      bytes: bytesUpTo(0, MAX_BLOB_SLICE_BYTES, "the part"),
    },
  },
};

/** A row as the codec and the documentation see it, whatever its frame. */
export interface FrameSpec {
  readonly type: FrameType;
  readonly number: number;
  readonly from: "client" | "relay";
  readonly doc: string;
  readonly fields: readonly (readonly [name: string, spec: FieldSpec])[];
}

function specOf(type: FrameType, spec: Spec<unknown> & Pick<FrameSpec, "from">): FrameSpec {
  const fields = Object.entries(spec.fields as Readonly<Record<string, FieldSpec>>);
  return { type, number: spec.number, from: spec.from, doc: spec.doc, fields };
}

export const FRAME_SPECS: readonly FrameSpec[] = [
  ...Object.entries(CLIENT_FRAMES),
  ...Object.entries(RELAY_FRAMES),
].map(([type, spec]) => specOf(type as FrameType, spec));

export const SPEC_BY_TYPE: ReadonlyMap<Frame["type"], FrameSpec> = new Map(
  FRAME_SPECS.map((spec) => [spec.type, spec]),
);

export const SPEC_BY_NUMBER: ReadonlyMap<number, FrameSpec> = new Map(
  FRAME_SPECS.map((spec) => [spec.number, spec]),
);
