/**
 * The recovery phrase as `init` shows it, once: eight numbered words with their digits, and what to do with
 * them. Nothing here keeps or stores it.
 */

import type { Terminal } from "./terminal.ts";

const ADVICE: readonly string[] = [
  "Write the words on paper, in this order, with a pen. The digits say the same: either is enough.",
  "Never photograph them, never type them into a page or a chat, keep no file with them.",
  "Whoever has them is you. Without them nobody, we included, can give you your identity back.",
  "They are not shown again.",
];

export function phrasePage(phrase: string, digits: string, terminal: Terminal): string {
  const groups = digits.split(" ");
  const words = phrase.split(" ");
  const width = Math.max(...words.map((word) => word.length));
  const rows = words.map((word, i) => {
    const shown = terminal.styled("bold", word) + " ".repeat(width - word.length);
    return `  ${i + 1}. ${shown}  ${groups[i] ?? ""}`;
  });
  return ["Your recovery phrase, 8 words:", "", ...rows, "", ...ADVICE].join("\n");
}
