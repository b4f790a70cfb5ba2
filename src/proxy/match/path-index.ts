import type { PathMatch } from "#ir/route.ts";
import { foldCase, type Subject } from "./request.ts";

/** What the index needs to know of an entry. */
export interface Indexed {
  /** Place in the order in which entries are tried; the lowest that holds is taken. */
  readonly order: number;
  readonly path: PathMatch;
  /** Text that the path begins with in every request that a regular expression can take. */
  readonly literalPrefix: string;
}

/** A node of a radix tree; `entries` are those whose prefix ends here, in order. */
interface Node<T> {
  readonly label: string;
  readonly entries: T[];
  /** By the first character of their labels; most nodes of a large tree have none. */
  children?: Map<number, Node<T>>;
}

/**
 * Finds the candidates of a path without looking at the others: exact paths in a map, prefixes in a radix tree, regular
 * expressions in the same tree under their literal prefix, paths without regard to case in a second map and tree.
 */
export class PathIndex<T extends Indexed> {
  readonly #sensitive: Candidates<T>;
  readonly #folded: Candidates<T>;
  #ignoresCase = false;

  /**
   * `entries` in the order in which they are to be tried. `holds` is asked of candidates only: whether an entry takes the
   * request, given that an exact path or prefix does.
   */
  constructor(entries: readonly T[], holds: (entry: T, subject: Subject) => boolean) {
    this.#sensitive = new Candidates(holds);
    this.#folded = new Candidates(holds);
    for (const entry of entries) {
      const { path } = entry;
      if ((path.kind === "prefix" || path.kind === "exact") && path.ignoreCase === true) {
        this.#ignoresCase = true;
        this.#folded.add(entry, foldCase(path.value));
      } else {
        this.#sensitive.add(entry, path.kind === "prefix" || path.kind === "exact" ? path.value : entry.literalPrefix);
      }
    }
  }

  /** The first entry, in order, that takes the request. */
  first(subject: Subject): T | undefined {
    const found = this.#sensitive.first(subject.path, subject, undefined);
    if (!this.#ignoresCase) return found;
    subject.foldedPath ??= foldCase(subject.path);
    return this.#folded.first(subject.foldedPath, subject, found);
  }
}

class Candidates<T extends Indexed> {
  readonly #exact = new Map<string, T[]>();
  readonly #root: Node<T> = { label: "", entries: [] };
  readonly #holds: (entry: T, subject: Subject) => boolean;

  constructor(holds: (entry: T, subject: Subject) => boolean) {
    this.#holds = holds;
  }

  add(entry: T, text: string): void {
    if (entry.path.kind !== "exact") {
      insert(this.#root, text).push(entry);
      return;
    }
    const entries = this.#exact.get(text);
    if (entries === undefined) this.#exact.set(text, [entry]);
    else entries.push(entry);
  }

  /** `found` is what another index has: only an entry before it is of interest. */
  first(path: string, subject: Subject, found: T | undefined): T | undefined {
    const exact = this.#exact.get(path);
    let best = exact === undefined ? found : this.#better(exact, subject, found);
    let node: Node<T> | undefined = this.#root;
    for (let at = 0; node !== undefined && path.startsWith(node.label, at); node = node.children?.get(path.charCodeAt(at))) {
      best = this.#better(node.entries, subject, best);
      at += node.label.length;
    }
    return best;
  }

  /** The first of `entries` that takes the request, when it comes before `best`. */
  #better(entries: readonly T[], subject: Subject, best: T | undefined): T | undefined {
    for (const entry of entries) {
      if (best !== undefined && entry.order > best.order) return best;
      if (this.#holds(entry, subject)) return entry;
    }
    return best;
  }
}

/** The entries of the node for `text`, which is made when it is not there. */
function insert<T>(root: Node<T>, text: string): T[] {
  let node = root;
  let rest = text;
  while (rest !== "") {
    const key = rest.charCodeAt(0);
    node.children ??= new Map();
    const child = node.children.get(key);
    if (child === undefined) {
      const leaf: Node<T> = { label: rest, entries: [] };
      node.children.set(key, leaf);
      return leaf.entries;
    }
    const shared = sharedLength(child.label, rest);
    if (shared === child.label.length) {
      node = child;
    } else {
      const lower = { ...child, label: child.label.slice(shared) };
      const upper: Node<T> = { label: rest.slice(0, shared), entries: [], children: new Map([[child.label.charCodeAt(shared), lower]]) };
      node.children.set(key, upper);
      node = upper;
    }
    rest = rest.slice(shared);
  }
  return node.entries;
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}
