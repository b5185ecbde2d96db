/**
 * Matches CBOR values against the part of CDDL (RFC 8610) that docs/PROTOCOL.md uses. Written from
 * the RFC and the page, not from the frame table, so that the two can be held against each other.
 *
 *     rule   = name "=" type            type  = alternative *( "/" alternative )
 *     alternative = number [".." number] / ("bytes" / "text") ".size" ( number / "(" a..b ")" )
 *                 / "[" entry *( "," entry ) "]" / "(" type ")" / name
 *     entry  = [ n "*" m ] [ name ":" ] type
 */

import { utf8 } from "../../shared/crypto/bytes.ts";
import type { CborValue } from "../../shared/wire/codec.ts";

export type Matcher = (value: CborValue | undefined) => boolean;

interface Entry {
  readonly min: number;
  readonly max: number;
  readonly matches: Matcher;
}

const TOKEN = /\.\.|\.size|[[\](),/:=*]|[0-9]+|[a-z](?:[a-z0-9-]|\.(?!size|\.))*/g;

/** Rule name to matcher. */
export function parseCddl(text: string): ReadonlyMap<string, Matcher> {
  const rules = new Map<string, Matcher>();
  for (const line of text.trim().split("\n")) {
    const parser = new Parser(line.match(TOKEN) ?? [], rules);
    const name = parser.next();
    parser.expect("=");
    rules.set(name, parser.type());
    parser.end();
  }
  return rules;
}

class Parser {
  readonly #tokens: readonly string[];
  readonly #rules: ReadonlyMap<string, Matcher>;
  #at = 0;

  constructor(tokens: readonly string[], rules: ReadonlyMap<string, Matcher>) {
    this.#tokens = tokens;
    this.#rules = rules;
  }

  next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new SyntaxError("CDDL rule ends early");
    return token;
  }

  expect(token: string): void {
    const found = this.next();
    if (found !== token) throw new SyntaxError(`CDDL: ${token} expected, ${found} found`);
  }

  end(): void {
    if (this.#at !== this.#tokens.length) throw new SyntaxError("CDDL: tokens are left over");
  }

  type(): Matcher {
    const alternatives = [this.#alternative()];
    while (this.#take("/")) alternatives.push(this.#alternative());
    return (value) => alternatives.some((matches) => matches(value));
  }

  #alternative(): Matcher {
    if (this.#take("(")) {
      const inner = this.type();
      this.expect(")");
      return inner;
    }
    if (this.#take("[")) return this.#array();
    const token = this.next();
    if (/^[0-9]/.test(token)) return this.#range(Number(token));
    if (token === "bytes" || token === "text") return this.#sized(token);
    return (value) => this.#rules.get(token)?.(value) ?? false;
  }

  #range(min: number): Matcher {
    const max = this.#take("..") ? Number(this.next()) : min;
    return (value) => typeof value === "number" && value >= min && value <= max;
  }

  #sized(kind: "bytes" | "text"): Matcher {
    this.expect(".size");
    const size = this.#alternative();
    return kind === "bytes"
      ? (value) => value instanceof Uint8Array && size(value.length)
      : (value) => typeof value === "string" && size(utf8(value).length);
  }

  #array(): Matcher {
    const entries: Entry[] = [];
    while (!this.#take("]")) {
      entries.push(this.#entry());
      this.#take(",");
    }
    return (value) => Array.isArray(value) && matchEntries(entries, value);
  }

  #entry(): Entry {
    if (this.#tokens[this.#at + 1] === "*") {
      const min = Number(this.next());
      this.expect("*");
      return { min, max: Number(this.next()), matches: this.type() };
    }
    if (this.#tokens[this.#at + 1] === ":") this.#at += 2;
    return { min: 1, max: 1, matches: this.type() };
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}

/** Greedy; enough where an occurrence stands alone in its array. */
function matchEntries(entries: readonly Entry[], items: readonly CborValue[]): boolean {
  let at = 0;
  for (const { min, max, matches } of entries) {
    const start = at;
    while (at - start < max && at < items.length && matches(items[at])) at++;
    if (at - start < min) return false;
  }
  return at === items.length;
}
