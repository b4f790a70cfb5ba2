import type { BalancerSetup, Target, WeightedTarget } from "./balancer.ts";
import type { Weights } from "./round-robin.ts";
import { slowStartFactor } from "./slow-start.ts";

/** What endpoints report about their load, as weights: WEIGHTED_ROUND_ROBIN (gRPC A58, Envoy: `client_side_weighted_round_robin`). */

/** How often weights are made anew; gRPC: `weight_update_period`. */
const updateMs = 1000;
/** Reports must have come for so long before they count; gRPC: `blackout_period`. */
const blackoutMs = 10_000;
/** How much an endpoint that answers with errors is taken to be busier; gRPC: `error_utilization_penalty`. */
const errorPenalty = 1;

/**
 * Weights by reported load, as multiples of the average, which an endpoint without a report that counts gets; all equal when fewer than two
 * report.
 */
export function reportedWeights(setup: BalancerSetup): Weights {
  const { cluster, targets } = setup;
  let madeAtMs = Number.NEGATIVE_INFINITY;
  let factors: ReadonlyMap<Target, number> = new Map();
  return {
    refresh(now) {
      if (now - madeAtMs < updateMs) return;
      madeAtMs = now;
      factors = factorsOf(targets, now);
    },
    of: ({ target, weight }: WeightedTarget, now) => weight * (factors.get(target) ?? 1) * slowStartFactor(cluster.slowStart, target, now),
  };
}

function factorsOf(targets: readonly WeightedTarget[], now: number): ReadonlyMap<Target, number> {
  const capacities = new Map<Target, number>();
  let sum = 0;
  for (const { target } of targets) {
    const capacity = capacityOf(target, now);
    if (capacity === undefined) continue;
    capacities.set(target, capacity);
    sum += capacity;
  }
  if (capacities.size < 2) return new Map();
  // Turns that are already planned go by the weights of before, which have to be of the same order.
  for (const [target, capacity] of capacities) capacities.set(target, (capacity * capacities.size) / sum);
  return capacities;
}

/** Requests per second that the endpoint could take, as far as it is known: what it has, divided by how much of it that takes. */
function capacityOf({ stats }: Target, now: number): number | undefined {
  const report = stats.load(now);
  if (!report || now - report.sinceMs < blackoutMs) return undefined;
  const { utilization, requestsPerSecond, errorsPerSecond = 0 } = report.load;
  // An endpoint that does not count its requests is given those of this proxy, which stand for those of the others.
  const rate = requestsPerSecond ?? stats.requestsPerSecond(now);
  const used = rate > 0 ? utilization + (errorsPerSecond / rate) * errorPenalty : 0;
  return used > 0 ? rate / used : undefined;
}
