/**
 * Contacts, messages and states in plain words, for people. Every name and text of somebody else goes
 * through peer-text.ts here and nowhere later.
 */

import { toBase32 } from "../../shared/crypto/bytes.ts";
import { assertNever } from "../../shared/crypto/errors.ts";
import type {
  Contact,
  OutboxItem,
  OutgoingState,
  ReceivedMessage,
  SentMessage,
} from "../core/types.ts";
import { localTime } from "./local-time.ts";
import { peerBlock, peerLine } from "./peer-text.ts";
import type { Terminal } from "./terminal.ts";

/** 80 bits of base32: nobody finds another identity that begins the same. */
const PREFIX_CHARACTERS = 16;

export function identityPrefix(identity: Uint8Array): string {
  return toBase32(identity).slice(0, PREFIX_CHARACTERS);
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
  return `To ${to}: ${stateText(message.state)}.`;
}

export function outboxText(item: OutboxItem, terminal: Terminal): string {
  const to = nameText(item.to ?? identityPrefix(item.identity), terminal);
  const state = item.state === "written" ? `waits: ${item.waitingFor}` : stateText(item.state);
  const head = `${terminal.styled("dim", localTime(item.at))}  to ${to}  ${state}`;
  return `${head}\n${peerBlock(item.text, terminal.isScreen)}`;
}

export function receivedText(message: ReceivedMessage, terminal: Terminal): string {
  const head = `${terminal.styled("dim", localTime(message.at))}  ${sender(message, terminal)}`;
  const lines = [head, content(message, terminal)];
  if (message.from === null) lines.push(namingHelp(message.identity));
  return lines.join("\n");
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
  switch (message.kind) {
    case "text":
    case "alert":
      return peerBlock(message.text, terminal.isScreen);
    case "reset":
      return "    (they could not open a message; the connection between you was set up anew)";
    case "unsupported":
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
