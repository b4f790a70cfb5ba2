import type { Cluster, Endpoint, EndpointGroup, GroupCapacity, Locality } from "#ir/cluster.ts";
import type { Target } from "./balancer.ts";

/**
 * Where requests go before one endpoint is chosen. Endpoints stand in tiers (Envoy: priorities): preferred groups before the others, near
 * places before far ones. A tier takes what its health allows and hands on the rest; within a tier, groups share by what they can take.
 */

/** The part of a group that lies in one tier. */
export interface TierGroup {
  /** `EndpointGroup.group`. */
  readonly name: string;
  readonly healthy: readonly Target[];
  /** Taken into account only when health is disregarded. */
  readonly unhealthy: readonly Target[];
  /** Share of the group among those of its tier. */
  readonly weight: number;
  /** So many endpoints of full weight are worth as much as its healthy ones. */
  readonly worth: number;
  /** What the group can take, scaled; absent: no limit is known. */
  readonly capacity?: { readonly mode: GroupCapacity["mode"]; readonly max: number };
}

export interface Tier {
  /** For people: `preferred, same zone`. */
  readonly place: string;
  readonly groups: readonly TierGroup[];
}

/** What a tier gets: its share of the requests, 0 to 1, and whether health is disregarded in it. */
export interface TierLoad {
  readonly share: number;
  readonly isPanicking: boolean;
}

/** A group is drained when fewer of its endpoints than this are healthy (Google: `autoCapacityDrain`). */
const drainBelow = 0.25;

/** Envoy's overprovisioning: a tier with fewer healthy endpoints is still whole, down to 1 / 1.4 of them. */
const overprovisioning = 1.4;

const defaultPanicPercent = 50;

/** Makes the target of an endpoint of a group. */
export type TargetMaker = (group: string, endpoint: Endpoint) => Target;

/** The tiers of `groups`, first choice first. None is empty, though all of its endpoints may be unhealthy. */
export function tiersOf(groups: readonly EndpointGroup[], locality: Locality | undefined, makeTarget: TargetMaker): Tier[] {
  const drained = locality?.autoCapacityDrain ? drainedGroups(groups) : new Set<EndpointGroup>();
  const inUse = groups.filter((group) => group.capacityScaler > 0 && !drained.has(group));
  const arePreferred = inUse.some(({ preferred }) => preferred);
  const ranked = new Map<number, Part[]>();
  for (const group of inUse) {
    for (const [distance, endpoints] of byDistance(group.endpoints, locality)) {
      const rank = (arePreferred && !group.preferred ? places.length : 0) + distance;
      const parts = ranked.get(rank) ?? [];
      parts.push({ group, endpoints });
      ranked.set(rank, parts);
    }
  }
  isolate(ranked, locality);
  const isSprayed = locality?.algorithm.startsWith("SPRAY") ?? false;
  return [...ranked]
    .toSorted(([a], [b]) => a - b)
    .map(([rank, parts]) => ({ place: placeOf(rank, { arePreferred, locality }), groups: tierGroups(parts, isSprayed, makeTarget) }));
}

/** Takes out the places that requests may not go to. */
function isolate(ranked: Map<number, readonly Part[]>, locality: Locality | undefined): void {
  if (locality?.isolation === undefined || locality.zone === undefined) return;
  const distances = [...ranked.keys()].map((rank) => rank % places.length);
  const farthest = locality.isolation === "STRICT" ? ownRegion : Math.max(ownRegion, Math.min(...distances));
  for (const rank of ranked.keys()) if (rank % places.length > farthest) ranked.delete(rank);
}

interface Part {
  readonly group: EndpointGroup;
  readonly endpoints: readonly Endpoint[];
}

const places = ["same zone", "same region", "same continent", "elsewhere"] as const;
const ownRegion = 1;

function placeOf(rank: number, { arePreferred, locality }: { arePreferred: boolean; locality: Locality | undefined }): string {
  const preference = arePreferred ? (rank < places.length ? "preferred" : "not preferred") : undefined;
  const isNowhere = locality?.zone === undefined || isWorldwide(locality);
  return [preference, isNowhere ? undefined : places[rank % places.length]].filter((word) => word !== undefined).join(", ") || "anywhere";
}

/** Endpoints that take part, by place. Those that drain or were not probed yet do not (Envoy: `ignore_new_hosts_until_first_hc`). */
function byDistance(endpoints: readonly Endpoint[], locality: Locality | undefined): Map<number, Endpoint[]> {
  const found = new Map<number, Endpoint[]>();
  for (const endpoint of endpoints) {
    if (endpoint.health !== "HEALTHY" && endpoint.health !== "UNHEALTHY") continue;
    const distance = distanceOf(endpoint.zone, locality);
    const there = found.get(distance);
    if (there) there.push(endpoint);
    else found.set(distance, [endpoint]);
  }
  return found;
}

/** Index in `places`. Waterfalls end at the zone or at the region; sprays know the region or nothing. */
function distanceOf(zone: string, locality: Locality | undefined): number {
  if (locality?.zone === undefined || isWorldwide(locality)) return 0;
  if (zone === locality.zone && locality.algorithm === "WATERFALL_BY_ZONE") return 0;
  const region = regionOf(zone);
  const own = regionOf(locality.zone);
  if (region === own) return ownRegion;
  return region.split("-", 1)[0] === own.split("-", 1)[0] ? 2 : 3;
}

/** All places are one. Where regions are kept apart, spraying ends at the region. */
function isWorldwide({ algorithm, isolation }: Locality): boolean {
  return algorithm === "SPRAY_TO_WORLD" && isolation === undefined;
}

