import type { PathMatch } from "#ir/route.ts";
import { foldCase, type Subject } from "./request.ts";

/** What the index needs to know of an entry. */
export interface Indexed {
  /** Place in the order in which entries are tried; the lowest that holds is taken. */
  readonly order: number;
  readonly path: PathMatch;
  /** Text that the path of every request begins with that the entry can take; in lower case where case is ignored. */
  readonly text: string;
  /** The next entry in order with the same text; the index writes it. */
  next: this | undefined;
}

/** Whether an entry takes the request, given that its text fits. */
type Holds<T> = (entry: T, subject: Subject) => boolean;

/**
 * Finds the candidates of a path without looking at the others: exact paths under their text, prefixes under theirs, regular expressions
 * under their literal prefix, and paths without regard to case in the same way beside them.
 */
export class PathIndex<T extends Indexed> {
  readonly #sensitive: Candidates<T>;
  readonly #folded: Candidates<T> | undefined;

  /** `entries` in the order in which they are to be tried. `holds` is asked of candidates only. */
  constructor(entries: readonly T[], holds: Holds<T>) {
    const folded = entries.filter(ignoresCase);
    this.#sensitive = new Candidates(folded.length === 0 ? entries : entries.filter((entry) => !ignoresCase(entry)), holds);
    this.#folded = folded.length === 0 ? undefined : new Candidates(folded, holds);
  }

  /** The first entry, in order, that takes the request. */
  first(subject: Subject): T | undefined {
    const found = this.#sensitive.first(subject.path, subject, undefined);
    if (this.#folded === undefined) return found;
    subject.foldedPath ??= foldCase(subject.path);
    return this.#folded.first(subject.foldedPath, subject, found);
  }
}

function ignoresCase({ path }: Indexed): boolean {
  return (path.kind === "prefix" || path.kind === "exact") && path.ignoreCase === true;
}

class Candidates<T extends Indexed> {
  readonly #holds: Holds<T>;
  readonly #exact: Filed<T>;
  /** Whether an exact path has this length. */
  readonly #exactLengths: Uint8Array;
  readonly #prefixes: Filed<T>;
  /** Those that there are, ascending. */
  readonly #prefixLengths: Int32Array;

  constructor(entries: readonly T[], holds: Holds<T>) {
    this.#holds = holds;
    const exact = entries.filter(({ path }) => path.kind === "exact");
    const prefixes = entries.filter(({ path }) => path.kind !== "exact");
    this.#exact = new Filed(exact);
    this.#prefixes = new Filed(prefixes);
    this.#prefixLengths = lengthsOf(prefixes);
    const exactLengths = lengthsOf(exact);
    this.#exactLengths = new Uint8Array((exactLengths.at(-1) ?? -1) + 1);
    for (const length of exactLengths) this.#exactLengths[length] = 1;
  }

  /** `found` is what another index has: only an entry before it is of interest. */
  first(path: string, subject: Subject, found: T | undefined): T | undefined {
    const lengths = this.#prefixLengths;
    let best = found;
    const hash = new Hash(path);
    for (let place = 0; place < lengths.length; place++) {
      const length = lengths[place] ?? 0;
      if (length > path.length) break;
      best = this.#better(this.#prefixes.find(path, length, hash.upTo(length)), subject, best);
    }
    if (this.#exactLengths[path.length] !== 1) return best;
    return this.#better(this.#exact.find(path, path.length, hash.upTo(path.length)), subject, best);
  }

  /** The first that takes the request, of `first` and those behind it, when it comes before `best`. */
  #better(first: T | undefined, subject: Subject, best: T | undefined): T | undefined {
    for (let entry = first; entry !== undefined; entry = entry.next) {
      if (best !== undefined && entry.order > best.order) return best;
      if (this.#holds(entry, subject)) return entry;
    }
    return best;
  }
}

function lengthsOf(entries: readonly Indexed[]): Int32Array {
  return Int32Array.from(new Set(entries.map(({ text }) => text.length))).sort();
}

/** Of longer and longer beginnings of a text (FNV-1a by UTF-16 unit). */
class Hash {
  readonly #text: string;
  #value = 0x811c9dc5 | 0;
  #length = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The hash of the first `length` units, which must not be fewer than before. */
  upTo(length: number): number {
    let value = this.#value;
    for (let at = this.#length; at < length; at++) value = Math.imul(value ^ this.#text.charCodeAt(at), 0x01000193);
    this.#value = value;
    this.#length = length;
    return value;
  }
}

/**
 * Entries by their texts, in a hash table with open addressing that is laid out for a processor's caches: that a text is not there is seen
 * from one byte of a small array, and looks for several lengths of a path do not wait for each other. Following a tree of objects from link
 * to link takes several times as long once there are more rules than the caches hold.
 */
class Filed<T extends Indexed> {
  /** 0 for an empty slot, else something of the hash. */
  readonly #tags: Uint8Array;
  /** The first entry of the text in each slot. */
  readonly #firsts: (T | undefined)[];
  readonly #mask: number;

  constructor(entries: readonly T[]) {
    const slots = 2 ** Math.ceil(Math.log2(2 * entries.length + 1));
    this.#tags = new Uint8Array(slots);
    this.#firsts = Array.from<undefined>({ length: slots });
    this.#mask = slots - 1;
    for (const entry of entries.toReversed()) {
      const { text } = entry;
      const hash = new Hash(text).upTo(text.length);
      const slot = this.#slotOf(text, text.length, hash);
      entry.next = this.#firsts[slot];
      this.#firsts[slot] = entry;
      this.#tags[slot] = tagOf(hash);
    }
  }

  /** The first entry whose text is the first `length` units of `path`, which have this hash. */
  find(path: string, length: number, hash: number): T | undefined {
    return this.#firsts[this.#slotOf(path, length, hash)];
  }

  /** Where the text is, or an empty slot, of which there are more than half. */
  #slotOf(path: string, length: number, hash: number): number {
    const tag = tagOf(hash);
    for (let slot = (hash ^ (hash >>> 15)) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const there = this.#tags[slot];
      if (there === 0) return slot;
      if (there !== tag) continue;
      const text = this.#firsts[slot]?.text;
      if (text?.length === length && path.startsWith(text)) return slot;
    }
  }
}

function tagOf(hash: number): number {
  return (hash >>> 24) | 1;
}
