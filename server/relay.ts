/**
 * The composition root: makes the parts of a relay, starts them in order, and stops them in order.
 *
 * Tests and programs that embed a relay call `startRelay`; main.ts does too. Nothing is kept in
 * module state: several relays can live in one process.
 */

import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import type { DestinationStream } from "pino";
import type { Random } from "../shared/crypto/bytes.ts";
import { systemRandom } from "../shared/crypto/sodium.ts";
import { relayAddress } from "../shared/wire/ids.ts";
import { type ReceiptProof, signReceipts } from "../shared/wire/receipt.ts";
import { AddressLimit } from "./address-limit.ts";
import { AddressNames } from "./address-names.ts";
import { announcementOf } from "./announcement.ts";
import { Blobs } from "./blobs/blobs.ts";
import { type Clock, hourOf, systemClock } from "./clock.ts";
import { configOf } from "./config.ts";
import type { SettingValues } from "./config-table.ts";
import { Epochs } from "./epochs.ts";
import { Exchanges } from "./exchanges.ts";
import { buildHttp } from "./http.ts";
import { Keyring } from "./keys.ts";
import { listen, originOf, standardError } from "./listen.ts";
import { Logger } from "./logger.ts";
import { Metrics } from "./metrics.ts";
import { buildMetricsServer } from "./metrics-server.ts";
import { ObservedStore } from "./observed-store.ts";
import { Pressure } from "./pressure.ts";
import { Revocations } from "./revocations.ts";
import type { Services } from "./services.ts";
import { limitSockets } from "./socket-limit.ts";
import { Sockets } from "./sockets.ts";
import { GroupCommit } from "./store/group-commit.ts";
import { openSqliteStore } from "./store/sqlite/sqlite-engine.ts";
import type { Store } from "./store/store.ts";
import { storeLimitsOf } from "./store-limits.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Sweeper } from "./sweeper.ts";

export interface RelayOptions {
  /** Settings that differ from their defaults. PORT 0 picks a free one. */
  readonly config?: Partial<SettingValues>;
  /** Another engine than the embedded one; closed with the relay. */
  readonly store?: Store;
  /** Wall clock, in milliseconds since 1970. */
  readonly clock?: Clock;
  /** Milliseconds that never jump. */
  readonly timer?: Clock;
  readonly random?: Random;
  /** Where log lines go; standard error when not given. */
  readonly log?: DestinationStream;
}

export interface Relay {
  /** What clients pin: `http://127.0.0.1:8787#k=…`. */
  readonly address: string;
  readonly port: number;
  /** 0 when metrics are off. */
  readonly metricsPort: number;
  /** What the sweeper does at its times, now. */
  sweep(): Promise<void>;
  /** Ends open work, closes connections with 1001, sweeps, closes the store. Idempotent. */
  close(): Promise<void>;
}

/**
 * Resolves when the relay can be reached.
 * @throws TumarError BAD_CONFIG, KEY_FILE_DAMAGED, KEY_FILE_EXPOSED, DATA_UNUSABLE, PORT_UNUSABLE,
 *   STORE_IN_USE, STORE_CORRUPT, STORE_TOO_NEW, STORE_KEY_WRONG, STORAGE_FULL
 */
export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const parts = await openParts(options);
  const { services, sockets, sweeper, app } = parts;
  const { config, logger } = services;
  try {
    await services.blobs.removeOrphans();
    await sweeper.sweepStore();
    sockets.attach(app.server);
    const port = await listen(app, config.HOST, config.PORT);
    const metricsPort = await listenForMetrics(parts);
    sweeper.start(config.SWEEP_SECONDS * 1000);
    logger.write("info", "started");
    let closing: Promise<void> | undefined;
    return {
      address: relayAddress(originOf(config, port), services.keyring.identity.publicKey),
      port,
      metricsPort,
      sweep: () => sweeper.sweep(),
      close: () => {
        closing ??= stop(parts);
        return closing;
      },
    };
  } catch (error) {
    await stop(parts);
    throw error;
  }
}

interface Parts {
  readonly services: Services;
  readonly sockets: Sockets;
  readonly exchanges: Exchanges;
  readonly sweeper: Sweeper;
  readonly app: FastifyInstance;
  readonly metricsApp: FastifyInstance;
  readonly drain: { isOn: boolean };
}

