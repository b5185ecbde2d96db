/**
 * The one table of the relay's settings: name in the environment, unit, default, bounds, meaning.
 *
 * config.ts reads the environment by it, and docs/OPERATIONS.md shows it; a test compares the two.
 * A setting of the command line (`flag`) wins over the environment. Numbers that other parts name
 * too (shared/wire/limits.ts, store/limits.ts) are equal there; a test compares them.
 */

export const SETTING_PREFIX = "TUMAR_RELAY_";

export interface NumberSetting {
  readonly kind: "number";
  readonly unit: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly doc: string;
  readonly flag?: string;
}

export interface TextSetting {
  readonly kind: "text";
  readonly unit: string;
  readonly default: string;
  /** Regular expression of a value; the default needs not match. */
  readonly pattern: string;
  /** Faults do not repeat what was given: it may hold a password. */
  readonly isSecret?: boolean;
  readonly doc: string;
  readonly flag?: string;
}

export type Setting = NumberSetting | TextSetting;

/** Names are those of the environment without the prefix. */
export const SETTINGS = {
  DATA: {
    kind: "text",
    unit: "path",
    default: "./data",
    pattern: "^[^-]",
    doc: "directory of keys and store",
    flag: "--data",
  },
  HOST: {
    kind: "text",
    unit: "address",
    default: "127.0.0.1",
    pattern: "^\\S+$",
    doc: "where the relay listens",
    flag: "--host",
  },
  PORT: {
    kind: "number",
    unit: "port",
    default: 8787,
    min: 0,
    max: 65_535,
    doc: "0 picks a free one",
    flag: "--port",
  },
  ADDRESS: {
    kind: "text",
    unit: "URL",
    default: "",
    pattern: "^https?://[^\\s/#?@]+$",
    doc: "what clients reach when a proxy stands in front, such as https://relay.example; empty: host and port",
    flag: "--address",
  },
  DOOR: {
    kind: "text",
    unit: "address",
    default: "",
    pattern: "^https?://[^\\s/#?@]+/?#k=[\\w-]+$",
    doc: "run a door: keep nothing, forward everything to the relay of this address",
    flag: "--door",
  },
  DOOR_PROXY: {
    kind: "text",
    unit: "URL",
    default: "",
    pattern: "^socks5h?://[^\\s/#?]+/?$",
    isSecret: true,
    doc: "SOCKS proxy through which a door reaches its relay, such as socks5://127.0.0.1:9050 for an onion",
  },
  METRICS_HOST: {
    kind: "text",
    unit: "address",
    default: "127.0.0.1",
    pattern: "^\\S+$",
    doc: "where /metrics listens",
  },
  METRICS_PORT: {
    kind: "number",
    unit: "port",
    default: 0,
    min: 0,
    max: 65_535,
    doc: "of /metrics; 0: not served",
    flag: "--metrics-port",
  },
  PROXY_HOPS: {
    kind: "number",
    unit: "proxies",
    default: 0,
    min: 0,
    max: 4,
    doc: "own proxies in front that add to X-Forwarded-For; 0: the header is ignored",
  },
  LOG_LEVEL: {
    kind: "text",
    unit: "level",
    default: "info",
    pattern: "^(?:debug|info|warn|error|silent)$",
    doc: "least level that is written",
  },

  MAILBOX_ENVELOPES: {
    kind: "number",
    unit: "envelopes",
    default: 2000,
    min: 10,
    max: 1_000_000,
    doc: "most that wait in one mailbox",
  },
  MAILBOX_BYTES: {
    kind: "number",
    unit: "bytes",
    default: 16_777_216,
    min: 65_536,
    max: 1_099_511_627_776,
    doc: "most that waits in one mailbox",
  },
  URGENT_RESERVE: {
    kind: "number",
    unit: "percent",
    default: 10,
    min: 0,
    max: 90,
    doc: "of both, kept for urgent deposits",
  },
  GRANTS: {
    kind: "number",
    unit: "grants",
    default: 2000,
    min: 8,
    max: 100_000,
    doc: "of one mailbox",
  },
  CARD_DEPOSITS: {
    kind: "number",
    unit: "envelopes a day",
    default: 50,
    min: 1,
    max: 65_535,
    doc: "through a card grant that names no number",
  },
  MAILBOX_DAYS: {
    kind: "number",
    unit: "days",
    default: 30,
    min: 1,
    max: 3650,
    doc: "life of a device mailbox without its owner, and of what waits in it",
  },
  LETTERBOX_DAYS: {
    kind: "number",
    unit: "days",
    default: 45,
    min: 1,
    max: 3650,
    doc: "the same of a letterbox",
  },
  RECORD_DAYS: {
    kind: "number",
    unit: "days",
    default: 730,
    min: 1,
    max: 3650,
    doc: "life of a record after a write",
  },
  RECORD_WRITERS: {
    kind: "number",
    unit: "keys",
    default: 8,
    min: 1,
    max: 32,
    doc: "that may write one record",
  },
  PREKEY_PAIRS: {
    kind: "number",
    unit: "pairs",
    default: 30,
    min: 1,
    max: 1000,
    doc: "that wait to be taken, per writer and record",
  },
  PREKEY_TAKES: {
    kind: "number",
    unit: "takes a day",
    default: 100,
    min: 1,
    max: 100_000,
    doc: "of one record, each with a new token",
  },
  BLOB_BYTES: {
    kind: "number",
    unit: "bytes",
    default: 21_474_836_480,
    min: 1_048_576,
    max: 900_000_000_000_000,
    doc: "of all blobs (clips, photos, voice) together; a disk that is full sooner refuses sooner",
  },
  BLOB_MAX_BYTES: {
    kind: "number",
    unit: "bytes",
    default: 2_147_483_648,
    min: 0,
    max: 900_000_000_000_000,
    doc: "of one blob; 0: none are taken",
  },
  BLOB_GRANT_BYTES: {
    kind: "number",
    unit: "bytes a day",
    default: 2_147_483_648,
    min: 65_536,
    max: 900_000_000_000_000,
    doc: "of blobs through one contact's grant",
  },
  BLOB_CARD_BYTES: {
    kind: "number",
    unit: "bytes a day",
    default: 536_870_912,
    min: 65_536,
    max: 900_000_000_000_000,
    doc: "of blobs through one card's grant",
  },
  BLOB_FREE_BYTES: {
    kind: "number",
    unit: "bytes",
    default: 1_073_741_824,
    min: 0,
    max: 900_000_000_000_000,
    doc: "of the disk that blobs leave free for all else; 0: none",
  },
  BLOB_DAYS: {
    kind: "number",
    unit: "days",
    default: 30,
    min: 1,
    max: 3650,
    doc: "a blob is kept at most, and never longer than its mailbox lives",
  },

  WINDOW: {
    kind: "number",
    unit: "envelopes",
    default: 64,
    min: 1,
    max: 1024,
    doc: "in flight to one subscriber without acknowledgement",
  },
  CONNECTIONS: {
    kind: "number",
    unit: "connections",
    default: 10_000,
    min: 1,
    max: 1_000_000,
    doc: "at the same time",
  },
  CONNECTIONS_PER_ADDRESS: {
    kind: "number",
    unit: "connections",
    default: 64,
    min: 1,
    max: 1_000_000,
    doc: "at the same time from one address (IPv6: one /64)",
  },
  EXCHANGES: {
    kind: "number",
    unit: "exchanges",
    default: 10_000,
    min: 1,
    max: 1_000_000,
    doc: "over HTTP at the same time, those that wait included",
  },
  EXCHANGES_PER_ADDRESS: {
    kind: "number",
    unit: "exchanges",
    default: 256,
    min: 1,
    max: 1_000_000,
    doc: "at the same time from one address (IPv6: one /64)",
  },
  EXCHANGES_PER_SECOND: {
    kind: "number",
    unit: "exchanges/s",
    default: 200,
    min: 1,
    max: 1_000_000,
    doc: "from one address; twice that in a burst",
  },
  EXCHANGE_FRAMES_PER_SECOND: {
    kind: "number",
    unit: "frames/s",
    default: 1000,
    min: 1,
    max: 10_000_000,
    doc: "in the exchanges of one address; twice that in a burst",
  },
  FRAMES_PER_SECOND: {
    kind: "number",
    unit: "frames/s",
    default: 200,
    min: 1,
    max: 1_000_000,
    doc: "from one connection; twice that in a burst",
  },
  BYTES_PER_SECOND: {
    kind: "number",
    unit: "bytes/s",
    default: 33_554_432,
    min: 32_768,
    max: 1_099_511_627_776,
    doc: "from one connection; twice that in a burst",
  },
  KEYS_PER_CONNECTION: {
    kind: "number",
    unit: "keys",
    default: 64,
    min: 1,
    max: 10_000,
    doc: "of mailboxes, writers and owners that one connection proves",
  },
  SEND_BUFFER: {
    kind: "number",
    unit: "bytes",
    default: 131_072,
    min: 32_768,
    max: 1_073_741_824,
    doc: "unsent, above which a connection gets no more envelopes and is not read",
  },
  SLOW_SECONDS: {
    kind: "number",
    unit: "seconds",
    default: 30,
    min: 1,
    max: 3600,
    doc: "above the send buffer without anything leaving, then a connection is cut",
  },
  HANDSHAKE_SECONDS: {
    kind: "number",
    unit: "seconds",
    default: 20,
    min: 1,
    max: 300,
    doc: "for the first message",
  },
  PING_SECONDS: {
    kind: "number",
    unit: "seconds",
    default: 30,
    min: 1,
    max: 3600,
    doc: "between two pings",
  },
  SILENCE_SECONDS: {
    kind: "number",
    unit: "seconds",
    default: 75,
    min: 2,
    max: 7200,
    doc: "without a sign of life, then a connection is cut",
  },
  PUZZLE_ABOVE: {
    kind: "number",
    unit: "deposits/s",
    default: 2000,
    min: 0,
    max: 10_000_000,
    doc: "above which deposits through cards need a puzzle; 0: always",
  },
  PUZZLE_BITS: {
    kind: "number",
    unit: "bits",
    default: 17,
    min: 1,
    max: 22,
    doc: "of that puzzle",
  },

  SWEEP_SECONDS: {
    kind: "number",
    unit: "seconds",
    default: 60,
    min: 1,
    max: 3600,
    doc: "between two sweeps",
  },
  DRAIN_SECONDS: {
    kind: "number",
    unit: "seconds",
    default: 10,
    min: 1,
    max: 600,
    doc: "for open work to end after SIGTERM",
  },
} as const;

export type SettingName = keyof typeof SETTINGS;

type ValueOf<S extends Setting> = S extends NumberSetting ? number : string;

/** A value for each setting, checked. */
export type SettingValues = {
  readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]>;
};
