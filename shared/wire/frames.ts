/**
 * The frames a client and a relay exchange, as values. frame-table.ts says how each is laid out and
 * bounded and who may send it; frame-codec.ts turns them into bytes and back.
 *
 * Byte strings are plain Uint8Arrays of the length the table names. Hours and days are counted from
 * 1970-01-01T00:00Z. An empty byte string stands for "none" where the table allows it.
 */

/** Chosen by the client, 1 to 2^32 - 1; the answer repeats it. 0 only in an `error` about no frame. */
export type RequestId = number;

interface FrameOf<Type extends string> {
  readonly type: Type;
  readonly requestId: RequestId;
}

// --- client to relay ----------------------------------------------------------------------------

export interface Hello extends FrameOf<"hello"> {
  readonly version: number;
}

export interface Prove extends FrameOf<"prove"> {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export interface MailboxCreate extends FrameOf<"mailbox.create"> {
  readonly mailbox: Uint8Array;
  /** MAILBOX_KINDS */
  readonly kind: number;
}

export interface MailboxGrant extends FrameOf<"mailbox.grant"> {
  readonly mailbox: Uint8Array;
  readonly depositHash: Uint8Array;
  readonly tag: Uint8Array;
  readonly perDay: number;
  readonly card: boolean;
  readonly mayBeUrgent: boolean;
}

export interface MailboxRevoke extends FrameOf<"mailbox.revoke"> {
  readonly mailbox: Uint8Array;
  readonly depositHash: Uint8Array;
}

export interface MailboxDelete extends FrameOf<"mailbox.delete"> {
  readonly mailbox: Uint8Array;
}

export interface Subscribe extends FrameOf<"subscribe"> {
  readonly mailbox: Uint8Array;
  readonly credit: number;
  readonly answerBucket: number;
  readonly waitSeconds: number;
  readonly resumeEnvelopeId: Uint8Array;
  readonly resumeOffset: number;
}

export interface Acknowledge extends FrameOf<"acknowledge"> {
  readonly mailbox: Uint8Array;
  readonly envelopeIds: readonly Uint8Array[];
  readonly credit: number;
}

export interface Deposit extends FrameOf<"deposit"> {
  readonly depositId: Uint8Array;
  readonly urgent: boolean;
  readonly expiryDay: number;
  readonly puzzleNonce: Uint8Array;
  readonly envelope: Uint8Array;
}

export interface RecordGet extends FrameOf<"record.get"> {
  readonly recordId: Uint8Array;
  readonly offset: number;
}

export interface RecordPut extends FrameOf<"record.put"> {
  readonly recordId: Uint8Array;
  readonly owner: Uint8Array;
  readonly writer: Uint8Array;
  readonly version: number;
  readonly part: Uint8Array;
}

export interface RecordWriters extends FrameOf<"record.writers"> {
  readonly recordId: Uint8Array;
  readonly owner: Uint8Array;
  readonly version: number;
  readonly writers: readonly Uint8Array[];
}

export interface OneTimePair {
  readonly pairId: number;
  readonly notAfter: number;
  readonly sealed: Uint8Array;
}

export interface PrekeysPublish extends FrameOf<"prekeys.publish"> {
  readonly recordId: Uint8Array;
  readonly writer: Uint8Array;
  readonly pairs: readonly OneTimePair[];
}

export interface PrekeysTake extends FrameOf<"prekeys.take"> {
  readonly recordId: Uint8Array;
  readonly token: Uint8Array;
  readonly first: number;
}

/** Makes room for a blob; `claimedBytes` 0: its length is not known yet. */
export interface BlobCreate extends FrameOf<"blob.create"> {
  readonly depositId: Uint8Array;
  readonly uploadId: Uint8Array;
  readonly expiryDay: number;
  readonly claimedBytes: number;
  readonly puzzleNonce: Uint8Array;
}

export interface BlobAppend extends FrameOf<"blob.append"> {
  readonly depositId: Uint8Array;
  readonly uploadId: Uint8Array;
  readonly offset: number;
  readonly isLast: boolean;
  readonly bytes: Uint8Array;
}

export interface BlobHead extends FrameOf<"blob.head"> {
  readonly blobId: Uint8Array;
}

export interface BlobGet extends FrameOf<"blob.get"> {
  readonly blobId: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

// --- relay to client ----------------------------------------------------------------------------

export interface Lives {
  readonly mailboxDays: number;
  readonly letterboxDays: number;
  readonly recordDays: number;
}

export interface BlobTerms {
  readonly maxBlobBytes: number;
  readonly blobDays: number;
}

export interface HelloAnswer extends FrameOf<"hello.answer"> {
  readonly version: number;
  readonly epoch: Uint8Array;
  readonly hour: number;
  readonly lives: Lives;
  readonly window: number;
  readonly framesPerSecond: number;
  readonly envelopeBuckets: readonly number[];
  readonly puzzleSeed: Uint8Array;
  readonly puzzleBits: number;
  readonly blobs: BlobTerms;
}

export interface Ok extends FrameOf<"ok"> {}

export interface ErrorFrame extends FrameOf<"error"> {
  readonly number: number;
  readonly message: string;
  readonly data: Uint8Array;
}

export interface Deliver extends FrameOf<"deliver"> {
  readonly tag: Uint8Array;
  readonly hour: number;
  readonly envelopeId: Uint8Array;
  readonly offset: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}

export interface Empty extends FrameOf<"empty"> {}

export interface TakenOver extends FrameOf<"taken-over"> {}

export interface ReceiptFrame extends FrameOf<"receipt"> {
  readonly hour: number;
  readonly index: number;
  readonly path: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

export interface RecordFrame extends FrameOf<"record"> {
  readonly digest: Uint8Array;
  readonly hour: number;
  readonly offset: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}

export interface Left extends FrameOf<"left"> {
  readonly count: number;
}

export interface TakenPair {
  readonly writer: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface Pairs extends FrameOf<"pairs"> {
  readonly total: number;
  readonly pairs: readonly TakenPair[];
}

export interface BlobStateFrame extends FrameOf<"blob.state"> {
  readonly storedBytes: number;
  readonly isComplete: boolean;
  readonly quietSeconds: number;
}

export interface BlobSliceFrame extends FrameOf<"blob.slice"> {
  readonly offset: number;
  readonly storedBytes: number;
  readonly isComplete: boolean;
  readonly quietSeconds: number;
  readonly bytes: Uint8Array;
}

export type ClientFrame =
  | Hello
  | Prove
  | MailboxCreate
  | MailboxGrant
  | MailboxRevoke
  | MailboxDelete
  | Subscribe
  | Acknowledge
  | Deposit
  | RecordGet
  | RecordPut
  | RecordWriters
  | PrekeysPublish
  | PrekeysTake
  | BlobCreate
  | BlobAppend
  | BlobHead
  | BlobGet;

export type RelayFrame =
  | HelloAnswer
  | Ok
  | ErrorFrame
  | Deliver
  | Empty
  | TakenOver
  | ReceiptFrame
  | RecordFrame
  | Left
  | Pairs
  | BlobStateFrame
  | BlobSliceFrame;

export type Frame = ClientFrame | RelayFrame;
export type FrameType = Frame["type"];

/** Values of `mailbox.create` kind: which of the lives in `hello.answer` the mailbox has. */
export const MAILBOX_KINDS = { device: 0, letterbox: 1 } as const;
