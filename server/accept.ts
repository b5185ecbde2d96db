/**
 * What a WebSocket and an exchange do alike with a first message and with one that breaks the rules.
 */

import { type ErrorCode, TumarError } from "../shared/crypto/errors.ts";
import { acceptChannel, type FromClient, type RelayChannel } from "../shared/wire/relay-channel.ts";
import type { ChannelState } from "./frame-context.ts";
import type { Services } from "./services.ts";

export interface Accepted {
  readonly channel: RelayChannel;
  readonly state: ChannelState;
  readonly content: FromClient;
}

/**
 * Opens message 1; its frames are fresh when its epoch is accepted and its ephemeral key is new.
 * @throws TumarError CHANNEL_BROKEN, CHANNEL_KEY_UNKNOWN, MALFORMED
 */
export function accept({ keyring, random, epochs }: Services, message: Uint8Array): Accepted {
  const keys = keyring.channelKeys.map(({ pair }) => pair);
  const first = acceptChannel(message, keyring.identity.publicKey, keys, random);
  const { channel, epoch, ephemeralKey, proofHash } = first;
  const isFresh = epoch.length > 0 && epochs.admit(epoch, ephemeralKey);
  const state = { kind: undefined, isFresh, proofHash, proven: new Set<string>() };
  return { channel, state, content: first };
}

/** The code that ends a connection or an exchange; what nobody foresaw is logged as such. */
export function violationOf({ logger }: Services, error: unknown): ErrorCode {
  if (error instanceof TumarError) return error.code;
  logger.unexpected(error);
  return "INTERNAL";
}
