import type { Cluster } from "#ir/cluster.ts";
import type { Target } from "./balancer.ts";

type SlowStart = NonNullable<Cluster["slowStart"]>;

/**
 * The part of its weight, above 0 and at most 1, that an endpoint gets while it is new: `max(min, (age / window) ^ (1 / aggression))`
 * (Envoy: `slow_start_config`). Hashing policies know no slow start, there as here: it would move keys twice.
 */
export function slowStartFactor(slowStart: SlowStart | undefined, { endpoint, stats }: Target, now: number): number {
  if (!slowStart) return 1;
  const age = now - (endpoint.healthySinceMs ?? stats.firstSeenMs);
  if (age >= slowStart.windowMs) return 1;
  // Clocks of control plane and proxy differ.
  const elapsed = Math.max(1, age) / slowStart.windowMs;
  return Math.max(slowStart.minWeightPercent / 100, elapsed ** (1 / slowStart.aggression), Number.EPSILON);
}
