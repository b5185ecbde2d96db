/**
 * The connection a channel uses, of whatever kind works: one that carries everything, and at times a
 * second one beside it that carries nothing but `hello` until it takes over.
 *
 *     race    the first is not open yet: whichever opens first stays
 *     rescue  the first went silent: the second takes over if it opens and the first is still silent
 *     renew   likewise after a change of network, without an inference about the last one
 *     raise   the first works: the second, of a higher kind, takes over once it has proved itself
 *     follow  likewise, because of what the relay's other channel found out
 *
 * What the first had not sent moves on to the second; what was sent and not answered is rejected, as
 * when a connection breaks.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { HelloAnswer } from "../../shared/wire/frames.ts";
import type { Clock } from "./clock.ts";
import type { Connection, TransportKind } from "./connection.ts";
import type { ConnectionFactory } from "./connections.ts";
import { moving, type Outgoing } from "./outgoing.ts";
import { PROVED_MS, Proof } from "./proof.ts";
import { Timers } from "./timers.ts";
import type { TransportChoice } from "./transport-choice.ts";
import { fellSilent, unreachable } from "./transport-faults.ts";

const RESCUE_AGAIN_MS = 2_000;
/** A change of connection waits so long for answers that are on their way. */
const QUIET_MS = 10_000;
const LOOK_MS = 250;

export interface ChosenEvents {
  /** Also when another connection has taken over. */
  onOpen(): void;
  onHello(hello: HelloAnswer): void;
  /** Another connection carries on, with what was not sent; subscriptions must be submitted again. */
  onMoved(): void;
  onClosed(error: TumarError, unsent: readonly Outgoing[]): void;
}

type Purpose = "race" | "rescue" | "renew" | "raise" | "follow";

interface Held {
  readonly kind: TransportKind;
  readonly connection: Connection;
  readonly beganAt: number;
}

interface Beside extends Held {
  readonly purpose: Purpose;
  /** What the first had received when this began: more means that it lives. */
  readonly heardBefore: number;
  /** For *raise* only. */
  readonly proof: Proof;
}

export class ChosenConnection {
  readonly #connect: ConnectionFactory;
  readonly #choice: TransportChoice;
  readonly #clock: Clock;
  readonly #channel: object;
  readonly #events: ChosenEvents;
  readonly #over = new AbortController();
  readonly #timers: Timers;
  readonly #stopListening: () => void;
  #cancelProbe: () => void = () => {};
  #main: Held;
  #beside: Beside | undefined;
  /** The one beside has proved itself, and waits for a quiet moment. */
  #isProved = false;
  #isTakingOver = false;

  /** Begins to connect. `events` are never told before the constructor has returned. */
  constructor(
    connect: ConnectionFactory,
    choice: TransportChoice,
    clock: Clock,
    channel: object,
    events: ChosenEvents,
  ) {
    this.#connect = connect;
    this.#choice = choice;
    this.#clock = clock;
    this.#timers = new Timers(clock, this.#over.signal);
    this.#channel = channel;
    this.#events = events;
    const { kind, beside, besideMs } = choice.plan();
    this.#main = this.#open(kind);
    if (beside !== undefined) this.#awaitRace(beside, besideMs);
    this.#stopListening = choice.onChanged(() => this.#follow());
  }

  get kind(): TransportKind {
    return this.#main.kind;
  }

  get isOpen(): boolean {
    return this.#main.connection.isOpen;
  }

  get isQuiet(): boolean {
    return this.#main.connection.isQuiet;
  }

  submit(outgoing: Outgoing): void {
    this.#main.connection.submit(outgoing);
  }

  probe(): void {
    this.#main.connection.probe();
  }

  /** The network changed: what is open may be dead, and what hangs may hang for long. */
  recheck(): void {
    this.#dropBeside();
    if (this.isOpen) this.#openBeside(this.#choice.kind, "renew");
    else this.#race(this.#choice.kind);
    this.probe();
  }

