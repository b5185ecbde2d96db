/**
 * One relay as the client core uses it: an owner channel and a sender channel, opened when they are
 * needed and never mixed, so that the relay cannot tell that both are one person's.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningPublicKey } from "../../shared/crypto/sodium.ts";
import {
  formatRelayAddress,
  type RelayAddress,
  relayOrigin,
} from "../../shared/e2ee/relay-address.ts";
import type { ChannelKind } from "../../shared/wire/frame-table.ts";
import type { HelloAnswer } from "../../shared/wire/frames.ts";
import { Announcements } from "./announcements.ts";
import { ChannelLink, type ChannelLinkSettings } from "./channel-link.ts";
import type { ConnectionContext } from "./connection-context.ts";
import type {
  AnswerTo,
  LinkState,
  OwnerRequestOptions,
  OwnerRequests,
  OwnerRequestType,
  Relay,
  RelayFacts,
  RequestBody,
  RequestOptions,
  RequestType,
  SenderRequests,
  SenderRequestType,
} from "./requests.ts";
import { routedTransport } from "./routed-transport.ts";
import { Routes } from "./routes.ts";
import { hindranceOf } from "./situation.ts";
import type { TransportChoice } from "./transport-choice.ts";
import { type Situation, situationWords } from "./words.ts";

export interface LinkOptions extends ChannelLinkSettings {
  /** To this relay, by what the user added. */
  doors(): readonly RelayAddress[];
  readonly choice: TransportChoice;
  readonly environment: Omit<ConnectionContext, "origin" | "announcements">;
  /** What `keepAnnouncement` was last given for this channel, in this run or an earlier one. */
  announcementOf(channel: ChannelKind): Uint8Array | undefined;
  /** To be stored, so that the next first contact takes one round trip. */
  keepAnnouncement(channel: ChannelKind, announcement: Uint8Array): void;
  /** Each time a channel is told the relay's hour. */
  onHour(hour: number): void;
}

/** Which of two channels' phases is told. */
const CALM = ["up", "resting", "connecting", "idle"] as const;
const TROUBLED = ["resting", "connecting", "up", "idle"] as const;

/** The connection checks the type of each answer against the frame table. */
type BodyOf<Type extends RequestType> = RequestBody<Type> & { readonly type: Type };

export class RelayLink implements Relay {
  readonly address: string;
  readonly owner: OwnerRequests;
  readonly sender: SenderRequests;
  readonly #channels: readonly ChannelLink[];
  /**
   * One for each channel: a relay could give every caller a key or an epoch of its own, and know by it
   * which two channels are one person's.
   */
  readonly #announcements: readonly Announcements[];
  readonly #choice: TransportChoice;
  readonly #routes: Routes;
  readonly #listeners = new Set<(state: LinkState) => void>();
  readonly #onHour: (hour: number) => void;
  #hello: HelloAnswer | undefined;
  #told: LinkState | undefined;

  constructor(address: RelayAddress, options: LinkOptions) {
    this.address = formatRelayAddress(address);
    this.#onHour = options.onHour;
    this.#choice = options.choice;
    const announcementsOf = (channel: ChannelKind) =>
      new Announcements(
        address.hash,
        (announcement) => options.keepAnnouncement(channel, announcement),
        options.announcementOf(channel),
      );
    const { transport, clock } = options.environment;
    this.#routes = new Routes({ clock, address, doors: options.doors });
    const open = (announcements: Announcements) => {
      const routed = routedTransport(this.#routes, transport.apart?.() ?? transport);
      const context: ConnectionContext = {
        ...options.environment,
        transport: routed,
        onAnswered: () => routed.answered(),
        origin: relayOrigin(address),
        announcements,
      };
      return new ChannelLink(context, options.choice, options, {
        onState: () => this.#tellState(),
        onHello: (hello) => this.#onHello(hello),
      });
    };
    const known = [announcementsOf("owner"), announcementsOf("sender")] as const;
    this.#announcements = known;
    const [owner, sender] = [open(known[0]), open(known[1])];
    this.#channels = [owner, sender];
    this.owner = {
      request: <Type extends OwnerRequestType>(body: BodyOf<Type>, proven: OwnerRequestOptions) =>
        owner.request(body, proven) as Promise<AnswerTo<Type>>,
      subscribe: (mailbox, subscribeOptions) => owner.subscribe(mailbox, subscribeOptions),
      warm: () => owner.warm(),
    };
    this.sender = {
      request: <Type extends SenderRequestType>(body: BodyOf<Type>, limits: RequestOptions = {}) =>
        sender.request(body, limits) as Promise<AnswerTo<Type>>,
    };
  }

  facts(): RelayFacts | undefined {
    const newest = this.#announcements.find((one) => one.newest !== undefined)?.newest;
    const identity: SigningPublicKey | undefined = newest?.identity;
    if (this.#hello === undefined || identity === undefined) return undefined;
    return { identity, hello: this.#hello };
  }

  state(): LinkState {
    const error = this.#lastError();
    const situation = this.#situation(error);
    return {
      isUp: error === undefined && situation.phase === "up",
      nextTryMs: situation.nextTryMs,
      reason: error?.message ?? "",
      error: error ?? null,
      transport: situation.transport,
      trying: situationWords(situation),
      situation,
    };
  }

  onState(listener: (state: LinkState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  kick(): void {
    for (const channel of this.#channels) channel.kick();
  }

  networkChanged(): void {
    this.#choice.networkChanged();
    for (const channel of this.#channels) channel.networkChanged();
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
    this.#listeners.clear();
  }

  #onHello(hello: HelloAnswer): void {
    this.#hello = hello;
    this.#onHour(hello.hour);
  }

  /** Of a channel that is needed and not up. */
  #lastError(): TumarError | undefined {
    return this.#channels.find(({ error, state }) => error !== undefined && state.phase !== "idle")
      ?.error;
  }

  /** Of both channels: what the one in trouble does, or else what either does. */
  #situation(error: TumarError | undefined): Situation {
    const states = this.#channels.map(({ state }) => state);
    const rests = states.flatMap((state) => (state.phase === "resting" ? [state.nextTryMs] : []));
    const phases = states.map(({ phase }) => phase);
    const order = error === undefined ? CALM : TROUBLED;
    const used = this.#channels.find(({ state }) => state.phase !== "idle");
    const transport = used?.kind ?? this.#choice.kind;
    return {
      phase: order.find((phase) => phases.includes(phase)) ?? "idle",
      hindrance: hindranceOf(error, this.#choice, transport),
      transport,
      door: this.#routes.door,
      nextTryMs: rests.length > 0 ? Math.min(...rests) : null,
    };
  }

  /** Both channels change at once often; listeners hear of a change once. */
  #tellState(): void {
    const state = this.state();
    const told = this.#told;
    if (told?.isUp === state.isUp && told.trying === state.trying) return;
    this.#told = state;
    for (const listener of this.#listeners) listener(state);
  }
}
