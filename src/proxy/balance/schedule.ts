/**
 * Earliest deadline first (Envoy's weighted round robin): an item of weight w is due every 1/w, so that items come in proportion to their
 * weights, as evenly spread as can be. O(log n) for each. A weight is looked at when its item has been taken, and so may change.
 */
export class Schedule<Item> {
  /** A heap by deadline. */
  readonly #entries: Entry<Item>[] = [];
  #now = 0;

  /** `phase`: how much of the item's period is still to go, 0 to 1. */
  add(item: Item, weight: number, phase: number): void {
    this.#push({ item, period: 1 / weight, deadline: this.#now + phase / weight });
  }

  /**
   * The first due item that `accepts`; undefined when none is accepted. Those before it that are not accepted lose their turn. `weightOf` is
   * asked for what an item's weight is from now on.
   */
  take(accepts: (item: Item) => boolean, weightOf: (item: Item) => number): Item | undefined {
    const passed: Entry<Item>[] = [];
    let taken: Item | undefined;
    for (let entry = this.#pop(); entry; entry = this.#pop()) {
      passed.push(entry);
      if (!accepts(entry.item)) continue;
      this.#now = entry.deadline;
      taken = entry.item;
      break;
    }
    for (const { item, deadline } of passed) {
      const period = 1 / weightOf(item);
      this.#push({ item, period, deadline: deadline + period });
    }
    return taken;
  }

  /** Each item with its phase, for a schedule that goes on from this one. */
  *phases(): Iterable<readonly [item: Item, phase: number]> {
    for (const { item, period, deadline } of this.#entries) yield [item, Math.min(1, Math.max(0, (deadline - this.#now) / period))];
  }

  #push(entry: Entry<Item>): void {
    const heap = this.#entries;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (!parent || parent.deadline <= entry.deadline) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): Entry<Item> | undefined {
    const heap = this.#entries;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (!child) break;
      const right = heap[below + 1];
      if (right && right.deadline < child.deadline) {
        child = right;
        below += 1;
      }
      if (child.deadline >= last.deadline) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

interface Entry<Item> {
  readonly item: Item;
  readonly period: number;
  readonly deadline: number;
}
