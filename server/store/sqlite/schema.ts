/**
 * Tables of DIR/relay.sqlite, as a list of migrations: the n-th brings a file from version n - 1
 * to n (`user_version`). Forward only; a landed migration is never changed.
 *
 * Fat rows have an `integer primary key` (a WITHOUT ROWID table of envelopes is eight times
 * slower). `key` columns are keyed hashes. `envelope.key` needs no mailbox to be found again as a
 * tombstone; `tombstone` has no column that leads to a mailbox. Size in the unique index makes the
 * count and bytes of a mailbox a scan of that index alone.
 */

/** "Tumr": tells a file of ours from any other. */
export const APPLICATION_ID = 0x54756d72;

export const MIGRATIONS: readonly string[] = [
  `
  create table meta (
    id integer primary key,
    key_check blob not null
  ) strict;

  create table mailbox (
    id integer primary key,
    key blob not null unique,
    kind integer not null,
    used_day integer not null
  ) strict;
  create index mailbox_use on mailbox (kind, used_day);

  create table deposit_grant (
    id integer primary key,
    key blob not null unique,
    mailbox integer not null,
    tag blob not null,
    per_day integer not null,
    urgent integer not null,
    day integer not null,
    used integer not null
  ) strict;
  create index deposit_grant_mailbox on deposit_grant (mailbox);

  create table envelope (
    id integer primary key,
    mailbox integer not null,
    key blob not null,
    size integer not null,
    hour integer not null,
    expiry_day integer not null,
    tag blob not null,
    bytes blob not null
  ) strict;
  create unique index envelope_key on envelope (mailbox, key, size);
  create index envelope_expiry on envelope (expiry_day);

  create table tombstone (
    key blob primary key,
    day integer not null
  ) strict, without rowid;

  create table record (
    id integer primary key,
    key blob not null unique,
    owner blob not null unique,
    list_version integer not null,
    written_day integer not null,
    takes_day integer not null,
    takes integer not null
  ) strict;
  create index record_written on record (written_day);

  create table writer (
    id integer primary key,
    record integer not null,
    key blob not null,
    masked blob not null,
    version integer not null,
    part blob not null,
    unique (record, key)
  ) strict;

  create table pair (
    id integer primary key,
    writer integer not null,
    pair_id integer not null,
    not_after integer not null,
    sealed blob not null,
    taken_day integer,
    token blob,
    unique (writer, pair_id)
  ) strict;
  create index pair_token on pair (writer, token);
  create index pair_expiry on pair (not_after);
  create index pair_taken on pair (taken_day) where token is not null;
  `,
  "alter table deposit_grant add column card integer not null default 0;",
  `
  alter table deposit_grant add column blob_day integer not null default 0;
  alter table deposit_grant add column blob_bytes integer not null default 0;
  create index deposit_grant_blobs on deposit_grant (blob_day) where blob_day > 0;

  create table blob (
    id integer primary key,
    key blob not null unique,
    size integer not null,
    claimed integer not null,
    complete integer not null,
    grown_hour integer not null,
    expiry_day integer not null
  ) strict;
  create index blob_expiry on blob (expiry_day);

  create table blob_pin (
    id integer primary key,
    blob integer not null,
    key blob not null,
    day integer not null,
    unique (blob, key)
  ) strict;
  `,
];
