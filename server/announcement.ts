/** What the relay says in the clear: its signed channel key and the current epoch. */

import { announcementMessage } from "../shared/wire/channel.ts";
import { type Announcement, signChannelKey } from "../shared/wire/channel-key.ts";
import type { ChannelKey } from "./keys.ts";
import type { Services } from "./services.ts";

const signed = new WeakMap<ChannelKey, ReturnType<typeof signChannelKey>>();

/** As the first WebSocket message unless another form is given. */
export function announcementOf(
  { keyring, epochs }: Services,
  form: (announcement: Announcement) => Uint8Array = announcementMessage,
): Uint8Array {
  const key = keyring.channelKey;
  let signedKey = signed.get(key);
  if (signedKey === undefined) {
    signedKey = signChannelKey(keyring.identity, key.pair.publicKey, key.notBefore);
    signed.set(key, signedKey);
  }
  return form({ ...signedKey, epoch: epochs.current });
}