async function openParts(options: RelayOptions): Promise<Parts> {
  const services = await openServices(options);
  const { services: shared, store } = services;
  const { config, random, clock } = shared;
  const names = new AddressNames(random, clock);
  const limits = { perAddress: config.CONNECTIONS_PER_ADDRESS, total: config.CONNECTIONS };
  const sockets = new Sockets(shared, new AddressLimit(limits, names));
  const exchanges = new Exchanges(shared, names);
  shared.metrics.observeConnections(() => sockets.count);
  shared.metrics.observeExchanges(() => exchanges.count);
  shared.metrics.observePendingBlobBytes(() => shared.blobs.pending.held);
  const drain = { isOn: false };
  const app = buildHttp({
    announcement: () => announcementOf(shared),
    isReady: () => !drain.isOn && store.isHealthy,
    exchanges,
    proxyHops: config.PROXY_HOPS,
  });
  limitSockets(app.server, config, names);
  return {
    services: shared,
    sockets,
    exchanges,
    sweeper: new Sweeper(shared),
    app,
    metricsApp: buildMetricsServer(shared.metrics),
    drain,
  };
}

async function openServices(
  options: RelayOptions,
): Promise<{ readonly services: Services; readonly store: ObservedStore }> {
  const config = configOf(options.config);
  const clock = options.clock ?? systemClock;
  const timer = options.timer ?? (() => performance.now());
  const random = options.random ?? systemRandom;
  const logger = new Logger(config.LOG_LEVEL, options.log ?? standardError());
  const metrics = new Metrics();
  const keyring = await Keyring.open(config.DATA, random, hourOf(clock()));
  const engine = options.store ?? openEngine(config, keyring);
  const store = new ObservedStore(engine, timer, metrics, logger);
  const commits = new GroupCommit<ReceiptProof>(store, {
    signReceipts: (deposits) => signReceipts(deposits, keyring.identity),
  });
  const services: Services = {
    config,
    clock,
    timer,
    random,
    keyring,
    epochs: new Epochs(random, clock),
    revocations: new Revocations(timer),
    store,
    commits,
    blobs: new Blobs({ config, clock, timer, store, commits, metrics, logger }),
    subscriptions: new Subscriptions(),
    pressure: new Pressure({ above: config.PUZZLE_ABOVE, bits: config.PUZZLE_BITS }, random, clock),
    metrics,
    logger,
  };
  return { services, store };
}

function openEngine(config: SettingValues, keyring: Keyring): Store {
  return openSqliteStore({
    file: join(config.DATA, "relay.sqlite"),
    key: keyring.storeKey,
    limits: storeLimitsOf(config),
  });
}

async function listenForMetrics({ services, metricsApp }: Parts): Promise<number> {
  const { METRICS_HOST, METRICS_PORT } = services.config;
  if (METRICS_PORT === 0) return 0;
  services.metrics.observeProcess();
  return await listen(metricsApp, METRICS_HOST, METRICS_PORT);
}

/**
 * Not ready, nothing new is read; what was received is committed and answered within the grace,
 * exchanges that wait too; connections closed; a last sweep, so that what was acknowledged is gone from the files; the store
 * closed.
 */
async function stop(parts: Parts): Promise<void> {
  const { services, sockets, exchanges, sweeper, app, metricsApp, drain } = parts;
  const { blobs, commits, config, logger, store } = services;
  drain.isOn = true;
  logger.write("info", "stopping", { connections: sockets.count });
  sockets.stopAccepting();
  exchanges.stopAccepting();
  const graceMs = config.DRAIN_SECONDS * 1000;
  await within(graceMs, Promise.all([blobs.drain(), commits.drain()]));
  await Promise.all([exchanges.close(graceMs), sockets.close(graceMs)]);
  await app.close();
  await metricsApp.close();
  await blobs.drain();
  await commits.drain();
  await sweeper.stop();
  await blobs.close();
  await store.close();
  logger.write("info", "stopped");
}

/** Resolves when the work is done, or after so long. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timeout: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timeout = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timeout);
}
