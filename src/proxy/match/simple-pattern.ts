/**
 * Regular expressions that need no engine: characters and classes one after the other, each repeated or not, where the next character of
 * the text always tells which of them it belongs to. That is what most routes are (`/users/[0-9]+/cart/?`); it saves the automaton that
 * RE2 would make, which costs more than the rest of a rule together. Whatever is not understood here is left to RE2.
 */

/** One piece of an expression: literal text, or a set of characters `min` to `max` times. */
type Piece = string | Repeated;

interface Repeated {
  readonly set: CharacterSet;
  readonly min: number;
  readonly max: number;
}

/** By their text, such as `[a-z]+`: patterns share what they have in common, which a processor then has at hand. */
export type KnownPieces = Map<string, Piece>;

/** ASCII as four words of bits; whether everything beyond ASCII is in it. */
interface CharacterSet {
  readonly words: readonly [number, number, number, number];
  readonly beyond: boolean;
}

export class SimplePattern {
  readonly #pieces: readonly Piece[];

  private constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Undefined for an expression that is not simple, not valid, or whose RE2 program could be larger than `maxProgramSize`. */
  static compile(pattern: string, maxProgramSize: number, known: KnownPieces = new Map()): SimplePattern | undefined {
    const parsed = new Parser(pattern, known).parse();
    return parsed && parsed.size <= maxProgramSize && isDeterministic(parsed.pieces) ? new SimplePattern(parsed.pieces) : undefined;
  }

  /** Text that every match begins with, possibly empty. */
  get prefix(): string {
    const [first] = this.#pieces;
    return typeof first === "string" ? first : "";
  }

  /** Whether the whole text matches. */
  testExact(text: string): boolean {
    let at = 0;
    for (const piece of this.#pieces) {
      if (typeof piece === "string") {
        if (!text.startsWith(piece, at)) return false;
        at += piece.length;
      } else {
        at = consume(text, at, piece);
        if (at === -1) return false;
      }
    }
    return at === text.length;
  }
}

/** The place behind as many characters as the piece takes; -1 when they are too few. */
function consume(text: string, start: number, { set, min, max }: Repeated): number {
  let at = start;
  let count = 0;
  while (count < max && at < text.length) {
    const code = text.codePointAt(at) ?? 0;
    if (!has(set, code)) break;
    at += code > 0xffff ? 2 : 1;
    count += 1;
  }
  return count < min ? -1 : at;
}

function has({ words, beyond }: CharacterSet, code: number): boolean {
  return code < 128 ? ((words[(code >> 5) as 0 | 1 | 2 | 3] >>> (code & 31)) & 1) === 1 : beyond;
}

/** Whether what follows a piece of variable length never begins with a character that the piece would take. */
function isDeterministic(pieces: readonly Piece[]): boolean {
  return pieces.every((piece, at) => {
    if (typeof piece === "string" || piece.min === piece.max) return true;
    for (const next of pieces.slice(at + 1)) {
      if (typeof next === "string") return !has(piece.set, next.charCodeAt(0));
      if (overlap(piece.set, next.set)) return false;
      if (next.min > 0) return true;
    }
    return true;
  });
}

function overlap(one: CharacterSet, other: CharacterSet): boolean {
  return (one.beyond && other.beyond) || one.words.some((word, at) => (word & (other.words[at] ?? 0)) !== 0);
}

/** Characters to code points; ranges are inclusive. */
type Ranges = readonly (readonly [from: number, to: number])[];

function range(characters: string): readonly [number, number] {
  return [characters.charCodeAt(0), characters.charCodeAt(1)];
}

/** RE2's Perl classes, which are of ASCII only. */
const perlClasses: Readonly<Record<string, Ranges>> = {
  d: [range("09")],
  w: [range("09"), range("AZ"), range("__"), range("az")],
  s: [range("\t\n"), range("\f\r"), range("  ")],
};

