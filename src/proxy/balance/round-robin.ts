import type { Balancer, BalancerSetup, PickContext, Target, WeightedTarget } from "./balancer.ts";
import { isFresh } from "./choose.ts";
import { Schedule } from "./schedule.ts";

/** The present weights of targets. */
export interface Weights {
  /** Called before each choice. */
  refresh(now: number): void;
  /** Above 0. */
  of(weighted: WeightedTarget, now: number): number;
}

/** ROUND_ROBIN, and WEIGHTED_ROUND_ROBIN with other `weights`: each target in turn, in proportion to its weight. */
export class RoundRobin implements Balancer {
  readonly #schedule = new Schedule<WeightedTarget>();
  readonly #setup: BalancerSetup;
  readonly #weights: Weights;

  constructor(setup: BalancerSetup, weights: Weights) {
    this.#setup = setup;
    this.#weights = weights;
    const { clock, previous, random, targets } = setup;
    const now = clock.now();
    const phases = previous instanceof RoundRobin ? previous.#phases() : new Map<string, number>();
    weights.refresh(now);
    // Where the turn begins is left to chance, so that many proxies do not all begin with the same instance.
    for (const each of targets) this.#schedule.add(each, weights.of(each, now), phases.get(each.target.key) ?? random.float());
  }

  pick(context: PickContext): Target | undefined {
    const now = this.#setup.clock.now();
    this.#weights.refresh(now);
    const weightOf = (weighted: WeightedTarget): number => this.#weights.of(weighted, now);
    const fresh = this.#schedule.take(({ target }) => isFresh(target, context), weightOf);
    if (fresh || context.tried.size === 0) return fresh?.target;
    return this.#schedule.take(({ target }) => context.isAvailable(target), weightOf)?.target;
  }

  #phases(): Map<string, number> {
    return new Map([...this.#schedule.phases()].map(([{ target }, phase]) => [target.key, phase]));
  }
}
