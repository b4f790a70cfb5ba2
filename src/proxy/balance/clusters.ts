import type { Clock } from "#base/clock.ts";
import { type Random, randomHex } from "#base/random.ts";
import type { Cluster, EndpointGroup } from "#ir/cluster.ts";
import type { Observation } from "#proxy/filters/explain-backend.ts";
import type { PickRequest, Target } from "./balancer.ts";
import { Circuit, type Patience } from "./circuit.ts";
import { noteLoad } from "./load-report.ts";
import { OutlierDetector, verdictOf } from "./outlier.ts";
import { type Caller, type Wish, Wishes } from "./preference.ts";
import { RetryBudget } from "./retry-budget.ts";
import { type Memory, Spread } from "./spread.ts";
import { type AttemptEnd, StatsBook } from "./stats.ts";
import { inboundKeysOf } from "./inbound-keys.ts";
import { subsetGroups } from "./subsetting.ts";

/** What a proxy remembers of its backend services from one request to the next, and from one configuration to the next. */

/**
 * Whether an attempt may be made, and to whom. `overflow`: a circuit breaker or the adaptive limit is in the way; `none`: no endpoint is
 * there to be asked; `ended`: the request's time was over while it waited for its turn.
 */
export type Admission = { readonly kind: "admitted"; readonly target: Target } | { readonly kind: "overflow" | "none" | "ended" };

/** Counts that go on whatever the configuration is. */
interface Counts extends Memory {
  /** Tells this proxy from the other proxies of the service, for consistent subsetting. */
  readonly proxyId: string;
  readonly budget: RetryBudget;
  readonly circuit: Circuit;
  /** Attempts by group, and those of them that failed. */
  readonly requests: Map<string, number>;
  readonly failures: Map<string, number>;
}

/**
 * One backend service under one configuration. Each attempt is admitted, then answered, then ended, all by the same state, also where a newer
 * configuration has come in between.
 */
export class ClusterState {
  readonly cluster: Cluster;
  /** Names of the secrets that requests are signed with; undefined: they are not. */
  readonly inboundKeys: readonly string[] | undefined;
  readonly #countsBodies: boolean;
  readonly #counts: Counts;
  readonly #whole: Spread;
  readonly #wishes: Wishes;
  readonly #parts = new WeakMap<readonly EndpointGroup[], Spread>();

