/**
 * Every size and number the relay protocol fixes or limits, with the reason for each.
 *
 * Sizes that both sides must agree on are constants; what a relay may set for itself is a default
 * (`DEFAULT_…`) that its configuration overrides and `hello` announces.
 */

/** Changed only when frames or the channel become incompatible. */
export const PROTOCOL_VERSION = 1;

export const MAILBOX_BYTES = 32;
export const DEPOSIT_ID_BYTES = 24;
export const DEPOSIT_HASH_BYTES = 32;
export const GRANT_TAG_BYTES = 16;
export const ENVELOPE_ID_BYTES = 24;
export const RECORD_ID_BYTES = 24;
export const EPOCH_BYTES = 16;
export const RELAY_HASH_BYTES = 16;
export const TAKE_TOKEN_BYTES = 16;
export const PUZZLE_SEED_BYTES = 16;
export const PUZZLE_NONCE_BYTES = 8;
export const UPLOAD_ID_BYTES = 24;
export const BLOB_ID_BYTES = 24;

/** A line of text, a first flight, and the longest text (session-protocol, "Envelope and content"). */
export const ENVELOPE_BUCKETS: readonly number[] = [1024, 4096, 16384];

/**
 * The longest message that carries anything but slices of blobs, the answer to an exchange that asks
 * for more apart: the largest envelope with 512 bytes beside it.
 */
export const MAX_ORDINARY_MESSAGE_BYTES = 16896;
/**
 * Three of the former: a third of the round trips where much is to be carried, and still within the
 * 64 KiB that buffering proxies pass on.
 */
export const MAX_CHANNEL_MESSAGE_BYTES = 50688;
/**
 * Bytes of a whole channel message, kind byte included: one small request or answer, each envelope
 * bucket with 512 bytes beside it for the handshake, its deposit frame and a few more, and the
 * largest.
 */
export const CHANNEL_BUCKETS: readonly number[] = [
  512,
  1536,
  4608,
  MAX_ORDINARY_MESSAGE_BYTES,
  MAX_CHANNEL_MESSAGE_BYTES,
];

/** The longest answer of `POST /v1/exchange`, for a subscription or a slice that asks for it. */
export const MAX_EXCHANGE_ANSWER_BYTES: number = MAX_CHANNEL_MESSAGE_BYTES;
/**
 * The longest answer of `POST /v1/thrifty`: networks that freeze a connection after some 15 KB from
 * the server count TLS (up to 9 KB with certificates) and HTTP headers too.
 */
export const MAX_THRIFTY_ANSWER_BYTES = 4608;

/** Long-poll: under the 30 s after which common proxies give up on a silent answer. */
export const MAX_WAIT_SECONDS = 25;

/** Envelopes in flight to one subscriber: 64 of 1 KiB fill a 64 KiB socket buffer. */
export const DEFAULT_WINDOW = 64;
export const MAX_ACKNOWLEDGED = 64;

/** Slices let a 16 KiB envelope travel in 512-byte messages. */
export const MAX_SLICE_BYTES = 16384;

/**
 * What the largest message 1 holds with its epoch beside the longest head of a `blob.append`: 50621
 * and 72 bytes.
 */
export const MAX_BLOB_SLICE_BYTES = 50549;

/** Devices of one identity that may write one record: a family's phones or a duty roster. */
export const MAX_RECORD_WRITERS = 32;
/** One writer's part: certificate, locator and keys take about 2.1 KB; the rest is room for statements. */
export const MAX_RECORD_PART_BYTES = 16384;
/** A record as `record` slices carry it: 32 parts and 64 bytes of head each. */
export const MAX_RECORD_BYTES: number = MAX_RECORD_WRITERS * (MAX_RECORD_PART_BYTES + 64);

/** X-Wing 1216, X25519 32, signature 64, seal 40 and its head come to 1.4 KB. */
export const MAX_SEALED_PAIR_BYTES = 1536;
/** Ten sealed pairs fill the largest channel message. */
export const MAX_PAIRS_PER_FRAME = 10;
/** First contacts a device can have at one relay before it is online again. */
export const DEFAULT_ONE_TIME_PAIRS = 30;

/** Leaves of one receipt tree: a path is at most seven hashes. */
export const MAX_RECEIPT_PATH = 7;
export const MAX_RECEIPT_LEAVES: number = 2 ** MAX_RECEIPT_PATH;

export const MAX_ERROR_TEXT_BYTES = 128;
/** An epoch, or a puzzle's seed and bits. */
export const MAX_ERROR_DATA_BYTES = 64;

/** Half a minute of a phone: more is no little work, and not done. */
export const MAX_PUZZLE_BITS = 22;
/** About 2 s on the slowest supported phone. */
export const DEFAULT_PUZZLE_BITS = 17;

/** Hours a channel key serves, and how often a new one is made. */
export const CHANNEL_KEY_LIFE_HOURS = 48;
export const CHANNEL_KEY_PERIOD_HOURS = 24;
/** Hours after which the epoch changes; the previous one is accepted too. */
export const EPOCH_PERIOD_HOURS = 1;

/** A month of being away, in prison or without a network. */
export const DEFAULT_MAILBOX_LIFE_DAYS = 30;
/** Longer than a mailbox: it is read only after somebody recovers. */
export const DEFAULT_LETTERBOX_LIFE_DAYS = 45;
/** Two years from the last write. */
export const DEFAULT_RECORD_LIFE_DAYS = 730;

export const DEFAULT_MAILBOX_ENVELOPES = 2000;
/** 2,000 envelopes of 1 KiB and a few hundred large ones. */
export const DEFAULT_MAILBOX_QUOTA_BYTES: number = 16 * 1024 * 1024;
/** Share of both quotas that only grants which may be urgent can use: a flood leaves room for an alert. */
export const DEFAULT_URGENT_RESERVE = 0.1;
/** A card is public: whoever holds it can write, so each card grant has its own daily limit. */
export const DEFAULT_CARD_GRANT_PER_DAY = 50;
/** Contacts' devices and spares of one mailbox. */
export const DEFAULT_MAILBOX_GRANTS = 4096;
/** `prekeys.take` answers from one record in a day: a stranger cannot drain the pairs in an hour. */
export const DEFAULT_TAKES_PER_DAY = 100;

export const DEFAULT_FRAMES_PER_SECOND = 200;
/** A door or a carrier's NAT shares one address among many. */
export const DEFAULT_CONNECTIONS_PER_ADDRESS = 64;
export const DEFAULT_MAILBOXES_PER_CONNECTION = 64;
/** A fast line's whole upload: what one connection may cost in decryption, a fifth of a core at most. */
export const DEFAULT_BYTES_PER_SECOND: number = 32 * 1024 * 1024;
