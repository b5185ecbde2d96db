/**
 * Text that somebody else wrote, made safe for a terminal: nothing in it can move the cursor, set
 * colours or titles, reorder the line around it, or pass for a line of ours.
 *
 * Only what people read goes through here; JSON carries the text unchanged, escaped by JSON itself.
 */

/** FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE (Unicode UAX 9): the text keeps its own direction. */
const ISOLATE_OPEN = "\u2068";
const ISOLATE_CLOSE = "\u2069";

/** ECMA-48 sequences, whole, so that no remains of them are shown: OSC, DCS and their like, CSI, two-byte. */
const ESCAPE_SEQUENCES: RegExp = new RegExp(
  [
    "(?:\\u001b[\\]PX^_]|[\\u009d\\u0090\\u0098\\u009e\\u009f])[^\\u0007\\u001b\\u009c\\n]*(?:\\u0007|\\u001b\\\\|\\u009c)?",
    "(?:\\u001b\\[|\\u009b)[\\u0030-\\u003f]*[\\u0020-\\u002f]*[\\u0040-\\u007e]?",
    "\\u001b[\\u0020-\\u002f]*[\\u0030-\\u007e]?",
  ].join("|"),
  "gu",
);

const LINE_ENDS = /\r\n?|[\u0085\u2028\u2029]/gu;
/** Controls but the line feed, and every mark that embeds, overrides or isolates a direction. */
const CONTROLS = /(?!\n)\p{Cc}|[\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufff9-\ufffb]/gu;
const LONE_SURROGATES = /\p{Cs}/gu;

/** Line feeds stay, tabs become spaces; joiners and plain direction marks stay, scripts need them. */
export function withoutControls(text: string): string {
  return text
    .replace(LINE_ENDS, "\n")
    .replace(ESCAPE_SEQUENCES, "")
    .replaceAll("\t", "    ")
    .replace(CONTROLS, "")
    .replace(LONE_SURROGATES, "\ufffd");
}

/** One line, for names and messages of errors; isolated when a terminal will lay it out. */
export function peerLine(text: string, isTerminal: boolean): string {
  return isolate(withoutControls(text).replaceAll("\n", " "), isTerminal);
}

/** Several lines, each indented, so that no line of theirs begins where ours do. */
export function peerBlock(text: string, isTerminal: boolean): string {
  return withoutControls(text)
    .split("\n")
    .map((line) => `    ${isolate(line, isTerminal)}`)
    .join("\n");
}

function isolate(line: string, isTerminal: boolean): string {
  return isTerminal && line !== "" ? `${ISOLATE_OPEN}${line}${ISOLATE_CLOSE}` : line;
}
