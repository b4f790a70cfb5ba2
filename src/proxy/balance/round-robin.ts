import type { Random } from "#base/random.ts";
import type { Cluster } from "#ir/cluster.ts";
import { type Balancer, type Target, targetOf } from "./balancer.ts";

interface Group {
  readonly name: string;
  readonly targets: readonly Target[];
  /** Share of the group: `capacityScaler` × healthy endpoints. */
  readonly weight: number;
  /** Credit of smooth weighted round robin. */
  credit: number;
  /** Place of the next target. */
  position: number;
}

/**
 * ROUND_ROBIN: between groups in proportion to `capacityScaler` × healthy endpoints (Google: the scaler multiplies what a backend can take),
 * spread smoothly as nginx does it, not in bursts; within a group in turn.
 */
export class RoundRobin implements Balancer {
  readonly #groups: readonly Group[];
  readonly #random: Random;

  /** `random` chooses where the turn begins, so that many proxies do not all begin with the same instance. */
  constructor(cluster: Cluster, random: Random, previous?: RoundRobin) {
    this.#random = random;
    const before = new Map(previous ? previous.#groups.map((group) => [group.name, group]) : []);
    this.#groups = cluster.groups.flatMap(({ group: name, capacityScaler, endpoints }) => {
      const targets = endpoints.filter((endpoint) => endpoint.health === "HEALTHY").map((endpoint) => targetOf(name, endpoint));
      const weight = capacityScaler * targets.length;
      if (weight === 0) return [];
      return [{ name, targets, weight, credit: before.get(name)?.credit ?? 0, position: this.#resume(targets, before.get(name)) }];
    });
  }

  pick(tried: ReadonlySet<string>): Target | undefined {
    const isUntried = ({ key }: Target): boolean => !tried.has(key);
    const fresh = tried.size === 0 ? this.#groups : this.#groups.filter((group) => group.targets.some(isUntried));
    // All were tried: better one of them again than none.
    return fresh.length > 0 ? take(fresh, isUntried) : take(this.#groups, () => true);
  }

  next(cluster: Cluster): RoundRobin {
    return new RoundRobin(cluster, this.#random, this);
  }

  /** Goes on with the target whose turn it was, or that took its place. */
  #resume(targets: readonly Target[], previous: Group | undefined): number {
    if (!previous) return Math.floor(this.#random.float() * targets.length);
    const upcoming = previous.targets[previous.position];
    const place = targets.findIndex((target) => target.key === upcoming?.key);
    return place === -1 ? previous.position % targets.length : place;
  }
}

function take(groups: readonly Group[], isWanted: (target: Target) => boolean): Target | undefined {
  let best: Group | undefined;
  let total = 0;
  for (const group of groups) {
    group.credit += group.weight;
    total += group.weight;
    if (!best || group.credit > best.credit) best = group;
  }
  if (!best) return undefined;
  best.credit -= total;
  for (;;) {
    const target = best.targets[best.position];
    best.position = (best.position + 1) % best.targets.length;
    if (target && isWanted(target)) return target;
  }
}