  /** Called by `ClusterStates`. */
  constructor(cluster: Cluster, counts: Counts, previous?: ClusterState) {
    this.cluster = cluster;
    this.inboundKeys = inboundKeysOf(cluster);
    this.#countsBodies = countsBodies(cluster);
    this.#counts = counts;
    const { subsetSize } = cluster;
    const groups = subsetSize === undefined ? cluster.groups : subsetGroups(cluster.groups, subsetSize, counts.proxyId);
    this.#whole = new Spread({ cluster, groups }, counts, previous && previous.#whole);
    this.#wishes = new Wishes(cluster, groups, counts.random);
    configure(counts, cluster, this.#whole);
  }

  /** Whether it matters how long the body of an answer occupies an endpoint: something is limited, or balanced, by what is under way. */
  get countsBodies(): boolean {
    return this.#countsBodies;
  }

  get budget(): RetryBudget {
    return this.#counts.budget;
  }

  /** What there is to be seen of it at present. */
  get observation(): Observation {
    const { circuit, failures, outlier, requests } = this.#counts;
    const { active, limit, overflows } = circuit;
    // Of a key, `group/instance@authority`, the instance is enough for people.
    const ejected = (outlier?.ejectedKeys() ?? []).map((key) => key.slice(0, key.lastIndexOf("@"))).toSorted();
    return {
      ejected,
      active,
      ...(Number.isFinite(limit) && { limit }),
      overflows,
      requests: Object.fromEntries(requests),
      failures: Object.fromEntries(failures),
    };
  }

  /** What a request asks of the choice of its endpoint: once for each request, before its attempts. */
  wishOf(caller: Caller): Wish {
    return this.#wishes.of(caller);
  }

  /**
   * Chooses the endpoint of an attempt and counts the attempt as under way there. Whoever is admitted must call `ended`, once, and
   * `answered` before that. A promise only where circuit breakers let the attempt wait.
   */
  admit(request: PickRequest, patience: Patience): Admission | Promise<Admission> {
    const { circuit } = this.#counts;
    switch (circuit.enter()) {
      case "room":
        return this.#choose(request);
      case "overflow":
        return { kind: "overflow" };
      case "wait":
        return circuit.waitForRoom(patience).then((hasRoom) => (hasRoom ? this.#choose(request) : { kind: "ended" }));
    }
  }

  /** The head of an attempt's answer is there, or there will be none, `ms` after it was admitted. */
  answered(target: Target, end: AttemptEnd, ms: number): void {
    const { circuit, clock, failures, outlier } = this.#counts;
    const now = clock.now();
    target.stats.answered(end, ms, now);
    if (end.kind === "abandoned") return;
    const verdict = verdictOf(end.kind === "response" ? end.status : undefined);
    if (verdict !== "success") failures.set(target.group, (failures.get(target.group) ?? 0) + 1);
    noteLoad(this.cluster, target, { end, now });
    circuit.answered(ms, now);
    if (outlier?.record(target.key, verdict, now)) this.#counts.ejections += 1;
  }

  /** An attempt is over, its body included. */
  ended(target: Target): void {
    target.stats.ended();
    this.#counts.meters.get(target)?.ended();
    this.#counts.circuit.leave();
  }

  #choose(request: PickRequest): Admission {
    const { circuit, clock, meters, outlier, requests } = this.#counts;
    const now = clock.now();
    if (outlier?.sweep(now)) this.#counts.ejections += 1;
    const spread = request.groups ? this.#part(request.groups) : this.#whole;
    const target = spread.pick(request);
    if (!target) {
      circuit.leave();
      return { kind: spread.hasEndpoints ? "overflow" : "none" };
    }
    target.stats.began(now);
    requests.set(target.group, (requests.get(target.group) ?? 0) + 1);
    meters.get(target)?.began();
    return { kind: "admitted", target };
  }

  /** A subset of the endpoints has tiers and health of its own. */
  #part(groups: readonly EndpointGroup[]): Spread {
    const known = this.#parts.get(groups);
    if (known) return known;
    const made = new Spread({ cluster: this.cluster, groups }, this.#counts);
    this.#parts.set(groups, made);
    return made;
  }
}

function countsBodies({ adaptiveConcurrency, circuitBreakers, groups, policy }: Cluster): boolean {
  if (adaptiveConcurrency !== undefined || circuitBreakers !== undefined) return true;
  return policy?.kind === "LEAST_REQUEST" || policy?.kind === "PEAK_EWMA" || groups.some(({ capacity }) => capacity !== undefined);
}

/** What outlives configurations takes the newest one over. */
function configure(counts: Counts, cluster: Cluster, spread: Spread): void {
  const { circuit, clock, failures, random, requests, stats } = counts;
  const { outlierDetection, circuitBreakers } = cluster;
  counts.budget.maxRetries = circuitBreakers?.maxRetries;
  circuit.configure(cluster);
  const { all, healthy } = spread.keys;
  stats.retain(all);
  const groups = new Set(cluster.groups.map(({ group }) => group));
  for (const group of [...requests.keys()].filter((key) => !groups.has(key))) {
    requests.delete(group);
    failures.delete(group);
  }
  if (!outlierDetection) counts.outlier = undefined;
  else (counts.outlier ??= new OutlierDetector(outlierDetection, random, clock.now())).configure(outlierDetection, healthy);
  counts.ejections += 1;
}

/** The states of all backend services of a proxy. They are made when first asked for, so that a swap of configuration costs no request much. */
export class ClusterStates {
  readonly #random: Random;
  readonly #clock: Clock;
  #clusters: ReadonlyMap<string, Cluster> = new Map();
  readonly #states = new Map<string, { readonly state: ClusterState; readonly counts: Counts }>();

  constructor(random: Random, clock: Clock) {
    this.#random = random;
    this.#clock = clock;
  }

  /** The state of `name` under the configuration that `clusters` is part of; undefined when it is not in there. */
  of(clusters: ReadonlyMap<string, Cluster>, name: string): ClusterState | undefined {
    if (clusters !== this.#clusters) this.#enter(clusters);
    const cluster = clusters.get(name);
    if (!cluster) return undefined;
    const known = this.#states.get(name);
    if (known?.state.cluster === cluster) return known.state;
    const counts = known?.counts ?? this.#newCounts();
    const state = new ClusterState(cluster, counts, known?.state);
    this.#states.set(name, { state, counts });
    return state;
  }

  /** What there is to be seen of the backend services that requests went to, by name. */
  observations(): Record<string, Observation> {
    return Object.fromEntries([...this.#states].map(([name, { state }]) => [name, state.observation]));
  }

  #enter(clusters: ReadonlyMap<string, Cluster>): void {
    this.#clusters = clusters;
    for (const name of this.#states.keys()) if (!clusters.has(name)) this.#states.delete(name);
  }

  #newCounts(): Counts {
    return {
      proxyId: randomHex(this.#random, 8),
      clock: this.#clock,
      random: this.#random,
      stats: new StatsBook(),
      meters: new WeakMap(),
      outlier: undefined,
      ejections: 0,
      budget: new RetryBudget(),
      circuit: new Circuit(),
      requests: new Map(),
      failures: new Map(),
    };
  }
}