const punctuation = /^[!-/:-@[-`{-~]$/;
const special = new Set("\\.+*?()|[]{}^$");
const quantifier = /([*+?])|\{(\d{1,3})(,)?(\d{1,3})?\}/y;
const repeaters = "*+?{";
/** Start, end and match of a program, and its two captures. */
const frameSize = 6;

class Parser {
  readonly #pattern: string;
  readonly #known: KnownPieces;
  readonly #pieces: Piece[] = [];
  #at = 0;
  /** Where the literal text begins that is being read. */
  #literal: number | undefined;
  #size = frameSize;

  constructor(pattern: string, known: KnownPieces) {
    this.#pattern = pattern;
    this.#known = known;
  }

  /** `size` is at least that of RE2's program. */
  parse(): { readonly pieces: readonly Piece[]; readonly size: number } | undefined {
    const pattern = this.#pattern;
    if (pattern[0] === "^") this.#at = 1;
    const end = pattern.endsWith("$") && !pattern.endsWith("\\$") ? pattern.length - 1 : pattern.length;
    while (this.#at < end) {
      const start = this.#at;
      const atom = this.#atom();
      if (atom === undefined || !this.#repeat(atom, start)) return undefined;
    }
    this.#endLiteral(end);
    return this.#at === end ? { pieces: this.#pieces, size: this.#size } : undefined;
  }

  /** A single literal character, or a set. */
  #atom(): string | CharacterSet | undefined {
    const character = this.#pattern[this.#at++] ?? "";
    if (character === ".") return setOf([range("\n\n")], true);
    if (character === "[") return this.#class();
    if (character === "\\") {
      const escaped = this.#pattern[this.#at++] ?? "";
      return punctuation.test(escaped) ? escaped : perlSet(escaped);
    }
    return special.has(character) || character > "\x7e" ? undefined : character;
  }

  #class(): CharacterSet | undefined {
    const isNegated = this.#pattern[this.#at] === "^";
    if (isNegated) this.#at += 1;
    const ranges: (readonly [number, number])[] = [];
    while (this.#pattern[this.#at] !== "]") {
      const member = this.#member();
      if (member === undefined) return undefined;
      ranges.push(...member);
    }
    this.#at += 1;
    return ranges.length === 0 ? undefined : setOf(ranges, isNegated);
  }

  /** A character, a range or a Perl class within brackets. */
  #member(): Ranges | undefined {
    const pattern = this.#pattern;
    if (pattern[this.#at] === "\\" && Object.hasOwn(perlClasses, pattern[this.#at + 1] ?? "")) {
      this.#at += 2;
      // Followed by a hyphen it would seem to begin a range, about which dialects differ.
      return pattern[this.#at] === "-" && pattern[this.#at + 1] !== "]" ? undefined : perlClasses[pattern[this.#at - 1] ?? ""];
    }
    const from = this.#classCharacter();
    if (from === undefined) return undefined;
    if (pattern[this.#at] !== "-" || pattern[this.#at + 1] === "]") return [range(from + from)];
    this.#at += 1;
    const to = this.#classCharacter();
    return to === undefined || to < from || pattern[this.#at] === "-" ? undefined : [range(from + to)];
  }

  #classCharacter(): string | undefined {
    const character = this.#pattern[this.#at++] ?? "";
    if (character === "\\") {
      const escaped = this.#pattern[this.#at++] ?? "";
      return punctuation.test(escaped) ? escaped : undefined;
    }
    return character === "" || "[]^".includes(character) || character > "\x7e" ? undefined : character;
  }

  /** Adds an atom, which begins at `start`, as often as what follows it says. False: that is not simple. */
  #repeat(atom: string | CharacterSet, start: number): boolean {
    if (!repeaters.includes(this.#pattern[this.#at] ?? "end")) {
      if (typeof atom === "string") this.#literal ??= start;
      else this.#add(start, () => ({ set: atom, min: 1, max: 1 }));
      this.#size += 1;
      return true;
    }
    quantifier.lastIndex = this.#at;
    const [whole = "", sign, least = "", comma, most] = quantifier.exec(this.#pattern) ?? [];
    this.#at += whole.length;
    // A brace that begins no quantifier, or a quantifier after another.
    if (whole === "" || repeaters.includes(this.#pattern[this.#at] ?? "end")) return false;
    const min = sign === undefined ? Number(least) : sign === "+" ? 1 : 0;
    const bounded = sign === "?" ? 1 : Number.POSITIVE_INFINITY;
    const max = sign !== undefined ? bounded : comma === undefined ? min : most === undefined ? Number.POSITIVE_INFINITY : Number(most);
    if (max < min || max === 0) return false;
    this.#add(start, () => ({ set: typeof atom === "string" ? setOf([range(atom + atom)], false) : atom, min, max }));
    this.#size += 2 * (max === Number.POSITIVE_INFINITY ? min + 1 : max);
    return true;
  }

  /** Adds the piece that begins at `start` and ends here. */
  #add(start: number, make: () => Repeated): void {
    this.#endLiteral(start);
    this.#pieces.push(this.#shared(this.#pattern.slice(start, this.#at), make));
  }

  #endLiteral(end: number): void {
    const start = this.#literal;
    if (start === undefined) return;
    this.#literal = undefined;
    const text = this.#pattern.slice(start, end);
    this.#pieces.push(this.#shared(text, () => (text.includes("\\") ? text.replaceAll(/\\(.)/g, "$1") : text)));
  }

  #shared(text: string, make: () => Piece): Piece {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const piece = make();
    this.#known.set(text, piece);
    return piece;
  }
}

function perlSet(letter: string): CharacterSet | undefined {
  const ranges = Object.hasOwn(perlClasses, letter.toLowerCase()) ? perlClasses[letter.toLowerCase()] : undefined;
  return ranges && setOf(ranges, letter !== letter.toLowerCase());
}

function setOf(ranges: Ranges, isNegated: boolean): CharacterSet {
  const words: [number, number, number, number] = isNegated ? [-1, -1, -1, -1] : [0, 0, 0, 0];
  for (const [from, to] of ranges)
    for (let code = from; code <= to; code++) {
      const bit = 1 << (code & 31);
      const place = (code >> 5) as 0 | 1 | 2 | 3;
      if (isNegated) words[place] &= ~bit;
      else words[place] |= bit;
    }
  return { words, beyond: isNegated };
}
