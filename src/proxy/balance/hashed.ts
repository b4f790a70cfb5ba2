import type { Balancer, BalancerSetup, PickContext, Target, WeightedTarget } from "./balancer.ts";
import { firstFit, isFresh } from "./choose.ts";

/** What a table is made from. */
export interface Keyed {
  readonly key: string;
  /** Above 0; only proportions matter. */
  readonly weight: number;
}

/** Places of a table, and which of them is a hash's. */
export interface Places {
  /** For each place the index of the entry that has it. */
  readonly owners: Int32Array;
  placeOf(hash: bigint): number;
}

/** How a table is made; recipes of one name make equal tables of equal entries. */
export interface Recipe {
  readonly name: string;
  make(entries: readonly Keyed[]): Places;
}

/**
 * RING_HASH and MAGLEV: equal hashes go to equal targets, and few of them move when targets come and go. A target that is not available
 * leaves its hashes to the owners of the places behind; a request without a hash goes anywhere.
 */
export class Hashed implements Balancer {
  readonly #setup: BalancerSetup;
  readonly #recipe: Recipe;
  readonly #targets: readonly WeightedTarget[];
  /** Made when first needed: changes of configuration may come faster than requests. */
  #places: Places | undefined;

  constructor(setup: BalancerSetup, recipe: Recipe) {
    const { previous, targets } = setup;
    this.#setup = setup;
    this.#recipe = recipe;
    // A table is not to depend on the order in which targets are listed.
    this.#targets = targets.toSorted((a, b) => compare(keyOf(a), keyOf(b)) || compare(a.target.key, b.target.key));
    const isSame = previous instanceof Hashed && previous.#recipe.name === recipe.name && sameKeyed(previous.#targets, this.#targets);
    if (isSame) this.#places = previous.#places;
  }

  pick(context: PickContext): Target | undefined {
    if (this.#targets.length === 0) return undefined;
    this.#places ??= this.#recipe.make(this.#targets.map((each) => ({ key: keyOf(each), weight: each.weight })));
    const { owners } = this.#places;
    const { hash } = context;
    const start = hash === undefined ? Math.floor(this.#setup.random.float() * owners.length) : this.#places.placeOf(hash);
    const owner = this.#targets[owners[start] ?? -1]?.target;
    return owner && isFresh(owner, context) ? owner : firstFit(this.#from(owners, start), context);
  }

  /** Each target once, in the order of their places from `start` on; those that have no place at all last. */
  *#from(owners: Int32Array, start: number): Iterable<Target> {
    const left = new Map(this.#targets.entries());
    for (let step = 0; step < owners.length && left.size > 0; step++) {
      const index = owners[(start + step) % owners.length] ?? -1;
      const found = left.get(index);
      if (!found) continue;
      left.delete(index);
      yield found.target;
    }
    for (const { target } of left.values()) yield target;
  }
}

/** Address and port, by which Envoy hashes too: a caller stays where it is whichever of the two it comes through. */
function keyOf({ target }: WeightedTarget): string {
  return target.authority;
}

/** Whether a table made for one is right for the other. */
function sameKeyed(one: readonly WeightedTarget[], other: readonly WeightedTarget[]): boolean {
  if (one.length !== other.length) return false;
  return one.every((each, index) => {
    const twin = other[index];
    return twin !== undefined && each.weight === twin.weight && keyOf(each) === keyOf(twin);
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
