/**
 * Every failure that crosses a module, the wire or a screen: one class, one closed table of codes.
 *
 * Callers switch on `error.code`; messages are for people and may change. A message never holds
 * key bytes, plaintext or anybody's identifier (docs/THREAT-MODEL.md, "Logs"). docs/ERRORS.md is
 * generated from this table and a test compares both ways.
 */

export interface ErrorRow {
  /** Number in an `error` frame; never reused. */
  readonly number: number;
  /** WebSocket close code, for protocol violations that end the connection; 0 = stays open. */
  readonly close: number;
  /** HTTP status where the failure is answered over plain HTTP. */
  readonly status: number;
  /** True when the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  readonly meaning: string;
  /** What the person or the caller does next. */
  readonly hint: string;
}

/**
 * Number ranges: 100 bytes and primitives, 200 relay protocol, 300 end-to-end protocol,
 * 400 client and vault, 500 configuration and command line.
 */
export const ERRORS = {
  INTERNAL: {
    number: 1,
    close: 1011,
    status: 500,
    retryable: true,
    meaning: "Something failed that should not fail.",
    hint: "Try again; if it stays, report it with the steps that led here.",
  },
  MALFORMED: {
    number: 100,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "Bytes that do not have the form they must have: cut, too long, or not canonical.",
    hint: "Send it again from the source; if it stays, the sender's software is at fault.",
  },
  BAD_KEY: {
    number: 101,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A public key no honest peer would send (low order, high bit set, wrong length).",
    hint: "Do not use this key; get it again from its owner.",
  },
  BAD_SIGNATURE: {
    number: 102,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A signature does not verify.",
    hint: "Do not trust this; get it again from its owner.",
  },
  CANNOT_OPEN: {
    number: 103,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A sealed box does not open: the key is wrong or the bytes were changed.",
    hint: "Nothing was changed. Check that it came whole.",
  },
  CRYPTO_UNAVAILABLE: {
    number: 104,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "A cryptographic primitive is missing from the installed library.",
    hint: "Reinstall with `npm ci`.",
  },
  PARAMETERS_TOO_HIGH: {
    number: 105,
    close: 0,
    status: 400,
    retryable: false,
    meaning:
      "Stored Argon2id parameters are above the ceiling (1 GiB, 10 passes) or below the floor.",
    hint: "The file was changed or made by other software. Use a copy you trust.",
  },
  PHRASE_LENGTH: {
    number: 110,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A recovery phrase has 8 words or 8 groups of 4 digits; this one does not.",
    hint: "Count the words: one is missing or one is too many.",
  },
  PHRASE_WORD: {
    number: 111,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "One of the words is in no word list.",
    hint: "Check the spelling of the word named, or type its 4 digits.",
  },
  PHRASE_MIXED: {
    number: 112,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "Each word is in some list, but no one list holds them all.",
    hint: "Type all words in one language, or use the digits.",
  },
  PHRASE_CHECK: {
    number: 113,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "All words are known, but they do not belong together.",
    hint: "One word is wrong or two are swapped. Compare with what you wrote down.",
  },
  PHRASE_AMBIGUOUS: {
    number: 114,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The words fit two word lists and give two different phrases.",
    hint: "Type the 8 groups of digits instead.",
  },

  // 200 relay protocol: codec, channel
  BAD_RELAY_ADDRESS: {
    number: 200,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A relay address is not https://host#k=… (http only for loopback and .onion).",
    hint: "Copy the whole address again from where it was published.",
  },
  RELAY_MISMATCH: {
    number: 201,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The relay showed another identity key than the one its address names.",
    hint: "Do not go on: the connection is intercepted or the address is wrong. Try another network.",
  },
  CHANNEL_KEY_UNKNOWN: {
    number: 202,
    close: 0,
    status: 409,
    retryable: true,
    meaning:
      "The relay has no key that opens the first message; it answers with the current channel key.",
    hint: "The client retries once with the channel key it was sent.",
  },
  CHANNEL_REFUSED: {
    number: 203,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "The relay could not open the first message and offers no newer channel key.",
    hint: "Try again; if it stays, something between you and the relay changes the bytes.",
  },
  CHANNEL_BROKEN: {
    number: 204,
    close: 1008,
    status: 400,
    retryable: true,
    meaning: "A channel message has the wrong size, is out of order, or does not open.",
    hint: "Connect again. Nothing was lost: what has no answer is sent again.",
  },
  CHANNEL_EXHAUSTED: {
    number: 205,
    close: 1008,
    status: 400,
    retryable: true,
    meaning: "The channel has carried as many messages as one key may seal.",
    hint: "Connect again.",
  },
  VERSION_UNSUPPORTED: {
    number: 206,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The two sides share no version of the relay protocol.",
    hint: "Update the older one.",
  },

  // 220 relay protocol: frames and the relay's answers
  UNKNOWN_FRAME: {
    number: 220,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A frame of a type this side does not take.",
    hint: "Update the older of client and relay.",
  },
  BAD_FRAME: {
    number: 221,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A frame whose fields are missing, too many, or out of bounds.",
    hint: "The software that sent it is at fault; nothing was changed.",
  },
  WRONG_CHANNEL: {
    number: 222,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "An owner frame on a sender channel, or the other way round.",
    hint: "Open another channel: the relay must not learn that both are yours.",
  },
  RETRY: {
    number: 223,
    close: 0,
    status: 409,
    retryable: true,
    meaning: "The request needs the current epoch; the answer carries it.",
    hint: "The client sends it again with the epoch it was given.",
  },
  PROOF_REQUIRED: {
    number: 224,
    close: 0,
    status: 403,
    retryable: false,
    meaning: "The request needs a proof by a key that this channel has not proven.",
    hint: "Send `prove` for that key first.",
  },
  BAD_PROOF: {
    number: 225,
    close: 0,
    status: 403,
    retryable: false,
    meaning: "The signature of a proof does not verify for this channel.",
    hint: "The software that made it is at fault; nothing was changed.",
  },
  RATE_LIMITED: {
    number: 226,
    close: 0,
    status: 429,
    retryable: true,
    meaning: "More requests than the relay takes from one connection or address.",
    hint: "Wait a little and send it again.",
  },
  PUZZLE_REQUIRED: {
    number: 227,
    close: 0,
    status: 429,
    retryable: true,
    meaning: "The relay is under pressure and wants a puzzle solved for this deposit.",
    hint: "The client solves it and sends again; this takes about two seconds.",
  },
  TAKEN_OVER: {
    number: 229,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "Another connection subscribed to this mailbox.",
    hint: "If that was not you, somebody else has this device's keys.",
  },
  CLOSING: {
    number: 230,
    close: 1001,
    status: 503,
    retryable: true,
    meaning: "The relay is shutting down, or takes nothing new for the moment.",
    hint: "Connect again in a few seconds.",
  },
  BAD_RECEIPT: {
    number: 231,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "A receipt does not prove that the relay stored these bytes.",
    hint: "The deposit counts as not stored and is sent again, also through another relay.",
  },
  ANSWERS_TOO_LONG: {
    number: 232,
    close: 0,
    status: 400,
    retryable: false,
    meaning:
      "The answers to the frames of one exchange do not fit its one answer; nothing was done.",
    hint: "Send fewer frames in one exchange, or ask for a larger answer.",
  },

  // 250 relay storage
  REFUSED: {
    number: 250,
    close: 0,
    status: 404,
    retryable: false,
    meaning:
      "There is no such mailbox, grant, record or blob, or this key has no right to it; the relay does not say which.",
    hint: "Get the current card or grant from its owner. Sending the same again does not help.",
  },
  MAILBOX_FULL: {
    number: 251,
    close: 0,
    status: 429,
    retryable: true,
    meaning: "The mailbox holds as much as it may until its owner fetches.",
    hint: "Keep the message and try again later.",
  },
  QUOTA: {
    number: 252,
    close: 0,
    status: 429,
    retryable: true,
    meaning: "The daily number for this grant or record is used up.",
    hint: "Keep the message and try again tomorrow, or through another relay.",
  },
  STORAGE_FULL: {
    number: 253,
    close: 0,
    status: 507,
    retryable: true,
    meaning: "The relay's disk is full or failed; nothing was stored.",
    hint: "Try again later, or through another relay. Operators: free space in the data directory.",
  },
  STALE_VERSION: {
    number: 254,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "A newer version is stored already.",
    hint: "Read the record, then write with a greater version.",
  },
  NAME_TAKEN: {
    number: 255,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "The mailbox, grant or owner key is in use for something else.",
    hint: "Use a new key.",
  },
  LIMIT_REACHED: {
    number: 256,
    close: 0,
    status: 413,
    retryable: false,
    meaning: "More, or larger, than the relay keeps for one owner.",
    hint: "Remove what is not needed, or send less at once.",
  },
  EXPIRED: {
    number: 257,
    close: 0,
    status: 410,
    retryable: false,
    meaning: "The expiry day of the envelope has passed.",
    hint: "Tell the writer that the message expired unsent.",
  },
  STORE_TOO_NEW: {
    number: 258,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "The data directory was written by a newer version of the relay.",
    hint: "Start the newer version, or restore a backup made by this one.",
  },
  STORE_CORRUPT: {
    number: 259,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "The store's file is damaged or is no store of ours.",
    hint: "Stop the relay, keep a copy of the data directory, check the disk, and restore the last backup (docs/OPERATIONS.md).",
  },
  STORE_IN_USE: {
    number: 260,
    close: 0,
    status: 500,
    retryable: true,
    meaning: "Another relay process has the data directory open.",
    hint: "Stop the other relay, or name another directory.",
  },
  STORE_KEY_WRONG: {
    number: 261,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "store.key is not the key this data directory was written with.",
    hint: "Put back the store.key that belongs to relay.sqlite, from the same backup.",
  },
  WRONG_OFFSET: {
    number: 262,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "These bytes do not begin where the blob ends at the relay.",
    hint: "Go on from the offset that the answer names; nothing was changed.",
  },
  WRONG_LENGTH: {
    number: 263,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "The blob is longer or shorter than was claimed when it was made.",
    hint: "Nothing was changed. Upload it again under another id, with its true length.",
  },
  BLOB_TOO_LARGE: {
    number: 264,
    close: 0,
    status: 413,
    retryable: false,
    meaning: "The blob is longer than this relay takes.",
    hint: "Send a shorter one, or through a relay that takes more.",
  },
  BLOB_SUPERSEDED: {
    number: 265,
    close: 0,
    status: 409,
    retryable: true,
    meaning:
      "A newer request brings the same part of the blob; this one is not waited for any more.",
    hint: "Nothing to do: the newer request goes on.",
  },

  // 300 end-to-end: statements, card, records, prekeys
  BAD_CARD: {
    number: 300,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A card that was cut or changed, or is not a card.",
    hint: "Copy the whole link again, or scan the code again.",
  },
  IDENTITY_CHANGED: {
    number: 301,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "A device says it belongs to this contact, but the contact's root did not certify it.",
    hint: "Send nothing. Ask the person over another way and compare safety numbers.",
  },
  NOT_EMPOWERED: {
    number: 302,
    close: 0,
    status: 403,
    retryable: false,
    meaning: "A signed statement that its signer has no power to make.",
    hint: "It changes nothing. Whoever made it needs a delegation that covers it.",
  },
  UNKNOWN_DEVICE: {
    number: 303,
    close: 0,
    status: 404,
    retryable: true,
    meaning: "A statement of a device whose certificate has not been seen yet.",
    hint: "Read the contact's record again; the certificate comes with it.",
  },
  PREKEY_EXPIRED: {
    number: 304,
    close: 0,
    status: 400,
    retryable: true,
    meaning: "A prekey is out of date.",
    hint: "Read the contact's record again; their device publishes new ones when it is online.",
  },

  // 330 end-to-end: handshake, ratchet, sessions, content
  CANNOT_DECRYPT: {
    number: 330,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A message that no session here can open.",
    hint: "Nothing was changed. A new session is asked for by itself; the sender sends it again.",
  },
  ALREADY_OPENED: {
    number: 331,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A message that was opened before came a second time.",
    hint: "Nothing to do: acknowledge it and forget it.",
  },
  TEXT_TOO_LONG: {
    number: 332,
    close: 0,
    status: 413,
    retryable: false,
    meaning: "The text does not fit the largest envelope.",
    hint: "Shorten it, or send it in several messages.",
  },
  NO_SESSION: {
    number: 333,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "There is no session that may send to this device.",
    hint: "Fetch the device's prekeys and start a session first.",
  },

  // 340 end-to-end: blobs
  BLOB_DAMAGED: {
    number: 340,
    close: 0,
    status: 502,
    retryable: false,
    meaning:
      "A piece of a clip, photo, voice message or file is not what its sender sealed: changed, cut, or another one in its place.",
    hint: "It was fetched a second time. What opened is kept. Try again later; if it stays, ask the sender to send it once more.",
  },
  BLOB_MISMATCH: {
    number: 341,
    close: 0,
    status: 502,
    retryable: false,
    meaning:
      "A clip, photo, voice message or file has another length or hash than its sender said.",
    hint: "What opened is kept, each piece of it is the sender's. Ask the sender to send it once more.",
  },
  BLOB_CUT_OFF: {
    number: 342,
    close: 0,
    status: 409,
    retryable: true,
    meaning: "The sender stopped before the end; nothing more has come for a while.",
    hint: "What came is kept and can be opened. If the sender comes back on that device, the rest follows by itself.",
  },

  // 400 vault
  VAULT_MISSING: {
    number: 400,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "There is no vault at this place.",
    hint: "Check the path, or make one with `tumar init`.",
  },
  VAULT_EXISTS: {
    number: 401,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "There is a vault at this place already; it was not touched.",
    hint: "Open it, or choose another path.",
  },
  VAULT_PASSPHRASE: {
    number: 402,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "The passphrase opens nothing here: it is wrong, or the head of the vault is damaged.",
    hint: "Type it again; check the keyboard layout. If it stays, use a copy of the vault.",
  },
  VAULT_DAMAGED: {
    number: 403,
    close: 0,
    status: 500,
    retryable: false,
    meaning:
      "The vault was cut or changed: it cannot be opened as it is. Nothing was written to it.",
    hint: "Keep the file and use a copy made earlier.",
  },
  VAULT_VERSION: {
    number: 404,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "The vault has a newer format, or is no vault.",
    hint: "Update Tumar, or check the path.",
  },
  VAULT_BUSY: {
    number: 405,
    close: 0,
    status: 503,
    retryable: true,
    meaning: "Another process or task kept the vault locked for too long.",
    hint: "Try again; if it stays, end the other `tumar`.",
  },
  VAULT_FULL: {
    number: 406,
    close: 0,
    status: 507,
    retryable: false,
    meaning: "The vault has reached its largest size; nothing was written.",
    hint: "Delete messages that are no longer needed, then try again.",
  },
  VAULT_STORAGE: {
    number: 407,
    close: 0,
    status: 500,
    retryable: true,
    meaning: "The disk or browser storage under the vault refused to read, write or lock.",
    hint: "Check free space and permissions, then try again.",
  },
  VAULT_CLOSED: {
    number: 408,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "The vault was closed (locked) and its keys are gone from memory.",
    hint: "Open it again with the passphrase.",
  },
  PASSPHRASE_SHORT: {
    number: 409,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A passphrase needs at least 8 characters.",
    hint: "Choose a longer one; several words are easy to remember.",
  },

  // 420 client library
  NAME_INVALID: {
    number: 420,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "A name for a contact has 1 to 100 characters and no control characters.",
    hint: "Choose another name.",
  },
  CONTACT_NAME_TAKEN: {
    number: 421,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "A contact of this name, or this contact under another name, is there already.",
    hint: "Choose another name, or see `tumar contacts`.",
  },
  CONTACT_UNKNOWN: {
    number: 422,
    close: 0,
    status: 404,
    retryable: false,
    meaning: "No contact has this name or an identity that begins like this.",
    hint: "See `tumar contacts`; add the person's card with `tumar add`.",
  },
  CONTACT_AMBIGUOUS: {
    number: 423,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "Several contacts have an identity that begins like this.",
    hint: "Type more characters of the identity.",
  },
  OWN_CARD: {
    number: 424,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "This is the card of this vault itself.",
    hint: "Ask the other person for theirs.",
  },
  TEXT_EMPTY: {
    number: 425,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "There is nothing to send.",
    hint: "Write a text.",
  },
  MESSAGE_UNKNOWN: {
    number: 426,
    close: 0,
    status: 404,
    retryable: false,
    meaning: "This vault has no message of this id.",
    hint: "Type the beginning of an id as `tumar inbox` shows it, at least 4 characters.",
  },
  MESSAGE_AMBIGUOUS: {
    number: 438,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "More than one message has an id that begins so.",
    hint: "Type more characters of the id.",
  },
  NOT_REGISTERED: {
    number: 427,
    close: 0,
    status: 404,
    retryable: false,
    meaning: "The relays named on the card hold nothing of this person that can be written to.",
    hint: "Ask them for a new card, by a way you trust. The message stays queued.",
  },
  RECORD_CHANGED: {
    number: 428,
    close: 0,
    status: 409,
    retryable: true,
    meaning: "A record changed again and again while it was read.",
    hint: "Try again in a moment.",
  },
  CLIENT_CLOSED: {
    number: 429,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "The client was closed while something waited for it.",
    hint: "Open it again; what was written is safe.",
  },
  RELAY_LAST: {
    number: 430,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "The last relay cannot be removed: nobody could write to you any more.",
    hint: "Add another relay first.",
  },
  RELAYS_FULL: {
    number: 431,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "An inbox lives on three relays at most.",
    hint: "Remove one first.",
  },
  RELAY_UNKNOWN: {
    number: 432,
    close: 0,
    status: 404,
    retryable: false,
    meaning: "This vault has no relay and no door with this address.",
    hint: "`tumar relays list` shows those there are.",
  },
  RELAYS_USED_UP: {
    number: 433,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "This identity has lived at ten different relays; it has no record keys for another.",
    hint: "Keep those it has, or go back to one it had before: that takes no new keys.",
  },

  // 440 media in the client
  MEDIA_EMPTY: {
    number: 440,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The file or recording is empty: there is nothing to send.",
    hint: "Nothing was sent. Choose another file, or check that something is recorded.",
  },
  MEDIA_UNKNOWN: {
    number: 441,
    close: 0,
    status: 404,
    retryable: false,
    meaning: "There is no clip, photo, voice message or file in this message.",
    hint: "`tumar inbox` shows which messages have one.",
  },
  MEDIA_INTERRUPTED: {
    number: 442,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "What was sealed on this device to be sent is gone, or was never finished.",
    hint: "Send it again from its file.",
  },
  MEDIA_GONE: {
    number: 443,
    close: 0,
    status: 410,
    retryable: false,
    meaning: "The relay no longer keeps what the message names: its time there is over.",
    hint: "What was fetched before is still here. Ask the sender for the rest.",
  },

  MEDIA_ELSEWHERE: {
    number: 444,
    close: 0,
    status: 403,
    retryable: false,
    meaning:
      "The sender names a relay for it that is none of yours. Nothing was asked there: it would learn your address.",
    hint: "Ask the sender to send it once more; it then goes to a relay of yours. If a relay of yours was just removed, add it again.",
  },

  // 450 network
  RELAY_UNREACHABLE: {
    number: 450,
    close: 0,
    status: 503,
    retryable: true,
    meaning: "The relay does not answer, or the connection to it broke before the answer came.",
    hint: "What was written stays written and is sent by itself. Check that other sites open; try another network, a VPN or Tor.",
  },
  RELAY_TIMEOUT: {
    number: 451,
    close: 0,
    status: 504,
    retryable: true,
    meaning: "The relay is connected, but did not answer this request in time.",
    hint: "The network is slow or freezes connections. It is sent again by itself; nothing is stored twice.",
  },
  NOT_A_RELAY: {
    number: 452,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "Something answers at the relay's address, but not a relay of this kind.",
    hint: "A login page of the network may stand in between: open any site in a browser first. Or the address is wrong.",
  },
  RELAY_TLS: {
    number: 453,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "The encrypted web connection (TLS) to the relay could not be made.",
    hint: "The device's clock is wrong, or the network intercepts connections. Nothing was sent. Try another network.",
  },
  CHANNEL_KEY_FORGED: {
    number: 454,
    close: 0,
    status: 502,
    retryable: false,
    meaning: "The relay's channel key is not signed by the relay's identity key.",
    hint: "Do not go on: somebody between you and the relay changes the bytes. Try another network.",
  },
  CHANNEL_KEY_STALE: {
    number: 455,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "The relay takes only an older channel key than one it has already shown.",
    hint: "Nothing was sent under the old key. If it stays, the relay was set back or is being imitated: ask its operator.",
  },
  RELAY_FAULT: {
    number: 456,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "The relay broke the rules of the protocol; the connection was cut.",
    hint: "Try again. If it stays, update both sides, or use another relay.",
  },
  RELAY_ERROR: {
    number: 457,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "The relay refused with an error number that this version does not know.",
    hint: "Update this program. The number is in the details.",
  },
  LINK_CLOSED: {
    number: 458,
    close: 0,
    status: 503,
    retryable: false,
    meaning: "This program closed its connections while the request was waiting.",
    hint: "Open the client again; what was written is still there.",
  },
  CAPTIVE_PORTAL: {
    number: 459,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "A web page answers in the place of the relay.",
    hint: "This network wants you to log in or pay first: open any site in a browser. Or it blocks the relay: try another network, a VPN or Tor.",
  },
  EXCHANGE_CUT: {
    number: 460,
    close: 0,
    status: 502,
    retryable: true,
    meaning: "The relay's answer broke off before its end.",
    hint: "The network cuts or freezes connections. It is sent again by itself, in smaller pieces if that helps; nothing is stored twice.",
  },
  EXCHANGE_REPEATED: {
    number: 461,
    close: 0,
    status: 502,
    retryable: true,
    meaning:
      "The answer belongs to another question: somebody between you and the relay repeats or mixes up answers.",
    hint: "Nothing of it was believed. It is sent again by itself; if it stays, try another network.",
  },
  PROXY_REQUIRED: {
    number: 462,
    close: 0,
    status: 502,
    retryable: false,
    meaning: "An .onion address is reached through Tor only, and no SOCKS proxy is set.",
    hint: "Start Tor and name its SOCKS port: `--proxy socks5://127.0.0.1:9050`, or TUMAR_PROXY. What was written stays queued.",
  },
  PROXY_REFUSED: {
    number: 463,
    close: 0,
    status: 502,
    retryable: false,
    meaning:
      "The proxy is there and refuses: its login is wrong or missing, or its rules forbid it.",
    hint: "Check the name and password in the proxy's URL, or ask who runs it. Nothing went around the proxy.",
  },
  PROXY_UNREACHABLE: {
    number: 464,
    close: 0,
    status: 503,
    retryable: true,
    meaning: "The proxy does not answer, or what answers there is no proxy of this kind.",
    hint: "Start it (Tor, for example), or check host, port and kind in its URL. Nothing went around the proxy.",
  },
  METADATA_NOT_REMOVABLE: {
    number: 480,
    close: 0,
    status: 415,
    retryable: false,
    meaning: "Where and when this was taken cannot be removed from this file without harming it.",
    hint: "Nothing was sent. Send it with `--keep-metadata`, or in another format (JPEG, PNG, MP4, WebM).",
  },
  MEDIA_TYPE: {
    number: 481,
    close: 0,
    status: 415,
    retryable: false,
    meaning: "The file is not what it was to be sent as: no photo, no clip, no voice recording.",
    hint: "Nothing was sent. Choose the right one of `--photo`, `--clip` and `--voice`, or send it with `--file`.",
  },

  // 500 configuration and command line
  USAGE: {
    number: 500,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The command was not typed as `tumar` understands it.",
    hint: "`tumar COMMAND --help` shows how it is typed, with an example.",
  },
  PASSPHRASE_NEEDED: {
    number: 510,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "No passphrase was given, and there is no terminal to ask for it.",
    hint: "Run it in a terminal, or name a file that holds the passphrase with --passphrase-file.",
  },
  PASSPHRASE_FILE: {
    number: 511,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The passphrase file cannot be read, or does not hold one line of text.",
    hint: "Put the passphrase alone on the first line of the file, and check its name and rights.",
  },
  PASSPHRASE_EMPTY: {
    number: 512,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The passphrase is empty.",
    hint: "Give the passphrase the vault was made with.",
  },
  PROXY_INVALID: {
    number: 515,
    close: 0,
    status: 400,
    retryable: false,
    meaning: "The proxy's URL is not one that can be used.",
    hint: "Write it as socks5://HOST:PORT (Tor: socks5://127.0.0.1:9050) or http://HOST:PORT, with NAME:PASSWORD@ before the host if it wants a login.",
  },
  FILE_NOT_WRITTEN: {
    number: 520,
    close: 0,
    status: 409,
    retryable: false,
    meaning: "A file could not be written: something is there already, or the folder refuses it.",
    hint: "Name another file. Nothing was overwritten.",
  },
  INPUT_TOO_LONG: {
    number: 521,
    close: 0,
    status: 413,
    retryable: false,
    meaning: "Standard input holds more than one message or card can be.",
    hint: "Send less at once.",
  },
  FILE_NOT_READ: {
    number: 522,
    close: 0,
    status: 404,
    retryable: false,
    meaning: "A file that was to be sent could not be read, or changed while it was read.",
    hint: "Look at the name and whether you may read it. Nothing was sent.",
  },
  MEDIA_ARRIVING: {
    number: 523,
    close: 0,
    status: 409,
    retryable: true,
    meaning: "What is fetched has not come to the relay in full, and its sender is still at it.",
    hint: "What came is kept. Fetch it again later, or with --partial take what is there now.",
  },

  // 501 configuration of the relay
  BAD_CONFIG: {
    number: 501,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "Settings of the relay are wrong; the message lists every fault.",
    hint: "Correct them by the table of docs/OPERATIONS.md and start again.",
  },
  KEY_FILE_DAMAGED: {
    number: 502,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "A key file in the data directory is cut, changed or not a key file.",
    hint: "Put back the backup of that file. Without the old identity key, every card of this relay ends.",
  },
  KEY_FILE_EXPOSED: {
    number: 503,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "A key file or the data directory can be read by other users of the machine.",
    hint: "Find out who read it, then `chmod 700` the directory and `chmod 600` its files.",
  },
  DATA_UNUSABLE: {
    number: 504,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "The data directory cannot be made, read or written, or another relay uses it.",
    hint: "Check the path, its owner, the free space, and that no other relay runs on it.",
  },
  PORT_UNUSABLE: {
    number: 505,
    close: 0,
    status: 500,
    retryable: false,
    meaning: "The relay cannot listen on this address and port.",
    hint: "Choose another port (0 picks one) or end the program that holds it.",
  },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** The row of a code, with the type every row must have. */
export function errorRow(code: ErrorCode): ErrorRow {
  return ERRORS[code];
}

export interface TumarErrorOptions extends ErrorOptions {
  /** Numbers, and words of ours, that a caller shows: never an id, a key or plaintext. */
  readonly details?: Readonly<Record<string, string | number>>;
}

export class TumarError extends Error {
  override readonly name = "TumarError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, message: string, options: TumarErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.details = options.details ?? {};
  }

  get retryable(): boolean {
    return errorRow(this.code).retryable;
  }

  get hint(): string {
    return errorRow(this.code).hint;
  }
}

const byNumber = new Map<number, ErrorCode>(
  (Object.keys(ERRORS) as ErrorCode[]).map((code) => [ERRORS[code].number, code]),
);

/** The code for a number from an `error` frame; undefined for one this version does not know. */
export function errorCodeOf(number: number): ErrorCode | undefined {
  return byNumber.get(number);
}

/** Where the compiler proves that nothing can arrive. */
export function assertNever(value: never): never {
  throw new TypeError(`impossible value: ${String(value)}`);
}
