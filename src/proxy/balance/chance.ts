import type { Balancer, BalancerSetup, PickContext, Target, WeightedTarget } from "./balancer.ts";
import { Sampler } from "./sampler.ts";
import { slowStartFactor } from "./slow-start.ts";

/** How busy a target is, as a policy sees it; less is better. `queue`: attempts under way, for what it weighs among the others. */
type Cost = (target: Target, queue: number, now: number) => number;

export const requestsInFlight: Cost = (_target, queue) => queue;

/** What an endpoint without an answer so far is taken to need, once something has been sent there (Finagle: the penalty of the unknown). */
const unknownLatencyMs = 1000;

/** How long an answer would take, by latency and queue (Finagle: peak EWMA). */
export const expectedLatency: Cost = ({ stats }, queue, now) => {
  const latency = stats.latencyMs(now);
  return (latency === 0 && queue > 0 ? unknownLatencyMs : latency) * (queue + 1);
};

const noCost: Cost = () => 0;

/**
 * RANDOM, LEAST_REQUEST and PEAK_EWMA: so many targets are drawn by weight, and the one with the least cost is taken; of equal
 * ones the first that was drawn, so that proportions hold where nobody is busy. Two choices are nearly as good as looking at all, and keep
 * proxies that know nothing of each other from all choosing the same.
 */
export class ByChance implements Balancer {
  readonly #setup: BalancerSetup;
  readonly #sampler: Sampler;
  readonly #choices: number;
  readonly #cost: Cost;
  readonly #heaviest: number;

  constructor(setup: BalancerSetup, choices = 1, cost = noCost) {
    this.#setup = setup;
    this.#choices = choices;
    this.#cost = cost;
    this.#sampler = new Sampler(setup.targets, setup.random);
    this.#heaviest = setup.targets.reduce((most, { weight }) => Math.max(most, weight), 0);
  }

  pick(context: PickContext): Target | undefined {
    const { clock, cluster } = this.#setup;
    const now = clock.now();
    const factor = ({ target }: WeightedTarget): number => slowStartFactor(cluster.slowStart, target, now);
    const drawn: WeightedTarget[] = [];
    let best: Target | undefined;
    let least = Number.POSITIVE_INFINITY;
    while (drawn.length < this.#choices) {
      const weighted = this.#sampler.draw(context, drawn, factor);
      if (!weighted) break;
      drawn.push(weighted);
      const { target, weight } = weighted;
      const queue = (target.stats.inFlight * this.#heaviest) / (weight * factor(weighted));
      const cost = this.#cost(target, queue, now);
      if (cost < least) [best, least] = [target, cost];
    }
    return best ?? this.#sampler.drawTried(context);
  }
}
