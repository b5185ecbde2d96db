/** How long a text may be. */

import { TumarError } from "../../shared/crypto/errors.ts";
import { CONTENT_HEAD_BYTES } from "../../shared/e2ee/content.ts";
import { frameBytesOf } from "../../shared/e2ee/envelope.ts";
import { FIRST_FLIGHT_HEAD_BYTES } from "../../shared/e2ee/first-flight.ts";
import { encodeIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import { FRAME_OVERHEAD_BYTES, PAD_BYTES } from "../../shared/e2ee/ratchet-frame.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { decodeCertificate } from "../../shared/e2ee/statements/certificate.ts";
import type { VaultView } from "../vault/draft.ts";
import { MAX_HOMES } from "./homes.ts";
import { placeOf } from "./my-grants.ts";
import { listMyGrants } from "./state/grants.ts";
import { listHomes } from "./state/homes.ts";
import { getIdentity } from "./state/identity.ts";

/** X-Wing key, its tag: what the first chain of a session carries. */
const FIRST_KEM_BYTES = 1216 + 16;
const LARGEST_BUCKET = 16384;

/**
 * Bytes of text that fit into one message whatever happens before it is sealed: those of a first
 * flight with the first KEM key, in the largest envelope. A session that stands has more room, but a
 * draft may find another, and must fit then too.
 */
export function textRoom(view: VaultView): number {
  const identity = getIdentity(view);
  const [grant] = listMyGrants(view);
  const addresses = listHomes(view).map(({ address }) => parseRelayAddress(address));
  const [longest] = addresses.sort((a, b) => b.host.length - a.host.length);
  if (longest === undefined || grant === undefined) return 0;
  const places = Array.from({ length: MAX_HOMES }, () => placeOf(longest, grant));
  const block = encodeIdentityBlock(decodeCertificate(identity.certificate), places);
  const prefix = FIRST_FLIGHT_HEAD_BYTES + 2 + block.length + 16;
  return (
    frameBytesOf(LARGEST_BUCKET) -
    prefix -
    FRAME_OVERHEAD_BYTES -
    PAD_BYTES -
    FIRST_KEM_BYTES -
    CONTENT_HEAD_BYTES
  );
}

/** @throws TumarError TEXT_TOO_LONG with details `room` and `over`, both bytes of UTF-8 */
export function checkTextLength(room: number, bytes: number): void {
  if (bytes <= room) return;
  const over = bytes - room;
  throw new TumarError("TEXT_TOO_LONG", `the text is ${over} bytes too long; ${room} fit`, {
    details: { room, over },
  });
}
