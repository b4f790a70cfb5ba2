import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { RE2JS } from "re2js";
import { invalid } from "./faults.ts";

/**
 * Google's `filter` of list calls, in both of its syntaxes: `name eq 'web-.*'` (RE2 over the whole value; `ne` is its opposite) and
 * `name = web-* AND NOT labels.env:test` (AIP-160 as Compute documents it). Terms that stand beside each other are joined by AND.
 */
export type Filter = (item: JsonObject) => boolean;

const operators = [">=", "<=", "!=", "=", ">", "<", ":"] as const;
type Operator = (typeof operators)[number] | "eq" | "ne";

/** Deeper parentheses and longer rows of NOT than any filter has a use for are refused, so that the parser's own stack is bounded. */
const maxDepth = 32;

/** Throws `UserError` when `text` is no filter. An empty one passes everything. */
export function parseFilter(text: string): Filter {
  if (text.trim() === "") return () => true;
  return new FilterParser(text).parse();
}

class FilterParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Filter {
    const filter = this.#or();
    this.#blanks();
    if (this.#at < this.#text.length) throw this.#refuse();
    return filter;
  }

  #or(): Filter {
    const terms = [this.#and()];
    while (this.#keyword("OR")) terms.push(this.#and());
    return terms.length === 1 && terms[0] ? terms[0] : (item) => terms.some((term) => term(item));
  }

  #and(): Filter {
    const terms = [this.#not()];
    for (;;) {
      const joined = this.#keyword("AND");
      if (!joined && (this.#end() || this.#peekKeyword("OR"))) break;
      terms.push(this.#not());
    }
    return terms.length === 1 && terms[0] ? terms[0] : (item) => terms.every((term) => term(item));
  }

  #not(): Filter {
    if (this.#keyword("NOT") || this.#symbol("-")) {
      const inner = this.#nested(() => this.#not());
      return (item) => !inner(item);
    }
    if (!this.#symbol("(")) return this.#comparison();
    const inner = this.#nested(() => this.#or());
    if (!this.#symbol(")")) throw this.#refuse();
    return inner;
  }

  #nested(parse: () => Filter): Filter {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw this.#refuse();
    const inner = parse();
    this.#depth -= 1;
    return inner;
  }

  #comparison(): Filter {
    const path = this.#field();
    const operator = this.#operator();
    const value = this.#value();
    const test = valueTest(operator, value, () => this.#refuse());
    const negative = operator === "!=" || operator === "ne";
    return (item) => {
      const found = read(item, path);
      // A field that is not there differs from every value and is equal to none.
      return found.length === 0 ? negative : negative ? !found.some((one) => test(one)) : found.some((one) => test(one));
    };
  }

  #field(): string[] {
    this.#blanks();
    const match = /^(?:[A-Za-z0-9_-]+|"[^"]*")(?:\.(?:[A-Za-z0-9_/-]+|"[^"]*"))*/.exec(this.#text.slice(this.#at));
    if (!match) throw this.#refuse();
    this.#at += match[0].length;
    return [...match[0].matchAll(/"([^"]*)"|([^".]+)/g)].map((part) => part[1] ?? part[2] ?? "");
  }

  #operator(): Operator {
    this.#blanks();
    for (const operator of operators) if (this.#symbol(operator)) return operator;
    if (this.#keyword("eq")) return "eq";
    if (this.#keyword("ne")) return "ne";
    throw this.#refuse();
  }

  #value(): string {
    this.#blanks();
    const rest = this.#text.slice(this.#at);
    const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')/s.exec(rest);
    if (quoted) {
      this.#at += quoted[0].length;
      return (quoted[1] ?? quoted[2] ?? "").replaceAll(/\\(["'\\])/g, "$1");
    }
    const bare = bareValue(rest);
    if (bare === "") throw this.#refuse();
    this.#at += bare.length;
    return bare;
  }

  #keyword(word: string): boolean {
    if (!this.#peekKeyword(word)) return false;
    this.#at += word.length;
    return true;
  }

  #peekKeyword(word: string): boolean {
    this.#blanks();
    const rest = this.#text.slice(this.#at);
    return rest.startsWith(word) && !/^[\w.-]/.test(rest.slice(word.length));
  }

  #symbol(symbol: string): boolean {
    this.#blanks();
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    return true;
  }

  #end(): boolean {
    this.#blanks();
    return this.#at >= this.#text.length || this.#text[this.#at] === ")";
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #refuse(): Error {
    return invalid("filter", this.#text, "Invalid list filter expression.");
  }
}

/** An unquoted value ends at a blank or at the parenthesis that closes the term; parentheses of its own (regular expressions) belong to it. */
function bareValue(rest: string): string {
  let depth = 0;
  let end = 0;
  for (const letter of rest) {
    if (/\s/.test(letter) || (letter === ")" && depth === 0)) break;
    if (letter === "(") depth += 1;
    if (letter === ")") depth -= 1;
    end += letter.length;
  }
  return rest.slice(0, end);
}

function valueTest(operator: Operator, value: string, refuse: () => Error): (found: Json) => boolean {
  switch (operator) {
    case "eq":
    case "ne": {
      const pattern = compile(value, refuse);
      return (found) => pattern.matches(textOf(found));
    }
    case "=":
    case "!=": {
      const pattern = compile(wildcard(value), refuse);
      return (found) => pattern.matches(textOf(found));
    }
    case ":":
      return value === "*" ? () => true : (found) => textOf(found).toLowerCase().includes(value.replaceAll("*", "").toLowerCase());
    case ">":
      return (found) => compare(found, value) > 0;
    case "<":
      return (found) => compare(found, value) < 0;
    case ">=":
      return (found) => compare(found, value) >= 0;
    case "<=":
      return (found) => compare(found, value) <= 0;
  }
}

function compile(pattern: string, refuse: () => Error): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch {
    throw refuse();
  }
}

function wildcard(value: string): string {
  return value
    .split("*")
    .map((part) => RE2JS.quote(part))
    .join(".*");
}

function compare(found: Json, value: string): number {
  const text = textOf(found);
  const [a, b] = [Number(text), Number(value)];
  if (text !== "" && value !== "" && !Number.isNaN(a) && !Number.isNaN(b)) return a - b;
  return text < value ? -1 : text > value ? 1 : 0;
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** All values at a path; a list on the way stands for each of its items, an object at its end for being there. */
function read(value: Json | undefined, path: readonly string[]): Json[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => read(item, path));
  const [head, ...rest] = path;
  if (head === undefined) return [value];
  return isJsonObject(value) && Object.hasOwn(value, head) ? read(value[head], rest) : [];
}
