/**
 * Frames of an owner channel: the mailbox, writer or owner key they name has been proven in it.
 *
 * Each writes through the group commit and is answered when it is on disk.
 */

import { equalBytes } from "../shared/crypto/bytes.ts";
import { TumarError } from "../shared/crypto/errors.ts";
import type {
  Acknowledge,
  MailboxCreate,
  MailboxDelete,
  MailboxGrant,
  MailboxRevoke,
  PrekeysPublish,
  Prove,
  RecordPut,
  RecordWriters,
  Subscribe,
} from "../shared/wire/frames.ts";
import { MAILBOX_KINDS } from "../shared/wire/frames.ts";
import { verifyProof } from "../shared/wire/proof.ts";
import { dayOfHour, hourOf } from "./clock.ts";
import { type FrameContext, type FrameNamed, type Handler, provenName } from "./frame-context.ts";
import type { MailboxHandle } from "./store/store.ts";
import { submit, submitOk } from "./submit.ts";

function prove(frame: Prove, { services, peer, state }: FrameContext): void {
  const name = provenName(frame.publicKey);
  const { requestId } = frame;
  if (!state.proven.has(name) && state.proven.size >= services.config.KEYS_PER_CONNECTION) {
    peer.refuse(requestId, "LIMIT_REACHED");
    return;
  }
  try {
    verifyProof(frame, services.keyring.identity.publicKey, state.proofHash);
  } catch (error) {
    if (!(error instanceof TumarError)) throw error;
    peer.refuse(requestId, error.code);
    return;
  }
  state.proven.add(name);
  peer.send({ type: "ok", requestId });
}

function createMailbox({ requestId, mailbox, kind }: MailboxCreate, context: FrameContext): void {
  submitOk(context, requestId, {
    type: "createMailbox",
    mailbox,
    kind: kind === MAILBOX_KINDS.letterbox ? "letterbox" : "device",
    hour: hourOf(context.services.clock()),
  });
}

function grant(frame: MailboxGrant, context: FrameContext): void {
  const { requestId, mailbox, depositHash, tag, perDay, card, mayBeUrgent } = frame;
  if (context.services.revocations.has(mailbox, depositHash)) {
    context.peer.refuse(requestId, "REFUSED");
    return;
  }
  submitOk(context, requestId, {
    type: "putGrant",
    mailbox,
    depositHash,
    tag,
    perDay,
    card,
    mayBeUrgent,
  });
}

function revoke({ requestId, mailbox, depositHash }: MailboxRevoke, context: FrameContext): void {
  context.services.revocations.add(mailbox, depositHash);
  submitOk(context, requestId, { type: "revokeGrant", mailbox, depositHash });
}

/** Its subscriber, wherever it is, is told with the answer to another's subscribe: REFUSED. */
function deleteMailbox({ requestId, mailbox }: MailboxDelete, context: FrameContext): void {
  const { services, peer } = context;
  withHandle(context, requestId, mailbox, (handle) => {
    submit(context, requestId, { type: "deleteMailbox", mailbox }, () => {
      if (handle !== undefined) services.subscriptions.of(handle)?.end("deleted");
      peer.send({ type: "ok", requestId });
    });
  });
}

function subscribe(frame: Subscribe, context: FrameContext): void {
  const { services, peer } = context;
  const { requestId, mailbox } = frame;
  const hour = hourOf(services.clock());
  submit(context, requestId, { type: "useMailbox", mailbox, hour }, () => {
    withHandle(context, requestId, mailbox, (handle) => {
      if (handle === undefined) peer.refuse(requestId, "REFUSED");
      else peer.subscribe(handle, frame);
    });
  });
}

function acknowledge(frame: Acknowledge, context: FrameContext): void {
  const { requestId, mailbox, envelopeIds, credit } = frame;
  submitOk(context, requestId, { type: "acknowledge", mailbox, envelopeIds });
  for (const delivery of context.peer.deliveries.values()) {
    if (equalBytes(delivery.mailbox, mailbox)) delivery.acknowledged(envelopeIds.length, credit);
  }
}

function putRecord(frame: RecordPut, context: FrameContext): void {
  const { requestId, recordId, owner, writer, version, part } = frame;
  const day = dayOfHour(hourOf(context.services.clock()));
  submitOk(context, requestId, {
    type: "putRecord",
    recordId,
    owner,
    writer,
    version,
    part,
    day,
  });
}

function setWriters(frame: RecordWriters, context: FrameContext): void {
  const { requestId, recordId, owner, version, writers } = frame;
  submitOk(context, requestId, { type: "setWriters", recordId, owner, version, writers });
}

/** A pair's last day is the last one that ends before its hour. */
function publishPrekeys(frame: PrekeysPublish, context: FrameContext): void {
  const { requestId, recordId, writer } = frame;
  const day = dayOfHour(hourOf(context.services.clock()));
  const pairs = frame.pairs.map(({ pairId, notAfter, sealed }) => ({
    pairId,
    notAfter: Math.max(0, dayOfHour(notAfter) - 1),
    sealed,
  }));
  submit(context, requestId, { type: "publishPrekeys", recordId, writer, pairs, day }, (count) =>
    context.peer.send({ type: "left", requestId, count }),
  );
}

function withHandle(
  { services, peer }: FrameContext,
  requestId: number,
  mailbox: Uint8Array,
  then: (handle: MailboxHandle | undefined) => void,
): void {
  services.store
    .mailbox(mailbox)
    .then(then)
    .catch((error: unknown) => peer.fail(requestId, error));
}

type OwnerHandlers = {
  readonly [Type in
    | "prove"
    | `mailbox.${"create" | "grant" | "revoke" | "delete"}`
    | "subscribe"
    | "acknowledge"
    | `record.${"put" | "writers"}`
    | "prekeys.publish"]: Handler<FrameNamed<Type>>;
};

export const OWNER_HANDLERS: OwnerHandlers = {
  prove,
  "mailbox.create": createMailbox,
  "mailbox.grant": grant,
  "mailbox.revoke": revoke,
  "mailbox.delete": deleteMailbox,
  subscribe,
  acknowledge,
  "record.put": putRecord,
  "record.writers": setWriters,
  "prekeys.publish": publishPrekeys,
};
