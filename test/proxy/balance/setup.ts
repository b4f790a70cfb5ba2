/** Balancers over targets made for a test. */
import { seededRandom } from "#base/random.ts";
import type { BalancingPolicy, Cluster, Endpoint } from "#ir/cluster.ts";
import { type Balancer, type PickContext, type Target, targetOf } from "#proxy/balance/balancer.ts";
import { createBalancer } from "#proxy/balance/policies.ts";
import { StatsBook } from "#proxy/balance/stats.ts";
import { endpoint, ManualClock } from "../fixture.ts";

/** One of each; the suite that holds for all of them runs over these. */
export const everyPolicy = {
  ROUND_ROBIN: { kind: "ROUND_ROBIN" },
  WEIGHTED_ROUND_ROBIN: { kind: "WEIGHTED_ROUND_ROBIN" },
  RANDOM: { kind: "RANDOM" },
  LEAST_REQUEST: { kind: "LEAST_REQUEST", choices: 2 },
  PEAK_EWMA: { kind: "PEAK_EWMA" },
  RING_HASH: { kind: "RING_HASH", minimumRingSize: 256 },
  MAGLEV: { kind: "MAGLEV", tableSize: 251 },
} as const satisfies Readonly<Record<BalancingPolicy["kind"], BalancingPolicy>>;

/** A tier under test: targets keep their stats from one balancer to the next. */
export class Tier {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  readonly stats = new StatsBook();
  readonly cluster: Pick<Cluster, "policy" | "slowStart">;

  constructor(policy: BalancingPolicy, slowStart?: Cluster["slowStart"]) {
    this.cluster = { policy, ...(slowStart && { slowStart }) };
  }

  /** `vm-0`, `vm-1`, … */
  target(index: number, more: Partial<Endpoint> = {}): Target {
    const now = this.clock.now();
    return targetOf("g", endpoint(`vm-${index}`, `10.0.${index >> 8}.${index & 255}`, more), { stats: this.stats, now });
  }

  targets(count: number): Target[] {
    return Array.from({ length: count }, (_, index) => this.target(index));
  }

  balancer(targets: readonly Target[], weights: readonly number[] = [], previous?: Balancer): Balancer {
    const weighted = targets.map((target, index) => ({ target, weight: weights[index] ?? 1 }));
    return createBalancer({
      cluster: this.cluster,
      targets: weighted,
      clock: this.clock,
      random: this.random,
      ...(previous && { previous }),
    });
  }
}

/** Any target, unless told otherwise. */
export function context(more: Partial<PickContext> = {}): PickContext {
  return { tried: new Set(), isAvailable: () => true, ...more };
}

export function picks(balancer: Balancer, count: number, more: Partial<PickContext> = {}): string[] {
  return Array.from({ length: count }, () => balancer.pick(context(more))?.endpoint.instance ?? "none");
}

export function shares(names: readonly string[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
}

/** Pearson's statistic of counts against expected shares. */
export function chiSquare(counts: Readonly<Record<string, number>>, expected: Readonly<Record<string, number>>): number {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return Object.entries(expected).reduce((sum, [name, share]) => sum + ((counts[name] ?? 0) - total * share) ** 2 / (total * share), 0);
}

/** Values that the statistic of a right implementation exceeds once in a thousand runs, by degrees of freedom. */
export const chiSquareLimit: Readonly<Record<number, number>> = { 1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 9: 27.88 };
