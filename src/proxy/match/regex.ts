import { maxRegexProgramSize } from "#base/regex.ts";
import { messageOf } from "#base/errors.ts";
import { RE2JS } from "re2js";
import { type KnownPieces, SimplePattern } from "./simple-pattern.ts";

/** Regular expressions of users: RE2 syntax and linear time, whatever text a caller sends. */

export interface Regex {
  /** Whether the whole text matches. */
  testExact(text: string): boolean;
}

/**
 * Compiles an expression for matching whole texts, or says in one sentence why it is refused. Never throws. Expressions that are compiled
 * with the same `known` share what they have in common. `prefix` is text that every match begins with, possibly empty.
 */
export function compileRegex(
  pattern: string,
  maxProgramSize = maxRegexProgramSize,
  known: KnownPieces = new Map(),
): { readonly regex: Regex; readonly prefix: string } | { readonly error: string } {
  const simple = SimplePattern.compile(pattern, maxProgramSize, known);
  if (simple) return { regex: simple, prefix: simple.prefix };
  try {
    const regex = RE2JS.compile(pattern);
    const size = regex.programSize();
    if (size <= maxProgramSize) return { regex, prefix: literalPrefix(pattern) };
    return { error: `regular expression ${quote(pattern)} is too complex: program size ${size}, at most ${maxProgramSize} allowed` };
  } catch (thrown) {
    return { error: `regular expression ${quote(pattern)} is not valid RE2 syntax: ${messageOf(thrown)}` };
  }
}

const special = new Set("\\.+*?()|[]{}^$");
const punctuation = /^[!-/:-@[-`{-~]$/;
const optionalQuantifiers = new Set("*?{");

/**
 * Literal text that every match of an expression begins with, possibly empty. Cautious: it stops at whatever it does not
 * know to be literal, and knows nothing of an expression with alternatives.
 */
export function literalPrefix(pattern: string): string {
  if (pattern.includes("|")) return "";
  const characters = Array.from(pattern);
  let at = characters[0] === "^" ? 1 : 0;
  let prefix = "";
  while (at < characters.length) {
    let character = characters[at] ?? "";
    let next = at + 1;
    if (character === "\\") {
      // Escaped punctuation stands for itself; `\d`, `\Q` and the like do not.
      character = characters[next] ?? "";
      if (!punctuation.test(character)) break;
      next += 1;
    } else if (special.has(character)) {
      break;
    }
    if (optionalQuantifiers.has(characters[next] ?? "")) break;
    prefix += character;
    if (characters[next] === "+") break;
    at = next;
  }
  return prefix;
}

function quote(pattern: string): string {
  return JSON.stringify(pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern);
}
