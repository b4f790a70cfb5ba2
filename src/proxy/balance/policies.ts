import type { BalancingPolicy } from "#ir/cluster.ts";
import type { Balancer, BalancerSetup, WeightedTarget } from "./balancer.ts";
import { ByChance, expectedLatency, requestsInFlight } from "./chance.ts";
import { ringHash } from "./hash-ring.ts";
import { Hashed } from "./hashed.ts";
import { maglev } from "./maglev.ts";
import { reportedWeights } from "./reported-weights.ts";
import { RoundRobin } from "./round-robin.ts";
import { slowStartFactor } from "./slow-start.ts";

type Create = (setup: BalancerSetup) => Balancer;

/** The table of policies. Adding one is a row here and one in the contract suite. */
const policies: { readonly [Kind in BalancingPolicy["kind"]]: (policy: Extract<BalancingPolicy, { kind: Kind }>) => Create } = {
  ROUND_ROBIN: () => roundRobin,
  WEIGHTED_ROUND_ROBIN: () => (setup) => new RoundRobin(setup, reportedWeights(setup)),
  RANDOM: () => (setup) => new ByChance(setup),
  LEAST_REQUEST:
    ({ choices }) =>
    (setup) =>
      new ByChance(setup, choices, requestsInFlight),
  PEAK_EWMA: () => (setup) => new ByChance(setup, 2, expectedLatency),
  RING_HASH:
    ({ minimumRingSize }) =>
    (setup) =>
      new Hashed(setup, ringHash(minimumRingSize)),
  MAGLEV:
    ({ tableSize }) =>
    (setup) =>
      new Hashed(setup, maglev(tableSize)),
};

/** The balancer of one tier by the cluster's policy, ROUND_ROBIN where it names none. */
export function createBalancer(setup: BalancerSetup): Balancer {
  const { policy } = setup.cluster;
  if (!policy) return roundRobin(setup);
  const create = policies[policy.kind] as (policy: BalancingPolicy) => Create;
  return create(policy)(setup);
}

function roundRobin(setup: BalancerSetup): Balancer {
  const { slowStart } = setup.cluster;
  const of = ({ target, weight }: WeightedTarget, now: number): number => weight * slowStartFactor(slowStart, target, now);
  return new RoundRobin(setup, { refresh: () => undefined, of });
}