  fail(error: TumarError): void {
    if (this.#over.signal.aborted) return;
    this.#end();
    this.#main.connection.fail(error);
  }

  // --- the one in use ---------------------------------------------------------------------------

  #open(kind: TransportKind): Held {
    const connection = this.#connect(kind, {
      onOpen: () => this.#onOpen(connection),
      onHello: (hello) => this.#onHello(connection, hello),
      onDoubt: () => this.#onDoubt(connection),
      onClosed: (error, unsent) => this.#onClosed(connection, error, unsent),
    });
    return { kind, connection, beganAt: this.#clock.now() };
  }

  #onOpen(connection: Connection): void {
    if (connection === this.#main.connection) {
      if (this.#beside?.purpose === "race") this.#dropBeside();
      this.#settle();
    } else if (connection === this.#beside?.connection) {
      this.#onBesideOpen(this.#beside);
    }
  }

  /** The connection in use is open. */
  #settle(): void {
    const { kind, connection } = this.#main;
    this.#choice.opened(kind);
    this.#timers.after(PROVED_MS, () => {
      if (connection === this.#main.connection) this.#choice.proved(kind);
    });
    this.#awaitProbe();
    this.#events.onOpen();
  }

  #onHello(connection: Connection, hello: HelloAnswer): void {
    this.#events.onHello(hello);
    const beside = this.#beside;
    if (connection === beside?.connection && beside.purpose === "raise") beside.proof.onHello();
  }

  #onDoubt(connection: Connection): void {
    if (connection === this.#main.connection) {
      this.#dropBeside();
      this.#rescue();
    } else if (connection === this.#beside?.connection) {
      connection.fail(unreachable("it fell silent while it was tried"));
    }
  }

  #onClosed(connection: Connection, error: TumarError, unsent: readonly Outgoing[]): void {
    if (connection === this.#main.connection) this.#onMainClosed(error, unsent);
    else if (connection === this.#beside?.connection) this.#onBesideClosed(this.#beside, error);
  }

  #onMainClosed(error: TumarError, unsent: readonly Outgoing[]): void {
    if (!this.#isTakingOver) this.#tellFailure(error);
    const next = this.#beside;
    const mayTakeOver = this.#isTakingOver || this.#isProved || next?.purpose !== "raise";
    if (this.#over.signal.aborted || !error.retryable || next === undefined || !mayTakeOver) {
      this.#end();
      this.#events.onClosed(error, unsent);
    } else {
      this.#moveTo(next, unsent, error);
    }
  }

  #moveTo(next: Held, unsent: readonly Outgoing[], error: TumarError): void {
    this.#main = next;
    this.#beside = undefined;
    this.#isProved = false;
    for (const one of moving(unsent, error)) next.connection.submit(one);
    this.#events.onMoved();
    if (next.connection.isOpen) this.#settle();
  }

  #tellFailure(error: TumarError, isRescued = false): void {
    const { kind, connection, beganAt } = this.#main;
    const livedMs = this.#clock.now() - beganAt;
    const { receivedBytes } = connection;
    this.#choice.failed(this.#channel, { kind, error, receivedBytes, livedMs, isRescued });
  }

  // --- the one beside ---------------------------------------------------------------------------

  #openBeside(kind: TransportKind, purpose: Purpose): void {
    if (this.#over.signal.aborted || this.#beside !== undefined) return;
    const heardBefore = this.#main.connection.receivedBytes;
    const held = this.#open(kind);
    const proof = new Proof(held.connection, {
      clock: this.#clock,
      timers: this.#timers,
      mustOutgrowCurtain: this.#choice.mustOutgrowCurtain,
      onProved: () => this.#onProved(),
    });
    this.#beside = { ...held, purpose, heardBefore, proof };
  }

  /** As long as bytes come, the first one only takes its time. */
  #awaitRace(kind: TransportKind, ms: number): void {
    const { connection } = this.#main;
    const before = connection.receivedBytes;
    this.#timers.after(ms, () => {
      if (connection !== this.#main.connection) return;
      if (connection.receivedBytes > before) this.#awaitRace(kind, ms);
      else this.#race(kind);
    });
  }

  #race(kind: TransportKind): void {
    if (!this.isOpen) this.#openBeside(kind, "race");
  }

  #rescue(): void {
    const { connection } = this.#main;
    if (!connection.isDoubtful) return;
    this.#openBeside(this.#choice.rescueKind(connection.receivedBytes), "rescue");
  }

  /** The other channel of this relay found that another kind is better. */
  #follow(): void {
    if (!this.isOpen || this.#main.kind === this.#choice.kind) return;
    this.#openBeside(this.#choice.kind, "follow");
  }

  #onBesideOpen(beside: Beside): void {
    const isHeard = this.#main.connection.receivedBytes > beside.heardBefore;
    switch (beside.purpose) {
      case "race":
        this.#takeOver();
        return;
      case "rescue":
      case "renew":
        if (isHeard) this.#dropBeside();
        else this.#takeOverFromSilent(beside);
        return;
      case "follow":
        this.#takeOverWhenQuiet(beside);
        return;
      case "raise":
        beside.proof.begin();
    }
  }

  #onBesideClosed(beside: Beside, error: TumarError): void {
    this.#beside = undefined;
    beside.proof.end();
    this.#isProved = false;
    if (beside.purpose === "rescue") this.#timers.after(RESCUE_AGAIN_MS, () => this.#rescue());
    if (beside.purpose !== "raise") return;
    this.#choice.endProbe(beside.kind, error.code === "CLOSING" ? undefined : false);
    this.#awaitProbe();
  }

  #dropBeside(): void {
    const beside = this.#beside;
    if (beside === undefined) return;
    this.#beside = undefined;
    beside.proof.end();
    if (beside.purpose === "raise" && !this.#isProved)
      this.#choice.endProbe(beside.kind, undefined);
    this.#isProved = false;
    beside.connection.fail(new TumarError("LINK_CLOSED", "the connection is not needed"));
    this.#awaitProbe();
  }

  /** What waits for an answer is rejected; the caller repeats it over the new connection. */
  #takeOver(): void {
    this.#isTakingOver = true;
    this.#main.connection.fail(unreachable("another connection took over"));
    this.#isTakingOver = false;
  }

  #takeOverFromSilent({ purpose, beganAt }: Beside): void {
    const silentMs = this.#clock.now() - beganAt;
    if (purpose === "rescue") this.#tellFailure(fellSilent(silentMs), true);
    this.#takeOver();
  }

  #takeOverWhenQuiet(beside: Beside, leftMs: number = QUIET_MS): void {
    if (beside !== this.#beside) return;
    if (this.isQuiet || leftMs <= 0) this.#takeOver();
    else this.#timers.after(LOOK_MS, () => this.#takeOverWhenQuiet(beside, leftMs - LOOK_MS));
  }

  // --- trying a higher kind ---------------------------------------------------------------------

  #awaitProbe(): void {
    this.#cancelProbe();
    const { probeInMs } = this.#choice;
    if (probeInMs !== undefined)
      this.#cancelProbe = this.#timers.after(probeInMs, () => this.#tryHigher());
  }

  #tryHigher(): void {
    if (!this.isOpen || this.#beside !== undefined) return;
    const kind = this.#choice.beginProbe();
    if (kind === undefined) this.#awaitProbe();
    else this.#openBeside(kind, "raise");
  }

  #onProved(): void {
    const beside = this.#beside;
    if (beside === undefined) return;
    this.#isProved = true;
    this.#choice.endProbe(beside.kind, true);
    this.#takeOverWhenQuiet(beside);
  }

  // ----------------------------------------------------------------------------------------------

  #end(): void {
    this.#over.abort();
    this.#stopListening();
    this.#dropBeside();
  }
}
