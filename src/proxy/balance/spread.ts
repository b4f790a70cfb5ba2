import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { Cluster, EndpointGroup } from "#ir/cluster.ts";
import { type Balancer, type PickContext, type PickRequest, type Target, targetOf, type WeightedTarget } from "./balancer.ts";
import { CapacityMeter } from "./capacity.ts";
import type { OutlierDetector } from "./outlier.ts";
import { createBalancer } from "./policies.ts";
import type { StatsBook } from "./stats.ts";
import { StickyIndex } from "./sticky.ts";
import { loadsOf, type Tier, type TierGroup, type TierLoad, tiersOf } from "./tiers.ts";

/** What of a backend service outlives its configurations, as far as the choice of endpoints goes by it. */
export interface Memory {
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: StatsBook;
  /** Meters of the targets whose group has a known capacity. */
  readonly meters: WeakMap<Target, CapacityMeter>;
  outlier: OutlierDetector | undefined;
  /** Grows when an endpoint is ejected or comes back. */
  ejections: number;
}

/** A tier with its balancers, which are made when first needed. `panic`: over unhealthy and ejected endpoints as well. */
interface Seat {
  readonly tier: Tier;
  /** Of the groups with a known capacity. */
  readonly meters: ReadonlyMap<string, CapacityMeter>;
  normal: Balancer | undefined;
  panic: Balancer | undefined;
  /** The balancers of the configuration before, whose turn goes on. */
  readonly before: { readonly normal?: Balancer; readonly panic?: Balancer };
}

const hashSteps = 100_003n;

interface Part {
  readonly cluster: Cluster;
  /** Those of the cluster's endpoints that may be used. */
  readonly groups: readonly EndpointGroup[];
}

type IsAvailable = PickContext["isAvailable"];

/**
 * The endpoints of one configuration of a cluster, or of the part of them that a subset leaves, spread over tiers: finds the tier by health
 * and capacity, then has its balancer choose the endpoint.
 */
export class Spread {
  readonly #cluster: Cluster;
  readonly #memory: Memory;
  readonly #seats: readonly Seat[];
  readonly #isMetered: boolean;
  readonly #sticky: StickyIndex;
  #loads: readonly TierLoad[] = [];
  #ejections = -1;

