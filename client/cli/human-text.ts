/**
 * Contacts, messages and states in plain words, for people. Every name and text of somebody else goes
 * through peer-text.ts here and nowhere later.
 */

import { toBase32 } from "../../shared/crypto/bytes.ts";
import { assertNever } from "../../shared/crypto/errors.ts";
import type {
  Contact,
  MediaKind,
  OutboxItem,
  OutgoingState,
  ReceivedMessage,
  SentMessage,
} from "../core/types.ts";
import type { Fetched } from "./fetch-media.ts";
import type { ReadJson } from "./json-shapes.ts";
import { localTime } from "./local-time.ts";
import {
  isMediaMessage,
  kindWords,
  mediaStateText,
  metadataText,
  receivedMediaText,
  sentMediaText,
} from "./media-text.ts";
import { peerBlock, peerLine } from "./peer-text.ts";
import { sizeText } from "./quantities.ts";
import type { Terminal } from "./terminal.ts";

/** 80 bits of base32: nobody finds another identity that begins the same. */
const PREFIX_CHARACTERS = 16;

const SHORT_ID_CHARACTERS = 8;

export function identityPrefix(identity: Uint8Array): string {
  return toBase32(identity).slice(0, PREFIX_CHARACTERS);
}

/** Enough to type after `tumar read`: 40 bits are hardly ever shared, and then a longer one is asked for. */
export function shortId(id: Uint8Array): string {
  return toBase32(id).slice(0, SHORT_ID_CHARACTERS);
}

export function stateText(state: OutgoingState): string {
  switch (state) {
    case "written":
      return "written";
    case "stored":
      return "on the relay, nobody has read it yet";
    case "read":
      return "a person has read it";
    case "expired":
      return "expired before a relay took it";
    default:
      return assertNever(state);
  }
}

export function contactText(contact: Contact, terminal: Terminal): string {
  const name = nameText(contact.name, terminal);
  return `${name}  ${identityPrefix(contact.identity)}  ${standing(contact).join(", ")}`;
}

export function sentText(message: SentMessage, terminal: Terminal): string {
  const to = nameText(message.to ?? identityPrefix(message.identity), terminal);
  const line = `To ${to}: ${mediaWords(message)}${stateText(message.state)}.`;
  return message.media === null ? line : `${line} ${metadataText(message.media)}`;
}

function mediaWords({ kind, media }: SentMessage): string {
  if (media === null || !isMediaKind(kind)) return "";
  const isBroken = media.isCutOff ? " that broke off" : "";
  return `${kindWords(kind)}${isBroken}, `;
}

function isMediaKind(kind: SentMessage["kind"]): kind is MediaKind {
  return kind !== "text" && kind !== "alert";
}

/** A message of ours that may have left: its state and its text. */
export function outgoingText(message: SentMessage, terminal: Terminal): string {
  const { writtenAt, state } = message;
  const time = terminal.styled("dim", localTime(writtenAt));
  const head = `${time}  ${recipient(message, terminal)}  ${stateText(state)}`;
  return `${head}\n${written(message, null, terminal)}`;
}

/** What was written: the text, or what is known of the clip. */
function written(message: SentMessage, leftMs: number | null, terminal: Terminal): string {
  const { kind, media, text } = message;
  return media === null || !isMediaKind(kind)
    ? peerBlock(text, terminal.isScreen)
    : `    ${sentMediaText(media, kind, leftMs, terminal)}`;
}

/** One that waits: why, what is being tried, for how long, and how long it may. */
export function outboxText(
  item: OutboxItem,
  terminal: Terminal,
  nowMs: number,
  leftMs: number | null = null,
): string {
  const time = terminal.styled("dim", localTime(item.writtenAt));
  const head = `${time}  ${recipient(item, terminal)}  waits: ${item.waitingFor}`;
  const details = [`lane ${item.lane}`, `written ${spanText(nowMs - item.writtenAt)} ago`];
  if (item.expiresAt !== null) details.push(expiryText(item.expiresAt - nowMs));
  const lines = [head, `    (${details.join(", ")})`];
  if (item.trying !== null) lines.push(`    now: ${item.trying.words}`);
  return [...lines, written(item, leftMs, terminal)].join("\n");
}