/** `us-central1` of `us-central1-a`. */
function regionOf(zone: string): string {
  return zone.replace(/-[a-z]$/, "");
}

function tierGroups(parts: readonly Part[], isSprayed: boolean, makeTarget: TargetMaker): TierGroup[] {
  const groups = parts.map(({ group, endpoints }) => {
    const { inboundKey } = group;
    const targetOf = (endpoint: Endpoint): Target => {
      const target = makeTarget(group.group, endpoint);
      return inboundKey === undefined ? target : { ...target, inboundKey };
    };
    const healthy = endpoints.filter(({ health }) => health === "HEALTHY").map(targetOf);
    const unhealthy = endpoints.filter(({ health }) => health !== "HEALTHY").map(targetOf);
    const worth = worthOf(healthy);
    return { group, healthy, unhealthy, worth, max: capacityOf(group, endpoints.length, { healthy: healthy.length, worth }) };
  });
  // Capacities of different kinds cannot be compared, and then the number of endpoints has to do.
  const modes = new Set(parts.map(({ group }) => group.capacity?.mode));
  const areComparable = modes.size === 1 && !isSprayed;
  return groups.map(({ group, healthy, unhealthy, worth, max }) => ({
    name: group.group,
    healthy,
    unhealthy,
    worth,
    weight: areComparable && max !== undefined ? max : group.capacityScaler * worth,
    ...(group.capacity && max !== undefined && { capacity: { mode: group.capacity.mode, max } }),
  }));
}

/** What these endpoints are worth, as a number of endpoints of full weight. */
function worthOf(targets: readonly Target[]): number {
  return sum(targets, ({ endpoint }) => endpoint.weight ?? 1);
}

/** What the part of a group that lies here can take, times the scaler; endpoints of less weight take less. */
function capacityOf(
  { capacity, capacityScaler, endpoints }: EndpointGroup,
  here: number,
  { healthy, worth }: { readonly healthy: number; readonly worth: number },
): number | undefined {
  if (!capacity) return undefined;
  // A share of utilization says how much of each endpoint is to be used, whoever it was written for.
  if (capacity.perEndpoint || capacity.mode === "UTILIZATION") return capacity.max * worth * capacityScaler;
  const present = endpoints.filter(({ health }) => health === "HEALTHY" || health === "UNHEALTHY").length;
  const whole = (capacity.max * here) / Math.max(1, present);
  return whole * (healthy === 0 ? 1 : worth / healthy) * capacityScaler;
}

/** Those with the lowest health first, and never more than half of all groups (Google). */
function drainedGroups(groups: readonly EndpointGroup[]): Set<EndpointGroup> {
  const rated = groups.flatMap((group) => {
    const present = group.endpoints.filter(({ health }) => health === "HEALTHY" || health === "UNHEALTHY");
    if (group.capacityScaler === 0 || present.length === 0) return [];
    return [{ group, health: present.filter(({ health }) => health === "HEALTHY").length / present.length }];
  });
  const worst = rated.filter(({ health }) => health < drainBelow).toSorted((a, b) => a.health - b.health);
  return new Set(worst.slice(0, Math.floor(rated.length / 2)).map(({ group }) => group));
}

/**
 * How requests spread over tiers (Envoy: priority levels and panic thresholds). A tier is as good as the percentage of its healthy
 * endpoints × the overprovisioning factor, at most 100; it gets that share of the requests, as far as tiers before it have left any. When
 * all of them together are not worth 100, shares are scaled up, and tiers below the panic threshold disregard health.
 * `ejected`: what outlier detection has taken out of each tier's healthy endpoints. Endpoints of less weight are worth less, and no less healthy.
 */
export function loadsOf(tiers: readonly Tier[], cluster: Cluster, ejected: readonly (readonly Target[])[]): TierLoad[] {
  const { locality, panicPercent = defaultPanicPercent } = cluster;
  const factor = locality ? 100 / locality.failoverHealthThreshold : overprovisioning;
  const counts = tiers.map((tier, index) => {
    const healthy = sum(tier.groups, (group) => group.healthy.length);
    const out = ejected[index] ?? [];
    return {
      worth: sum(tier.groups, (group) => group.worth) - worthOf(out),
      healthy: healthy - out.length,
      total: healthy + sum(tier.groups, (group) => group.unhealthy.length),
    };
  });
  // Rounded down as Envoy does, after taking away what is only the error of the division.
  const worth = counts.map(({ worth: whole, total }) => Math.min(100, Math.floor((factor * 100 * whole) / total + 1e-9)));
  const totalWorth = Math.min(
    100,
    sum(worth, (each) => each),
  );
  const isPanicking = counts.map(({ healthy, total }) => totalWorth < 100 && (100 * healthy) / total < panicPercent);
  if (isPanicking.every(Boolean)) return inTotalPanic(counts);
  if (totalWorth === 0) return counts.map(() => ({ share: 0, isPanicking: false }));
  let left = 1;
  return worth.map((each, index) => {
    const share = Math.min(left, each / totalWorth);
    left -= share;
    return { share, isPanicking: isPanicking[index] ?? false };
  });
}

/** Envoy: when every tier disregards health, each gets its share of all endpoints. */
function inTotalPanic(counts: readonly { readonly total: number }[]): TierLoad[] {
  const all = sum(counts, ({ total }) => total);
  return counts.map(({ total }) => ({ share: total / all, isPanicking: true }));
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
