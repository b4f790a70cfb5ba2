import { UserError } from "#base/errors.ts";
import type { Json } from "#base/json.ts";

/** Deeper bodies than any of Google's messages are refused before anything recursive sees them. */
const maxDepth = 64;

/**
 * Reads the body of a request. Refuses what parsers disagree on or can be brought down with: nesting beyond `maxDepth`, a key that stands
 * twice in one object, and the key `__proto__`, which no message has. An empty text is no body (undefined).
 */
export function parseJson(text: string): Json | undefined {
  if (text.trim() === "") return undefined;
  scan(text);
  try {
    return JSON.parse(text) as Json;
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    throw payloadFault(`${why.replace(/\.$/, "")}.`);
  }
}

/** Keys seen so far in each object that is open; null for a list. */
type Open = (Set<string> | null)[];

/** One pass over the text. What is not JSON passes here and is left to the parser to name. */
function scan(text: string): void {
  const open: Open = [];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === "{" || letter === "[") {
      open.push(letter === "{" ? new Set() : null);
      if (open.length > maxDepth) throw payloadFault(`Message too deep: more than ${maxDepth} levels of nesting.`);
    } else if (letter === "}" || letter === "]") {
      open.pop();
    } else if (letter === '"') {
      const end = endOfString(text, at);
      if (isKey(text, end)) noteKey(open.at(-1), text.slice(at, end + 1));
      at = end;
    }
  }
}

/** Index of the quotation mark that closes the string opened at `start`, or of the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
}

function isKey(text: string, end: number): boolean {
  let at = end + 1;
  while (" \t\r\n".includes(text[at] ?? "x")) at += 1;
  return text[at] === ":";
}

function noteKey(keys: Set<string> | null | undefined, quoted: string): void {
  const key = unquote(quoted);
  if (key === "__proto__") throw payloadFault(`Unknown name ${JSON.stringify(key)}: Cannot find field.`);
  if (!keys || key === undefined) return;
  if (keys.has(key)) throw payloadFault(`Name ${JSON.stringify(key)} stands twice in one object; keep one of the values.`);
  keys.add(key);
}

function unquote(quoted: string): string | undefined {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return undefined;
  }
}

function payloadFault(why: string): UserError {
  return new UserError({ code: "invalid", message: `Invalid JSON payload received. ${why}` });
}
