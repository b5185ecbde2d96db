/**
 * The newest signed channel key of one relay, and the newest epoch it told. Shared by all channels
 * to that relay and kept by the caller between runs, so that the first frames of the next
 * connection ride in its first message. The device's clock has no say in which key is good.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import {
  type Announcement,
  encodeAnnouncement,
  isNewerKey,
  keyAfterRefusal,
  verifyAnnouncement,
} from "../../shared/wire/channel-key.ts";
import { EPOCH_BYTES } from "../../shared/wire/limits.ts";

export class Announcements {
  readonly #relayHash: Uint8Array;
  readonly #keep: (announcement: Uint8Array) => void;
  #newest: Announcement | undefined;

  /**
   * `keep` is called when the relay shows a newer key. `kept` is what it was last given for this
   * relay; bytes that do not verify are passed over: the relay sends its announcement anyway.
   */
  constructor(
    relayHash: Uint8Array,
    keep: (announcement: Uint8Array) => void,
    kept: Uint8Array | undefined,
  ) {
    this.#relayHash = relayHash;
    this.#keep = keep;
    this.#newest = kept === undefined ? undefined : verifiedOrNothing(kept, relayHash);
  }

  get newest(): Announcement | undefined {
    return this.#newest;
  }

  /**
   * What the relay showed first on a connection. An older key than one known is not used; its epoch
   * is, because only the relay as it is now can know it.
   * @throws TumarError RELAY_MISMATCH, CHANNEL_KEY_FORGED, NOT_A_RELAY
   */
  offer(bytes: Uint8Array): Announcement {
    const offered = verifiedAnnouncement(bytes, this.#relayHash);
    const held = this.#newest;
    const isNewer = held === undefined || isNewerKey(offered, held);
    return this.#adopt(isNewer ? offered : { ...held, epoch: offered.epoch });
  }

  /**
   * What the relay showed when it could not open message 1 to `used`.
   * @throws TumarError CHANNEL_KEY_STALE, CHANNEL_REFUSED, and as `offer`
   */
  offerAfterRefusal(bytes: Uint8Array, used: Announcement): Announcement {
    const offered = verifiedAnnouncement(bytes, this.#relayHash);
    if (isNewerKey(used, offered)) {
      throw new TumarError("CHANNEL_KEY_STALE", "the relay went back to an older channel key");
    }
    return this.#adopt(keyAfterRefusal(bytes, this.#relayHash, used));
  }

  /** From inside the channel, by `hello` or RETRY. Other lengths are passed over. */
  tellEpoch(epoch: Uint8Array): void {
    if (this.#newest === undefined || epoch.length !== EPOCH_BYTES) return;
    this.#adopt({ ...this.#newest, epoch: Uint8Array.from(epoch) });
  }

  #adopt(announcement: Announcement): Announcement {
    const held = this.#newest;
    this.#newest = announcement;
    const isNewKey = held === undefined || isNewerKey(announcement, held);
    if (isNewKey) this.#keep(encodeAnnouncement(announcement));
    return announcement;
  }
}

function verifiedOrNothing(bytes: Uint8Array, relayHash: Uint8Array): Announcement | undefined {
  try {
    return verifyAnnouncement(bytes, relayHash);
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}

/**
 * A bad announcement is named by what it means to the person who wants to reach the relay.
 * @throws TumarError RELAY_MISMATCH, CHANNEL_KEY_FORGED, NOT_A_RELAY
 */
export function verifiedAnnouncement(bytes: Uint8Array, relayHash: Uint8Array): Announcement {
  try {
    return verifyAnnouncement(bytes, relayHash);
  } catch (error) {
    if (!(error instanceof TumarError)) throw error;
    if (error.code === "BAD_SIGNATURE") {
      throw new TumarError("CHANNEL_KEY_FORGED", "the channel key is not signed by the relay", {
        cause: error,
      });
    }
    if (error.code !== "MALFORMED" && error.code !== "BAD_KEY") throw error;
    throw new TumarError("NOT_A_RELAY", "no announcement of a channel key", { cause: error });
  }
}