  /** `previous`: the one of the configuration before, to go on from its state. */
  constructor({ cluster, groups }: Part, memory: Memory, previous?: Spread) {
    this.#cluster = cluster;
    this.#memory = memory;
    const now = memory.clock.now();
    const tiers = tiersOf(groups, cluster.locality, (group, endpoint) => targetOf(group, endpoint, { stats: memory.stats, now }));
    const before = new Map(previous ? previous.#seats.map((seat) => [seat.tier.place, seat]) : []);
    this.#seats = tiers.map((tier) => this.#seat(tier, before.get(tier.place)));
    this.#isMetered = this.#seats.some(({ meters }) => meters.size > 0);
    this.#sticky = new StickyIndex(this.#seats);
  }

  /** Keys of the endpoints that take part, and of the healthy ones among them. */
  get keys(): { readonly all: ReadonlySet<string>; readonly healthy: ReadonlySet<string> } {
    const groups = this.#seats.flatMap(({ tier }) => tier.groups);
    const healthy = new Set(groups.flatMap((group) => group.healthy.map(({ key }) => key)));
    return { all: new Set([...healthy, ...groups.flatMap((group) => group.unhealthy.map(({ key }) => key))]), healthy };
  }

  /** The endpoint for an attempt: one that was not tried where there is such a one in any tier. Undefined: none is available. */
  pick(request: PickRequest): Target | undefined {
    this.#weigh();
    if (this.#seats.length === 0) return undefined;
    const named = request.sticky === undefined ? undefined : this.#sticky.find(request.sticky);
    if (named && !request.tried.has(named.key) && this.#isIn(named)) return named;
    const now = this.#memory.clock.now();
    const drawn = this.#draw(request.hash);
    const first = this.#isMetered ? this.#withRoom(drawn, now) : drawn;
    let again: Target | undefined;
    for (let step = 0; step < this.#seats.length; step++) {
      const index = (first + step) % this.#seats.length;
      const target = this.#pickFrom(index, request, now);
      if (target && !request.tried.has(target.key)) return target;
      again ??= target;
    }
    return again;
  }

  /** Whether there are endpoints to be asked, though none may have a free place at the moment. */
  get hasEndpoints(): boolean {
    if (this.#loads.some(({ isPanicking }) => isPanicking)) return true;
    return this.#seats.some(({ tier }) => tier.groups.some(({ healthy }) => healthy.some((target) => !this.#isEjected(target))));
  }

  #seat(tier: Tier, before: Seat | undefined): Seat {
    const meters = new Map<string, CapacityMeter>();
    for (const group of tier.groups) {
      if (!group.capacity) continue;
      const meter = before?.meters.get(group.name) ?? new CapacityMeter();
      meter.configure(group);
      meters.set(group.name, meter);
      for (const target of group.healthy) this.#memory.meters.set(target, meter);
    }
    const normal = before && (before.normal ?? before.before.normal);
    const panic = before && (before.panic ?? before.before.panic);
    return { tier, meters, normal: undefined, panic: undefined, before: { ...(normal && { normal }), ...(panic && { panic }) } };
  }

  /** Health changes with the configuration, which makes a new spread, and with ejections. */
  #weigh(): void {
    if (this.#ejections === this.#memory.ejections) return;
    this.#ejections = this.#memory.ejections;
    const ejected = this.#seats.map(({ tier }) =>
      tier.groups.flatMap(({ healthy }) => healthy.filter((target) => this.#isEjected(target))),
    );
    this.#loads = loadsOf(
      this.#seats.map(({ tier }) => tier),
      this.#cluster,
      ejected,
    );
  }

  /** By the hash where there is one, so that equal requests go to one tier as they go to one endpoint (Envoy). */
  #draw(hash: bigint | undefined): number {
    if (this.#seats.length === 1) return 0;
    let rest = hash === undefined ? this.#memory.random.float() : Number(hash % hashSteps) / Number(hashSteps);
    for (const [index, { share }] of this.#loads.entries()) {
      rest -= share;
      if (rest < 0) return index;
    }
    // Rounding can leave a crumb behind the last; without any share at all the first tier is as good as another.
    return Math.max(
      0,
      this.#loads.findLastIndex(({ share }) => share > 0),
    );
  }

  /** The drawn tier, or the next one with room where its groups are full; when all are full, one by what they can take. */
  #withRoom(drawn: number, now: number): number {
    for (let step = 0; step < this.#seats.length; step++) {
      const index = (drawn + step) % this.#seats.length;
      const seat = this.#seats[index];
      if (seat && (this.#loads[index]?.isPanicking || hasRoom(seat, now))) return index;
    }
    const capacities = this.#seats.map(({ tier }) => tier.groups.reduce((sum, { capacity }) => sum + (capacity?.max ?? 0), 0));
    let rest = this.#memory.random.float() * capacities.reduce((sum, each) => sum + each, 0);
    const found = capacities.findIndex((capacity) => (rest -= capacity) < 0);
    return found === -1 ? drawn : found;
  }

  #pickFrom(index: number, request: PickRequest, now: number): Target | undefined {
    const seat = this.#seats[index];
    const load = this.#loads[index];
    if (!seat || !load) return undefined;
    const { tried, hash } = request;
    const context = { tried, ...(hash !== undefined && { hash }), isAvailable: this.#availability(seat, load, now) };
    if (load.isPanicking) return (seat.panic ??= this.#balancer(seat, "panic")).pick(context);
    return (seat.normal ??= this.#balancer(seat, "normal")).pick(context);
  }

  /** Who may be chosen in a tier at this moment; the cheapest of the functions that will do. */
  #availability({ meters }: Seat, { isPanicking }: TierLoad, now: number): IsAvailable {
    const { outlier } = this.#memory;
    if (isPanicking) return this.#hasFreePlace;
    const isIn = outlier && outlier.ejected > 0 ? this.#isIn : this.#hasFreePlace;
    const full = [...meters.values()].filter((meter) => !meter.hasRoom(now));
    if (full.length === 0 || full.length === meters.size) return isIn;
    return (target) => {
      const meter = this.#memory.meters.get(target);
      return !(meter && full.includes(meter)) && isIn(target);
    };
  }

  readonly #hasFreePlace: IsAvailable = (target) => {
    const most = this.#cluster.circuitBreakers?.maxRequestsPerEndpoint;
    return most === undefined || target.stats.inFlight < most;
  };

  readonly #isIn: IsAvailable = (target) => !this.#isEjected(target) && this.#hasFreePlace(target);

  #isEjected({ key }: Target): boolean {
    return this.#memory.outlier?.isEjected(key) ?? false;
  }

  #balancer({ tier, before }: Seat, mode: "normal" | "panic"): Balancer {
    const targets = tier.groups.flatMap((group) => (mode === "normal" ? weighted(group) : panicked(group)));
    const previous = before[mode];
    const { clock, random } = this.#memory;
    return createBalancer({ cluster: this.#cluster, targets, clock, random, ...(previous && { previous }) });
  }
}

function hasRoom({ tier, meters }: Seat, now: number): boolean {
  return tier.groups.some(({ name, healthy }) => healthy.length > 0 && (meters.get(name)?.hasRoom(now) ?? true));
}

/** Each gets of what its group gets as much as it weighs among the others. */
function weighted({ healthy, weight, worth }: TierGroup): WeightedTarget[] {
  return healthy.map((target) => ({ target, weight: (weight * (target.endpoint.weight ?? 1)) / worth }));
}

/** Health is disregarded, and with it what a group can take: it goes by its endpoints. */
function panicked({ healthy, unhealthy }: TierGroup): WeightedTarget[] {
  return [...healthy, ...unhealthy].map((target) => ({ target, weight: target.endpoint.weight ?? 1 }));
}