/** A time that passed, as people say it; a clock that was set back makes it none. */
export function spanText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes === 0) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

function expiryText(leftMs: number): string {
  const hours = Math.floor(leftMs / 3_600_000);
  return hours > 0 ? `${hours} h left to reach a relay` : "no time left to reach a relay";
}

function recipient({ to, identity, kind }: SentMessage, terminal: Terminal): string {
  const name = nameText(to ?? identityPrefix(identity), terminal);
  if (kind === "alert") return `${alertMark(terminal)} to ${name}`;
  return isMediaKind(kind) ? `${kindWords(kind)} to ${name}` : `to ${name}`;
}

function alertMark(terminal: Terminal): string {
  return terminal.styled("red", "ALERT");
}

/** What became of a message named to `tumar read`. */
export function readText({ id, sender }: ReadJson): string {
  const short = id.slice(0, SHORT_ID_CHARACTERS);
  switch (sender) {
    case "told":
      return `${short}  its sender is told that you have read it`;
    case "told-before":
      return `${short}  its sender was told before; nothing is sent`;
    case "not-told":
      return `${short}  nobody is told: you have not added its sender, or it cannot be read`;
    default:
      return assertNever(sender);
  }
}

export function receivedText(message: ReceivedMessage, terminal: Terminal): string {
  const mark = message.kind === "alert" ? `${alertMark(terminal)} from ` : "";
  const parts = [
    terminal.styled("dim", localTime(message.at)),
    `${mark}${sender(message, terminal)}`,
    shortId(message.id),
    ...(message.isRead ? ["(read)"] : []),
  ];
  const head = parts.join("  ");
  const lines = [head, content(message, terminal)];
  if (message.from === null) lines.push(namingHelp(message.identity));
  return lines.join("\n");
}

/** What `fetch` wrote: "./clip.webm  2.4 MB, clip from Bek, complete" */
export function fetchedText({ message, part, path, bytes }: Fetched, terminal: Terminal): string {
  const { from, identity, kind, media } = message;
  const who = nameText(from ?? identityPrefix(identity), terminal);
  const what = part === "preview" ? `small copy of a ${kindWords(kind)}` : kindWords(kind);
  const state = part === "preview" ? [] : [mediaStateText(media)];
  const words = [sizeText(bytes), `${what} from ${who}`, ...state];
  return `${peerLine(path ?? "-", terminal.isScreen)}  ${words.join(", ")}`;
}

function nameText(name: string | null, terminal: Terminal): string {
  const shown = name === null ? "(not added)" : peerLine(name, terminal.isScreen);
  return terminal.styled("bold", shown);
}

function standing(contact: Contact): readonly string[] {
  const words = [contact.isVerified ? "verified" : "not verified"];
  if (contact.isIdentityChanged) words.push("IDENTITY CHANGED, nothing is sent");
  if (!contact.isReachable) words.push("cannot be written to yet");
  return words;
}

function sender(message: ReceivedMessage, terminal: Terminal): string {
  if (message.from !== null) return nameText(message.from, terminal);
  const who = `somebody you have not added, identity ${identityPrefix(message.identity)}`;
  return terminal.styled("bold", who);
}

function content(message: ReceivedMessage, terminal: Terminal): string {
  if (isMediaMessage(message)) return receivedMediaText(message, shortId(message.id), terminal);
  switch (message.kind) {
    case "text":
    case "alert":
      return peerBlock(message.text, terminal.isScreen);
    case "reset":
      return "    (they could not open a message; the connection between you was set up anew)";
    case "unsupported":
    case "clip":
    case "photo":
    case "voice":
    case "file":
      return "    (a kind of message that this version of Tumar cannot show)";
    default:
      return assertNever(message.kind);
  }
}

function namingHelp(identity: Uint8Array): string {
  return [
    "    Compare the identity with them another way, face to face or by voice. Then name them:",
    `    tumar add --identity ${identityPrefix(identity)} --as NAME`,
  ].join("\n");
}
