/**
 * The impairment laboratory: a TCP proxy on loopback that treats what passes as a bad network does.
 *
 *     const network = await impair({ to: relay.address, profile: "curtain16", seed: 7 });
 *     network.address(relay.address)   the relay's address through it, under the same key
 *     network.setProfile("none");      open connections go on over the new network
 *     network.stats();                 what happened to each connection, and in all
 *     await network.close();
 *
 * One `impair` is one person's line: its rate is shared by its connections. The same seed and the same
 * reads from the sockets give the same losses, delays and resets. It knows nothing of TLS or of the
 * relay's protocol; three profiles speak HTTP (gateways.ts). `timeScale` lets time pass so many times
 * as fast, for nights.
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type Clock, systemClock } from "../../../client/net/clock.ts";
import { Chance } from "./chance.ts";
import {
  Connection,
  type ConnectionChange,
  type ConnectionHost,
  type ConnectionStats,
} from "./connection.ts";
import { Gateways, routeOf, type Target } from "./gateways.ts";
import { Line } from "./line.ts";
import { Outages } from "./outages.ts";
import { type Profile, type ProfileName, profileOf } from "./profiles.ts";

export interface ImpairOptions {
  /** A relay's address, `host:port`, or both apart. */
  readonly to: string | Target;
  readonly profile: ProfileName | Profile;
  readonly seed?: number | string;
  /** 0 picks one. */
  readonly port?: number;
  readonly clock?: Clock;
  readonly timeScale?: number;
  /** Keeps the bytes of each connection. */
  readonly record?: boolean;
  onChange?(connection: ConnectionStats, change: ConnectionChange): void;
}

export interface ImpairTotals {
  readonly connections: number;
  readonly open: number;
  /** Connections the network froze. */
  readonly stalls: number;
  readonly resets: number;
  readonly losses: number;
  readonly sentUpBytes: number;
  readonly upBytes: number;
  readonly downBytes: number;
}

export interface ImpairStats extends ImpairTotals {
  readonly each: readonly ConnectionStats[];
}

export interface Impairment {
  readonly port: number;
  /** The same address with the laboratory's port. */
  address(of: string): string;
  /** Connections that something else would answer now are reset. */
  setProfile(profile: ProfileName | Profile): void;
  stats(): ImpairStats;
  close(): Promise<void>;
}

/** Resolves when it listens. */
export async function impair(options: ImpairOptions): Promise<Impairment> {
  const laboratory = new Laboratory(options);
  await laboratory.listen(options.port ?? 0);
  return laboratory;
}

class Laboratory implements Impairment, ConnectionHost {
  readonly clock: Clock;
  readonly isRecording: boolean;
  readonly #options: ImpairOptions;
  readonly #gateways: Gateways;
  readonly #connections: Connection[] = [];
  readonly #server: Server;
  #line: Line;
  #profiles = 0;
  #closed: Promise<void> | undefined;

  constructor(options: ImpairOptions) {
    const { clock = systemClock, timeScale = 1, record = false } = options;
    this.#options = options;
    this.clock = timeScale === 1 ? clock : hurried(clock, timeScale);
    this.isRecording = record;
    const target = targetOf(options.to);
    this.#gateways = new Gateways({ target, clock: this.clock, chance: this.chance("upgrades") });
    this.#line = this.#lineOf(profileOf(options.profile));
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#onClient(socket),
    );
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  address(of: string): string {
    return of.replace(/^(https?:\/\/[^/#]+?)(?::\d+)?\/?(?=#|$)/, `$1:${this.port}`);
  }

  setProfile(given: ProfileName | Profile): void {
    const before = this.#line.profile.gateway;
    this.#line = this.#lineOf(profileOf(given));
    const isOtherGateway = before !== this.#line.profile.gateway;
    for (const connection of this.#connections) {
      if (isOtherGateway) connection.reset();
      else connection.moveTo(this.#line);
    }
  }

  stats(): ImpairStats {
    const each = this.#connections.map((connection) => connection.stats());
    const sum = (of: (one: ConnectionStats) => number) =>
      each.reduce((all, one) => all + of(one), 0);
    return {
      connections: each.length,
      open: sum(({ closedAtMs }) => (closedAtMs === undefined ? 1 : 0)),
      stalls: sum(({ isFrozen }) => (isFrozen ? 1 : 0)),
      resets: sum(({ isReset }) => (isReset ? 1 : 0)),
      losses: sum(({ losses }) => losses),
      sentUpBytes: sum(({ sentUpBytes }) => sentUpBytes),
      upBytes: sum(({ upBytes }) => upBytes),
      downBytes: sum(({ downBytes }) => downBytes),
      each,
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const connection of this.#connections) connection.end();
    await this.#gateways.close();
    await closed;
  }

  // --- ConnectionHost ---------------------------------------------------------------------------

  get line(): Line {
    return this.#line;
  }

  chance(label: string): Chance {
    return new Chance(this.#options.seed ?? 1, label);
  }

  route(beginning: Buffer): ReturnType<ConnectionHost["route"]> {
    const { gateway } = this.#line.profile;
    const route = gateway === undefined ? "target" : routeOf(gateway, beginning);
    return route === undefined ? undefined : this.#gateways.place(route);
  }

  changed(connection: Connection, change: ConnectionChange): void {
    this.#options.onChange?.(connection.stats(), change);
  }

  // ----------------------------------------------------------------------------------------------

  #onClient(socket: Socket): void {
    this.#connections.push(new Connection(this.#connections.length, socket, this));
  }

  #lineOf(profile: Profile): Line {
    const { outages, upgrades } = profile;
    const chance = this.chance(`outages ${this.#profiles++}`);
    this.#gateways.upgrades = upgrades ?? "either";
    const plan = outages && new Outages(outages, chance, this.clock.now());
    return new Line(profile, plan);
  }
}

/** @throws RangeError when there is no host and port in it. */
export function targetOf(to: string | Target): Target {
  if (typeof to !== "string") return to;
  const url = URL.canParse(to) && to.includes("//") ? new URL(to) : parseHost(to);
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  if (url.hostname === "") throw new RangeError("not an address");
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port };
}

function parseHost(text: string): URL {
  if (!URL.canParse(`http://${text}`)) throw new RangeError("not an address");
  return new URL(`http://${text}`);
}

function hurried(clock: Clock, scale: number): Clock {
  return {
    now: () => clock.now() * scale,
    after: (ms, task) => clock.after(ms / scale, task),
  };
}
