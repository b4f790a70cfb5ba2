import type { Random } from "#base/random.ts";
import type { PickContext, Target, WeightedTarget } from "./balancer.ts";
import { isFresh } from "./choose.ts";

/** So many draws are made before all targets are looked at. */
const draws = 8;

/** Draws targets at random, in proportion to their weights. */
export class Sampler {
  readonly #targets: readonly WeightedTarget[];
  readonly #random: Random;
  /** Sums of the weights up to each target; absent where all weights are equal. */
  readonly #sums: Float64Array | undefined;

  constructor(targets: readonly WeightedTarget[], random: Random) {
    this.#targets = targets;
    this.#random = random;
    if (!targets.every(({ weight }) => weight === targets[0]?.weight)) this.#sums = sumsOf(targets.map(({ weight }) => weight));
  }

  /**
   * One fresh target other than those of `drawn`, by its weight × `factor` (above 0, at most 1); undefined when there is none. Draws again
   * for what it may not have, which leaves the proportions of the others as they are.
   */
  draw(context: PickContext, drawn: readonly WeightedTarget[], factor: (weighted: WeightedTarget) => number): WeightedTarget | undefined {
    const isWanted = (weighted: WeightedTarget): boolean => !drawn.includes(weighted) && isFresh(weighted.target, context);
    for (let draw = 0; draw < draws; draw++) {
      const found = this.#targets[this.#place()];
      if (!found) return undefined;
      const share = factor(found);
      if (isWanted(found) && (share >= 1 || this.#random.float() < share)) return found;
    }
    return this.#among((weighted) => (isWanted(weighted) ? factor(weighted) : 0));
  }

  /** One available target, tried or not. */
  drawTried(context: PickContext): Target | undefined {
    return this.#among(({ target }) => (context.isAvailable(target) ? 1 : 0))?.target;
  }

  #place(): number {
    const sums = this.#sums;
    if (!sums) return Math.floor(this.#random.float() * this.#targets.length);
    return placeIn(sums, this.#random.float() * (sums.at(-1) ?? 0));
  }

  #among(factor: (weighted: WeightedTarget) => number): WeightedTarget | undefined {
    const sums = sumsOf(this.#targets.map((each) => each.weight * factor(each)));
    const total = sums.at(-1) ?? 0;
    return total > 0 ? this.#targets[placeIn(sums, this.#random.float() * total)] : undefined;
  }
}

function sumsOf(weights: readonly number[]): Float64Array {
  let sum = 0;
  return Float64Array.from(weights, (weight) => (sum += weight));
}

/** The first place whose sum is above `value`. */
function placeIn(sums: Float64Array, value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
