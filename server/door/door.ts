/**
 * A door: forwards the paths of a relay to exactly one relay and answers nothing else. It sees who
 * asks and not what; the relay sees what the door asks and not who. It keeps no state and writes
 * nothing of either side anywhere.
 *
 * Its address is its own origin with the relay's key, so that clients use it as they use the relay.
 */

import type { FastifyInstance } from "fastify";
import type { DestinationStream } from "pino";
import { TumarError } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import { verifyAnnouncement } from "../../shared/wire/channel-key.ts";
import { AddressLimit } from "../address-limit.ts";
import { AddressNames } from "../address-names.ts";
import { systemClock } from "../clock.ts";
import { configOf } from "../config.ts";
import type { SettingValues } from "../config-table.ts";
import { listen, originOf, standardError } from "../listen.ts";
import { Logger } from "../logger.ts";
import { limitSockets } from "../socket-limit.ts";
import { buildDoorHttp } from "./door-http.ts";
import { Forwarder } from "./forwarder.ts";
import { Onward } from "./onward.ts";
import { Passages } from "./passages.ts";
import { parseTarget, type Target } from "./target.ts";

/** While the relay does not answer, the door asks for it, so that it is ready again without being used. */
const LOOK_MS = 5000;

export interface DoorOptions {
  /** Settings that differ from their defaults; DOOR is needed. PORT 0 picks a free one. */
  readonly config: Partial<SettingValues>;
  /** Where log lines go; standard error when not given. */
  readonly log?: DestinationStream;
}

export interface Door {
  /** What clients are given: `https://door.example#k=…`, with the relay's key. */
  readonly address: string;
  readonly port: number;
  /** False when no relay answered at the start; the door serves as soon as one does. */
  readonly isRelayThere: boolean;
  /** Gives up what waits, closes connections with 1001. Idempotent. */
  close(): Promise<void>;
}

/**
 * Resolves when the door can be reached.
 * @throws TumarError BAD_CONFIG, BAD_RELAY_ADDRESS, PORT_UNUSABLE, PROXY_REQUIRED; RELAY_MISMATCH,
 *   CHANNEL_KEY_FORGED when another relay than the one named answers
 */
export async function startDoor(options: DoorOptions): Promise<Door> {
  const config = configOf(options.config);
  const target = parseTarget(config.DOOR);
  if (target.isOnion && config.DOOR_PROXY === "") {
    throw new TumarError("PROXY_REQUIRED", "an .onion relay needs TUMAR_RELAY_DOOR_PROXY");
  }
  const logger = new Logger(config.LOG_LEVEL, options.log ?? standardError());
  const parts = partsOf(config, target);
  const { onward, forwarder, app, passages } = parts;
  try {
    const isRelayThere = await findRelay(forwarder, target, logger);
    passages.attach(app.server);
    const port = await listen(app, config.HOST, config.PORT);
    logger.write("info", "started");
    parts.looking = setInterval(() => look(forwarder), LOOK_MS).unref();
    let closing: Promise<void> | undefined;
    return {
      address: originOf(config, port) + target.key,
      port,
      isRelayThere,
      close: () => {
        closing ??= stop(parts, config, logger);
        return closing;
      },
    };
  } catch (error) {
    onward.close();
    await passages.close(0);
    throw error;
  }
}

interface Parts {
  readonly onward: Onward;
  readonly forwarder: Forwarder;
  readonly passages: Passages;
  readonly app: FastifyInstance;
  looking: NodeJS.Timeout | undefined;
}

function partsOf(config: SettingValues, target: Target): Parts {
  const timer = () => performance.now();
  const names = new AddressNames(systemRandom, systemClock);
  const onward = new Onward(target, config.DOOR_PROXY, config.HANDSHAKE_SECONDS * 1000);
  const forwarder = new Forwarder(onward, config, names, timer);
  const limits = { perAddress: config.CONNECTIONS_PER_ADDRESS, total: config.CONNECTIONS };
  const passages = new Passages(onward, config, new AddressLimit(limits, names), timer);
  const app = buildDoorHttp(forwarder, config.PROXY_HOPS, () => forwarder.isWell);
  limitSockets(app.server, config, names);
  return { onward, forwarder, passages, app, looking: undefined };
}

function look(forwarder: Forwarder): void {
  if (!forwarder.isWell) forwarder.ownChannelKey().catch(() => undefined);
}

/** Whether the relay answers, as itself. @throws TumarError RELAY_MISMATCH, CHANNEL_KEY_FORGED */
async function findRelay(forwarder: Forwarder, target: Target, logger: Logger): Promise<boolean> {
  try {
    const [kind, ...announcement] = await forwarder.ownChannelKey();
    if (kind !== MESSAGE_KINDS.announcement) throw new TumarError("NOT_A_RELAY", "no announcement");
    verifyAnnouncement(Uint8Array.from(announcement), target.hash);
    return true;
  } catch (error) {
    const code = error instanceof TumarError ? error.code : "INTERNAL";
    if (code === "RELAY_MISMATCH") throw error;
    if (code === "BAD_SIGNATURE") {
      const what = "the relay's channel key is not signed by its identity key";
      throw new TumarError("CHANNEL_KEY_FORGED", what, { cause: error });
    }
    logger.write("warn", "relay-unreached", { code });
    return false;
  }
}

async function stop(
  { onward, forwarder, passages, app, looking }: Parts,
  config: SettingValues,
  logger: Logger,
): Promise<void> {
  logger.write("info", "stopping");
  clearInterval(looking);
  const graceMs = config.DRAIN_SECONDS * 1000;
  await Promise.all([forwarder.close(graceMs), passages.close(graceMs)]);
  await app.close();
  onward.close();
  logger.write("info", "stopped");
}
