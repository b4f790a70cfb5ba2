import type { Random } from "#base/random.ts";
import type { Cluster } from "#ir/cluster.ts";
import type { Balancer } from "./balancer.ts";
import { RetryBudget } from "./retry-budget.ts";
import { RoundRobin } from "./round-robin.ts";

/** What a proxy remembers of a backend service from one request to the next, and from one configuration to the next. */
export interface ClusterState {
  readonly cluster: Cluster;
  readonly balancer: Balancer;
  readonly budget: RetryBudget;
}

/** The states of all backend services of a proxy. They are made when first asked for, so that a swap of configuration costs no request much. */
export class ClusterStates {
  readonly #random: Random;
  #clusters: ReadonlyMap<string, Cluster> = new Map();
  readonly #states = new Map<string, ClusterState>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The state of `name` under the configuration that `clusters` is part of; undefined when it is not in there. */
  of(clusters: ReadonlyMap<string, Cluster>, name: string): ClusterState | undefined {
    if (clusters !== this.#clusters) this.#enter(clusters);
    const cluster = clusters.get(name);
    if (!cluster) return undefined;
    const known = this.#states.get(name);
    if (known?.cluster === cluster) return known;
    const balancer = known ? known.balancer.next(cluster) : new RoundRobin(cluster, this.#random);
    const state = { cluster, balancer, budget: known?.budget ?? new RetryBudget() };
    this.#states.set(name, state);
    return state;
  }

  #enter(clusters: ReadonlyMap<string, Cluster>): void {
    this.#clusters = clusters;
    for (const name of this.#states.keys()) if (!clusters.has(name)) this.#states.delete(name);
  }
}
