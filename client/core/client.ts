/**
 * The client library: one identity on one device, over one vault. Everything written is safe in the
 * vault when a call returns; sending and receiving go on in the background once `start` was called.
 *
 * Several processes may hold the same vault open: each reloads what the others committed.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  generatePhrase,
  phraseDigits,
  phraseSeed,
  phraseWords,
} from "../../shared/crypto/phrase.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { formatCard } from "../../shared/e2ee/card.ts";
import type { PartRole } from "../../shared/e2ee/media.ts";
import type { Clock } from "../net/clock.ts";
import { RelayPool } from "../net/relay-pool.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import { Vault } from "../vault/vault.ts";
import type { Core } from "./context.ts";
import { draftCourtesies } from "./courtesies.ts";
import { describeIncoming, describeOutgoing, describeWaiting, faultOf } from "./describe.ts";
import {
  addCard,
  confirmVerified,
  describeContact,
  findContact,
  nameContact,
  safetyNumberWith,
} from "./directory.ts";
import { Engine } from "./engine.ts";
import {
  type ClientEnvironment,
  type ClientParts,
  NO_STORE,
  partsOf,
  poolEnvironment,
  vaultOptions,
} from "./environment.ts";
import { partsWanted } from "./fetch-media.ts";
import { Media } from "./media.ts";
import { findReceivedId } from "./message-ids.ts";
import { LANES, laneOf } from "./message-state.ts";
import { newPlaces, parseRelays } from "./new-places.ts";
import { addRelay, describeRelays, removeRelay } from "./own-relays.ts";
import { markRead } from "./reads.ts";
import { sealDrafts } from "./seal.ts";
import { cardOf, makeSelf, putSelf } from "./self.ts";
import { listContacts } from "./state/contacts.ts";
import { liveHomes } from "./state/homes.ts";
import { getIdentity } from "./state/identity.ts";
import {
  getMessage,
  lastMessageIndex,
  listMessages,
  messageIndex,
  messagesOf,
  type OutgoingRow,
  putMessage,
} from "./state/messages.ts";
import { waitingMessages } from "./state/outbox.ts";
import { isUploading, listSentParts, sentPartsOf } from "./state/sent-media.ts";
import { tryingFor } from "./trying.ts";
import type {
  ClientEvent,
  Contact,
  CreateOptions,
  FetchOptions,
  NewIdentity,
  OutboxItem,
  OwnRelay,
  ReadSummary,
  ReceivedMedia,
  ReceivedMessage,
  SendMediaOptions,
  SendOptions,
  SentMessage,
  SyncSummary,
} from "./types.ts";
import { type WakeOptions, Wakes } from "./wakes.ts";
import { checkText, writeMessage } from "./writing.ts";

export interface CreatedClient {
  readonly client: Client;
  readonly created: NewIdentity;
}

const DEFAULT_SYNC_MS = 20_000;
const DEFAULT_RELAY_MS = 10_000;
const HOUR_MS = 3_600_000;

export class Client {
  readonly identity: Uint8Array;
  readonly #core: Core;
  readonly #engine: Engine;
  readonly #media: Media;
  readonly #clock: Clock;
  readonly #pools: readonly RelayPool[];
  readonly #stopWatching: () => void;
  readonly #listeners: Set<(event: ClientEvent) => void>;
  readonly #end = new AbortController();

  private constructor(parts: ClientParts, identity: Uint8Array) {
    this.identity = identity;
    this.#core = parts.core;
    this.#engine = new Engine(parts.core, parts.clock);
    this.#media = new Media(parts.core, {
      isTrusted: () => this.#engine.isTrusted,
      kick: () => this.#engine.kick(),
    });
    this.#clock = parts.clock;
    this.#pools = parts.pools;
    this.#stopWatching = parts.watchNetwork(() => this.#onNetworkChange());
    this.#listeners = parts.listeners;
  }

  /**
   * A new identity, registered at its relays. On any failure no vault is left behind.
   * @throws TumarError BAD_RELAY_ADDRESS, RELAYS_FULL, VAULT_EXISTS, network and relay codes
   */
  static async create(
    environment: ClientEnvironment,
    { relay, moreRelays = [], wordList }: CreateOptions,
  ): Promise<CreatedClient> {
    const relays = parseRelays([relay, ...moreRelays]);
    if (await environment.storage.exists()) {
      throw new TumarError("VAULT_EXISTS", "a vault is there already");
    }
    const random = environment.random ?? systemRandom;
    const probe = new RelayPool(poolEnvironment(environment), NO_STORE);
    const places = await newPlaces(probe, relays, random, environment.clock).finally(() =>
      probe.close(),
    );
    const entropy = generatePhrase(random);
    const hour = probe.clock.hour() ?? Math.floor((environment.now ?? Date.now)() / HOUR_MS);
    const seed = await phraseSeed(entropy, environment.deriveKey);
    const self = makeSelf(seed, places, hour, random);
    const vault = await Vault.create(
      environment.storage,
      environment.passphrase,
      vaultOptions(environment),
    );
    let close = (): Promise<void> => vault.close();
    try {
      await vault.transaction((tx) => putSelf(tx, random, self));
      const client = await Client.#over(environment, vault);
      close = () => client.close();
      await client.#engine.register();
      const phrase = await phraseWords(entropy, wordList);
      const created = { identity: client.identity, phrase, digits: phraseDigits(entropy) };
      return { client, created };
    } catch (error) {
      await close();
      await environment.storage.destroy();
      await environment.blobs.destroy();
      throw error;
    }
  }

  /** Offline. @throws TumarError VAULT_MISSING, VAULT_PASSPHRASE, VAULT_DAMAGED, VAULT_BUSY … */
  static async open(environment: ClientEnvironment): Promise<Client> {
    const { storage, passphrase } = environment;
    const vault = await Vault.open(storage, passphrase, vaultOptions(environment));
    try {
      return await Client.#over(environment, vault);
    } catch (error) {
      await vault.close();
      throw error;
    }
  }

  static async #over(environment: ClientEnvironment, vault: Vault): Promise<Client> {
    const parts = await partsOf(environment, vault);
    const { root } = await vault.read(getIdentity);
    return new Client(parts, root);
  }

  /** Begins to send and receive; again without effect. */
  start(): void {
    this.#checkOpen();
    this.#engine.start();
  }

  /** The link to hand out; it never changes while the identity keeps its relays. */
  async card(): Promise<string> {
    return this.#core.vault.read((view) => formatCard(cardOf(getIdentity(view), liveHomes(view))));
  }

  // --- contacts ---------------------------------------------------------------------------------

  /** Works offline. @throws TumarError BAD_CARD, OWN_CARD, NAME_INVALID, NAME_TAKEN */
  async addContact(card: string, name: string): Promise<Contact> {
    const row = await this.#core.vault.transaction((tx) => {
      const added = addCard(tx, card, name);
      this.#greet(tx, added.root);
      return added;
    });
    this.#engine.kick();
    return describeContact(row);
  }

  /** Names somebody who wrote first. @throws TumarError CONTACT_UNKNOWN, NAME_INVALID, NAME_TAKEN */
  async nameContact(identityPrefix: string, name: string): Promise<Contact> {
    const row = await this.#core.vault.transaction((tx) => {
      const named = nameContact(tx, identityPrefix, name);
      this.#greet(tx, named.root);
      return named;
    });
    this.#engine.kick();
    return describeContact(row);
  }

  async contacts(): Promise<readonly Contact[]> {
    return this.#core.vault.read((view) => listContacts(view).map(describeContact));
  }

  /** @throws TumarError CONTACT_UNKNOWN, CONTACT_AMBIGUOUS */
  async contact(nameOrPrefix: string): Promise<Contact> {
    return this.#core.vault.read((view) => describeContact(findContact(view, nameOrPrefix)));
  }

  /** 12 groups of 5 digits, the same on both sides. */
  async safetyNumber(nameOrPrefix: string): Promise<string> {
    return this.#core.vault.read((view) => safetyNumberWith(view, nameOrPrefix));
  }

  async confirmSafetyNumber(nameOrPrefix: string): Promise<void> {
    await this.#core.vault.transaction((tx) => confirmVerified(tx, nameOrPrefix));
  }

  // --- messages ---------------------------------------------------------------------------------

  /**
   * Safe in the vault when this resolves; it leaves as soon as it can.
   * @throws TumarError CONTACT_UNKNOWN, IDENTITY_CHANGED, TEXT_EMPTY, TEXT_TOO_LONG (details room, over)
   */
  async send(nameOrPrefix: string, text: string, options: SendOptions = {}): Promise<SentMessage> {
    checkText(text);
    const kind = options.urgent === true ? "alert" : "text";
    const sent = await this.#core.vault.transaction((tx) => {
      const row = writeMessage(tx, this.#core, nameOrPrefix, { kind, text });
      if (this.#engine.isTrusted) sealDrafts(tx, this.#core, row.root);
      return describeOutgoing(tx, this.#core, row);
    });
    this.#core.emit({ type: "written", id: sent.id });
    this.#engine.kick();
    return sent;
  }

  /**
   * Resolves once the relay has the message and signed for it; of media, once it has all of it.
   * @throws TumarError RELAY_UNREACHABLE (still queued), what a relay refuses it with, EXPIRED,
   *   IDENTITY_CHANGED, MESSAGE_UNKNOWN, CLIENT_CLOSED
   */
  async stored(
    id: Uint8Array,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<SentMessage> {
    const wake = this.#wakes(options);
    try {
      for (;;) {
        const { message, isStored, fault } = await this.#progressOf(id);
        if (isStored) return message;
        if (fault !== undefined) throw fault;
        if (wake.isOver()) throw wake.reason(this.#engine.homeFault);
        await wake.next();
      }
    } finally {
      wake.stop();
    }
  }

  async #progressOf(id: Uint8Array): Promise<{
    readonly message: SentMessage;
    readonly isStored: boolean;
    readonly fault: TumarError | undefined;
  }> {
    return this.#core.vault.read((view) => {
      const index = messageIndex(view, id);
      const row = index === undefined ? undefined : getMessage(view, index);
      if (row?.direction !== "out") throw new TumarError("MESSAGE_UNKNOWN", "no such message");
      const fault = faultOf(view, row, this.#engine.sealingFault(row.root));
      // A manifest may be read before the bytes that it names have left.
      const isWhole = sentPartsOf(view, id).every(([, part]) => part.isStored);
      const isStored = row.state === "stored" || (row.state === "read" && isWhole);
      return { message: describeOutgoing(view, this.#core, row), isStored, fault };
    });
  }

  /** A message of ours as it is now. @throws TumarError MESSAGE_UNKNOWN */
  async sentMessage(id: Uint8Array): Promise<SentMessage> {
    return (await this.#progressOf(id)).message;
  }

  /** A message of others as it is now. @throws TumarError MESSAGE_UNKNOWN */
  async receivedMessage(id: Uint8Array): Promise<ReceivedMessage> {
    return this.#core.vault.read((view) => {
      const index = messageIndex(view, id);
      const row = index === undefined ? undefined : getMessage(view, index);
      if (row?.direction !== "in") throw new TumarError("MESSAGE_UNKNOWN", "no such message");
      return describeIncoming(view, this.#core, row);
    });
  }

  /** What others sent, in the order it is shown. */
  async received(
    options: { readonly onlyNew?: boolean } = {},
  ): Promise<readonly ReceivedMessage[]> {
    return this.#core.vault.read((view) =>
      listMessages(view).flatMap(([, row]) => {
        if (row.direction !== "in" || (options.onlyNew === true && row.isShown)) return [];
        return [describeIncoming(view, this.#core, row)];
      }),
    );
  }

  /** What this device sent, in the order it was written. */
  async sent(): Promise<readonly SentMessage[]> {
    return this.#core.vault.read((view) =>
      listMessages(view).flatMap(([, row]) =>
        row.direction === "out" ? [describeOutgoing(view, this.#core, row)] : [],
      ),
    );
  }

  /**
   * Messages not yet marked shown, then new ones as they come, each once. Also sees what another
   * process of this vault takes in. Ends when `signal` aborts or the client is closed.
   */
  async *messages(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<ReceivedMessage, void, undefined> {
    const wake = this.#wakes(options);
    const stopFollowing = this.#media.follow();
    let place = 0;
    try {
      while (!wake.isOver()) {
        const { last, fresh } = await this.#since(place).catch((error) => {
          // Closed between two looks: that is its end, not a fault.
          if (wake.isOver()) return { last: place, fresh: [] };
          throw error;
        });
        place = last;
        for (const message of fresh) {
          if (wake.isOver()) return;
          yield message;
        }
        if (fresh.length === 0) await wake.next();
      }
    } finally {
      stopFollowing();
      wake.stop();
    }
  }

  async #since(
    place: number,
  ): Promise<{ readonly last: number; readonly fresh: readonly ReceivedMessage[] }> {
    return this.#core.vault.read((view) => {
      const last = lastMessageIndex(view);
      const fresh: ReceivedMessage[] = [];
      for (let index = place + 1; index <= last; index++) {
        const row = getMessage(view, index);
        if (row?.direction === "in" && !row.isShown)
          fresh.push(describeIncoming(view, this.#core, row));
      }
      return { last, fresh };
    });
  }

  /** `received({ onlyNew })` and later iterators pass it over. @throws TumarError MESSAGE_UNKNOWN */
  async markShown(id: Uint8Array): Promise<void> {
    await this.#core.vault.transaction((tx) => {
      const index = messageIndex(tx, id);
      const row = index === undefined ? undefined : getMessage(tx, index);
      if (index === undefined || row?.direction !== "in") {
        throw new TumarError("MESSAGE_UNKNOWN", "no such message");
      }
      putMessage(tx, index, { ...row, isShown: true });
    });
  }

  /**
   * A person has read these: their senders are told, each once, and only those who were chosen. Nothing
   * but this call ever tells it. Safe in the vault when this resolves.
   * @throws TumarError MESSAGE_UNKNOWN: then nothing was marked
   */
  async markRead(ids: readonly Uint8Array[]): Promise<ReadSummary> {
    const { roots, ...summary } = await this.#core.vault.transaction((tx) => {
      const marked = markRead(tx, this.#core, ids);
      if (this.#engine.isTrusted) for (const root of marked.roots) sealDrafts(tx, this.#core, root);
      return marked;
    });
    if (roots.length > 0) this.#engine.kick();
    return summary;
  }

  /** The id of the received message that is meant by its beginning. @throws TumarError MESSAGE_UNKNOWN, MESSAGE_AMBIGUOUS */
  async receivedId(prefix: string): Promise<Uint8Array> {
    return this.#core.vault.read((view) => findReceivedId(view, prefix));
  }

  /** What was written and has not been stored, with what it waits for in plain words. */
  async outbox(): Promise<readonly OutboxItem[]> {
    return this.#core.vault.read((view) =>
      waitingRows(view).map((row) => {
        const fault = this.#engine.sealingFault(row.root) ?? this.#engine.homeFault;
        const trying = this.#engine.isStarted ? tryingFor(view, this.#core, row) : null;
        return describeWaiting(view, this.#core, row, fault, trying);
      }),
    );
  }

  /**
   * Sends what is queued, takes what waits, and returns.
   * @throws TumarError RELAY_UNREACHABLE and the like when our own relay could not be asked
   */
  async sync(options: { readonly timeoutMs?: number } = {}): Promise<SyncSummary> {
    this.start();
    const counted = { message: 0, stored: 0 };
    let unreachable: readonly string[] = [];
    const stopCounting = this.on(({ type }) => {
      if (type === "message" || type === "stored") counted[type] += 1;
    });
    const wake = this.#wakes({ timeoutMs: options.timeoutMs ?? DEFAULT_SYNC_MS });
    try {
      const done = await Promise.race([this.#syncAll(), wake.over()]);
      if (done === undefined) throw wake.reason(this.#engine.homeFault);
      unreachable = done;
      // Media takes as long as it takes: it has what is left of the time.
      const media = Promise.all([this.#media.refresh(), this.#engine.uploaded()]);
      await Promise.race([media, wake.over()]);
    } finally {
      wake.stop();
      stopCounting();
    }
    const queued = (await this.outbox()).length;
    return { sent: counted.stored, received: counted.message, queued, unreachable };
  }

  /** @returns the addresses of our relays that did not answer */
  async #syncAll(): Promise<readonly string[]> {
    const unreachable = await this.#engine.drained();
    await this.#engine.sent();
    return unreachable;
  }

  // --- media ------------------------------------------------------------------------------------

  /**
   * Safe beside the vault and in it when this resolves: sealed, or, if it is live, begun.
   * @throws TumarError CONTACT_UNKNOWN, IDENTITY_CHANGED, MEDIA_EMPTY, MEDIA_TYPE,
   *   METADATA_NOT_REMOVABLE, VAULT_STORAGE, and the signal's reason: then nothing is kept of it
   */
  async sendMedia(nameOrPrefix: string, options: SendMediaOptions): Promise<SentMessage> {
    this.#checkOpen();
    return await this.sentMessage(await this.#media.send(nameOrPrefix, options));
  }

  /**
   * Resolves when what is live has ended and lies sealed beside the vault; at once for all else.
   * Rejects with why its source broke off; what came before is sent.
   * @throws TumarError MESSAGE_UNKNOWN, CLIENT_CLOSED
   */
  async mediaSealed(id: Uint8Array): Promise<SentMessage> {
    await this.#core.recordings.ended(id);
    const wake = this.#wakes({});
    try {
      for (;;) {
        const message = await this.sentMessage(id);
        if (message.media?.isSealed !== false || message.state === "expired") return message;
        if (wake.isOver()) throw wake.reason(undefined);
        await wake.next();
      }
    } finally {
      wake.stop();
    }
  }

  /** As `receivedId`, of a message with media. @throws TumarError MESSAGE_UNKNOWN, MESSAGE_AMBIGUOUS, MEDIA_UNKNOWN */
  async mediaId(prefix: string): Promise<Uint8Array> {
    return this.#core.vault.read((view) => {
      const id = findReceivedId(view, prefix);
      partsWanted(view, id, undefined);
      return id;
    });
  }

  /** Asks the relays how much there is of what is not complete, or of these; a silent one changes nothing. */
  async refreshMedia(ids?: readonly Uint8Array[]): Promise<void> {
    this.#checkOpen();
    await this.#media.refresh(ids);
  }

  /**
   * Resolves when everything the relay has of it is here, checked and sealed beside the vault; `state` says
   * whether that is all. What came stays here whatever fails, and the next call goes on.
   * @throws TumarError MESSAGE_UNKNOWN, MEDIA_UNKNOWN, MEDIA_GONE, BLOB_DAMAGED, BLOB_MISMATCH, what the
   *   relay or the network fails with, VAULT_STORAGE, and the signal's reason
   */
  async fetchMedia(id: Uint8Array, options: FetchOptions = {}): Promise<ReceivedMedia> {
    this.#checkOpen();
    await this.#media.fetch(id, options);
    const { media } = await this.receivedMessage(id);
    if (media === null) throw new TumarError("MEDIA_UNKNOWN", "there is nothing to fetch in it");
    return media;
  }

  /**
   * What is here of it, in order, up to its end or to where it is cut off.
   * @throws TumarError MEDIA_UNKNOWN, BLOB_DAMAGED; BLOB_CUT_OFF behind what is here of what is complete elsewhere
   */
  openMedia(id: Uint8Array, options: { readonly part?: PartRole } = {}): AsyncIterable<Uint8Array> {
    this.#checkOpen();
    return this.#media.open(id, options.part ?? "whole");
  }

  /** Deletes what was fetched of it; the message stays, and the relay keeps its copy for its time. */
  async discardMedia(id: Uint8Array): Promise<void> {
    this.#checkOpen();
    await this.#media.discard(id);
  }

  // --- relays -----------------------------------------------------------------------------------

  /** The relays this inbox lives at, in the order they were added. */
  async relays(): Promise<readonly OwnRelay[]> {
    return this.#core.vault.read((view) => describeRelays(view, this.#core));
  }

  /** Resolves when each of our relays has answered or has been silent for a while, or the time is over. */
  async reachRelays(options: WakeOptions = {}): Promise<void> {
    this.start();
    const wake = this.#wakes(options);
    try {
      await Promise.race([this.#engine.drained(), wake.over()]);
    } finally {
      wake.stop();
    }
  }

  /**
   * The inbox lives there too; contacts are told by and by. An address with the key of a relay of ours
   * is a door to it. Begins to send and receive. Resolves when the relay is set up, or with stage
   * *joining* when that takes longer; it goes on by itself.
   * @throws TumarError BAD_RELAY_ADDRESS, RELAYS_FULL, RELAYS_USED_UP, network and relay codes
   */
  async addRelay(address: string, options: WakeOptions = {}): Promise<OwnRelay> {
    this.start();
    const added = await addRelay(this.#core, address);
    const relay = await this.#relayWhen(added, options, ({ stage }) => stage === "live");
    if (relay === null) throw new TumarError("RELAY_UNKNOWN", "it was removed meanwhile");
    return relay;
  }

  /**
   * By address or host, whether it lives or not: contacts are told by and by. One that lives is emptied
   * and its mailbox deleted. Resolves with null when that is done, or with stage *leaving* when it takes
   * longer; with the relay itself when it was a door that was removed.
   * @throws TumarError RELAY_UNKNOWN, RELAY_LAST
   */
  async removeRelay(addressOrHost: string, options: WakeOptions = {}): Promise<OwnRelay | null> {
    this.start();
    const removed = await removeRelay(this.#core, addressOrHost);
    return await this.#relayWhen(removed, options, ({ stage }) => stage !== "leaving");
  }

  async #relayWhen(
    address: string,
    { timeoutMs = DEFAULT_RELAY_MS, signal }: WakeOptions,
    isSettled: (relay: OwnRelay) => boolean,
  ): Promise<OwnRelay | null> {
    this.#core.emit({ type: "relays" });
    await this.#engine.findHomes();
    this.#engine.tend(address);
    const wake = this.#wakes({ timeoutMs, signal });
    try {
      for (;;) {
        const relay = (await this.relays()).find((one) => one.address === address);
        if (relay === undefined || isSettled(relay) || wake.isOver()) return relay ?? null;
        await wake.next();
      }
    } finally {
      wake.stop();
    }
  }

  /** The result stops the listening. */
  on(listener: (event: ClientEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for what is being committed, then wipes the keys; idempotent. */
  async close(): Promise<void> {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#stopWatching();
    await this.#core.recordings.close();
    await this.#engine.stop(() => {
      for (const pool of this.#pools) pool.close();
    });
    await this.#core.blobs.close();
    await this.#core.vault.close();
  }

  #onNetworkChange(): void {
    for (const pool of this.#pools) pool.networkChanged();
    this.#engine.networkChanged();
  }

  /** What a contact whose session stands is told once it has a name. */
  #greet(tx: VaultTransaction, root: Uint8Array): void {
    draftCourtesies(tx, this.#core, root, false);
    if (this.#engine.isTrusted) sealDrafts(tx, this.#core, root);
  }

  #wakes(options: WakeOptions): Wakes {
    this.#checkOpen();
    return new Wakes((listener) => this.on(listener), this.#clock, this.#end.signal, options);
  }

  #checkOpen(): void {
    if (this.#end.signal.aborted) throw new TumarError("CLIENT_CLOSED", "the client is closed");
  }
}

/** What was written and waits, in the order it leaves; media also when its manifest was read before it left. */
function waitingRows(view: VaultView): readonly OutgoingRow[] {
  const uploading = new Set(
    listSentParts(view).flatMap(([id, , row]) => (isUploading(row) ? id : [])),
  );
  const waiting = new Set([...waitingMessages(view), ...uploading]);
  const rows = messagesOf(view, [...waiting]).filter(
    (row): row is OutgoingRow =>
      row.direction === "out" && (row.state === "written" || uploading.has(toHex(row.id))),
  );
  return LANES.flatMap((lane) => rows.filter(({ kind }) => laneOf(kind) === lane));
}
