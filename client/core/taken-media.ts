/**
 * Manifests and updates that came, taken into the vault. Only the device that sent a manifest may say
 * more of its blobs; what others say of them is ignored. Nothing is fetched here.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import type { DevicePeer } from "../../shared/e2ee/device-peer.ts";
import type { Media, MediaPart, MediaUpdate } from "../../shared/e2ee/media.ts";
import { formatRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import { isOwnRelay } from "./media-relay.ts";
import {
  addEarlyUpdate,
  getReceivedMedia,
  getReceivedPart,
  putReceivedMedia,
  putReceivedPart,
  type ReceivedPartRow,
  takeEarlyUpdates,
} from "./state/received-media.ts";
import type { ClientEvent } from "./types.ts";

type Sender = DevicePeer["party"];

/** A message that came before says nothing new: what is told again by a reset is as it was. */
export function takeManifest(
  tx: VaultTransaction,
  { root, deviceId }: Sender,
  id: Uint8Array,
  { name, type, metadata, durationMs, parts }: Media,
): readonly ClientEvent[] {
  if (getReceivedMedia(tx, id) !== undefined) return [];
  putReceivedMedia(tx, id, { root, device: deviceId, name, type, metadata, durationMs });
  parts.forEach((part, i) => {
    putReceivedPart(tx, id, i === 0 ? 0 : 1, newPart(part));
  });
  for (const [seq, update] of takeEarlyUpdates(tx, deviceId, id)) apply(tx, id, seq, update);
  return [];
}

/** One that comes before its message waits for it. */
export function takeUpdate(
  tx: VaultTransaction,
  { root, deviceId }: Sender,
  seq: number,
  update: MediaUpdate,
): readonly ClientEvent[] {
  const id = update.messageId;
  const media = getReceivedMedia(tx, id);
  if (media === undefined) {
    addEarlyUpdate(tx, deviceId, seq, update);
    return [];
  }
  const isTheirs = equalBytes(media.root, root) && equalBytes(media.device, deviceId);
  if (!isTheirs || !apply(tx, id, seq, update)) return [];
  return [{ type: "media", id }];
}

function newPart({ role, key, place, dataBytes, sealedBytes, hash }: MediaPart): ReceivedPartRow {
  return {
    role,
    key,
    relay: formatRelayAddress(place.relay),
    blobId: place.blobId,
    dataBytes,
    sealedBytes,
    hash,
    isCutOff: false,
    placeSeq: 0,
    store: "",
    elapsedMs: 0,
    storedBytes: 0,
    isQuiet: false,
    fetchedBytes: 0,
  };
}

/** The newest word on each of the two counts; an end that is known stays. @returns whether anything changed */
function apply(
  tx: VaultTransaction,
  id: Uint8Array,
  seq: number,
  { part, place, end }: MediaUpdate,
): boolean {
  const before = getReceivedPart(tx, id, part);
  if (before === undefined) return false;
  let row = before;
  // Nothing is asked of relays of others: the place that was known before may still do.
  const isOurs = place !== null && isOwnRelay(tx, formatRelayAddress(place.relay));
  if (place !== null && isOurs && seq > row.placeSeq) {
    const relay = formatRelayAddress(place.relay);
    const isSame = relay === row.relay && equalBytes(place.blobId, row.blobId);
    const there = isSame ? {} : { relay, blobId: place.blobId, storedBytes: 0, isQuiet: false };
    row = { ...row, ...there, placeSeq: seq };
  }
  if (end !== null && row.sealedBytes === 0) {
    const { dataBytes, sealedBytes, hash, isCutOff } = end;
    // What was fetched of it while it grew is not checked against this yet.
    const fetchedBytes = Math.min(row.fetchedBytes, sealedBytes - 1);
    row = { ...row, dataBytes, sealedBytes, hash, isCutOff, fetchedBytes };
    const media = getReceivedMedia(tx, id);
    if (media !== undefined) putReceivedMedia(tx, id, { ...media, durationMs: end.durationMs });
  }
  if (row === before) return false;
  putReceivedPart(tx, id, part, row);
  return true;
}
