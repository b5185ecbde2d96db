/**
 * `tumar fetch --all`: everything that is complete or cut off and has no file in the folder yet. Each name
 * holds the id of its message, so that the folder itself says what was fetched, and two clips of one name
 * have two files. What was cut off and went on later is fetched again, under its whole name.
 */

import { join } from "node:path";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { Client } from "../core/client.ts";
import { EXIT, exitOf } from "./exit-codes.ts";
import { type FetchOrder, fetchOne, withGap } from "./fetch-media.ts";
import { isThere, markedName } from "./fetched-file.ts";
import { shortId } from "./human-text.ts";
import type { Invocation } from "./invocation.ts";
import { fileName, isMediaMessage, type MediaMessage } from "./media-text.ts";

/** For hearing of what has come meanwhile; what is known already is fetched all the same. */
const SYNC_MS = 10_000;

/**
 * The ids of what was written. One that cannot be fetched does not keep the others back.
 * @throws the last fault, when all that could be fetched was
 */
export async function fetchAll(
  invocation: Invocation,
  client: Client,
  folder: string,
  order: FetchOrder,
): Promise<readonly Uint8Array[]> {
  await hear(invocation, client);
  const written: Uint8Array[] = [];
  let fault: unknown;
  for (const message of await waiting(client, folder)) {
    try {
      await fetchOne(invocation, client, message.id, { ...order, nameOf: nameWithId });
      written.push(message.id);
    } catch (cause) {
      if (!(cause instanceof TumarError)) throw cause;
      invocation.warn(cause.code, `${shortId(message.id)}: ${cause.message}`);
      fault = cause;
    }
  }
  if (fault !== undefined) throw fault;
  if (written.length === 0) invocation.remark("Nothing new to fetch.");
  return written;
}

async function hear(invocation: Invocation, client: Client): Promise<void> {
  invocation.terminal.progress("asking what is there …");
  try {
    await client.sync({ timeoutMs: SYNC_MS });
  } catch (fault) {
    if (!(fault instanceof TumarError) || exitOf(fault.code) !== EXIT.network) throw fault;
    invocation.warn(fault.code, fault.message);
  }
  await client.refreshMedia();
}

async function waiting(client: Client, folder: string): Promise<readonly MediaMessage[]> {
  const all = (await client.received()).filter(isMediaMessage);
  const fresh: MediaMessage[] = [];
  for (const message of all) {
    if (message.media.state === "arriving") continue;
    const name = withGap(nameWithId(message), message.media);
    if (!(await isThere(join(folder, name)))) fresh.push(message);
  }
  return fresh;
}

/** `clip.k4zxq2wm.webm` */
function nameWithId({ id, kind, media }: MediaMessage): string {
  return markedName(fileName(media, kind), shortId(id));
}
