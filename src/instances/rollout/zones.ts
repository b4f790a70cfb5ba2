import { isStaying, zoneOf } from "../group/state.ts";
import type { GroupState, Instance } from "../group/state.ts";
import { isStateful } from "./configs.ts";
import { inOrderOfLoss } from "./order.ts";
import { differenceOf, versionsOf } from "./versions.ts";

/** How a regional group spreads its instances over its zones. */

type Known = Pick<GroupState, "spec" | "templates" | "instances">;

/**
 * Tells where one more instance goes, and then the next one: to the zone that lacks most of what it is to have, where those that an update
 * will take away count for nothing; or to the zone that has most, where all are to be in one. Undefined in a zonal group.
 */
export function zonesToFill(known: Known): () => string | undefined {
  const { spread, targetSize = 0 } = known.spec.managed ?? {};
  if (!spread) return () => undefined;
  const present = zonesOf(known);
  const quotas = quotasOf(spread.zones, present, targetSize);
  const kept = new Map(present.map((zone) => [zone.zone, zone.current + zone.fixedSurplus]));
  const count = (zone: string): number => kept.get(zone) ?? 0;
  const lack = (zone: string): number => (spread.singleZone ? count(zone) : (quotas.get(zone) ?? 0) - count(zone));
  return () => {
    // The first of several that lack as much.
    const [next = ""] = spread.zones.toSorted((a, b) => lack(b) - lack(a));
    kept.set(next, count(next) + 1);
    return next;
  };
}

/**
 * Those that are to be replaced by others in other zones (Google's proactive redistribution): none while the numbers of the zones differ by
 * one at most. What has something to keep stays where it is. Of a zone the others go first that an update would take, and the oldest, so
 * that none goes that has just been made.
 */
export function misplacedOf(known: Known): Instance[] {
  const { spread, targetSize = 0 } = known.spec.managed ?? {};
  if (!spread?.redistributes) return [];
  const staying = [...known.instances.values()].filter(isStaying);
  if (isEven(countByZone(known, staying), spread.zones, { staying: staying.length, targetSize })) return [];
  const zones = zonesOf(known);
  const quotas = quotasOf(spread.zones, zones, targetSize);
  return zones.flatMap(({ zone, movable, instances }) => movable.slice(0, Math.max(0, instances.length - (quotas.get(zone) ?? 0))));
}

interface Zone {
  readonly zone: string;
  readonly instances: readonly Instance[];
  /** In the order in which they would be moved. */
  readonly movable: readonly Instance[];
  /** How many an update would leave alone. */
  readonly current: number;
  /** How many more have something to keep, and are updated where they are. */
  readonly fixedSurplus: number;
}

function zonesOf(known: Known): Zone[] {
  const staying = inOrderOfLoss(known);
  const updates = known.spec.managed?.update?.type === "PROACTIVE";
  const surplus = new Set(updates ? differenceOf(versionsOf(known), staying).surplus : []);
  const isOld = (instance: Instance): boolean => surplus.has(instance);
  return [...Map.groupBy(staying, (instance) => zoneOf(known, instance))].map(([zone, instances]) => {
    const movable = instances
      .filter((instance) => !isStateful(known, instance))
      .toSorted((a, b) => Number(isOld(b)) - Number(isOld(a)) || (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
    const old = instances.filter(isOld);
    const fixedSurplus = old.filter((instance) => isStateful(known, instance)).length;
    return { zone, instances, movable, current: instances.length - old.length, fixedSurplus };
  });
}

function countByZone(known: Pick<GroupState, "spec">, instances: readonly Instance[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const instance of instances) counts.set(zoneOf(known, instance), (counts.get(zoneOf(known, instance)) ?? 0) + 1);
  return counts;
}

function isEven(counts: ReadonlyMap<string, number>, zones: readonly string[], sizes: { staying: number; targetSize: number }): boolean {
  const listed = zones.map((zone) => counts.get(zone) ?? 0);
  const isWithin = listed.reduce((sum, count) => sum + count, 0) === sizes.staying;
  return isWithin && sizes.staying <= sizes.targetSize && Math.max(...listed) - Math.min(...listed) <= 1;
}

/**
 * How many each zone is to have: one after the other goes to the zone with fewest so far, on top of what cannot be moved. Among equals
 * those come first with most that an update would leave alone, then those with most: this moves fewest, and nothing that an update has just made.
 */
function quotasOf(zones: readonly string[], present: readonly Zone[], size: number): Map<string, number> {
  const byName = new Map(present.map((zone) => [zone.zone, zone]));
  const quotas = new Map(present.map(({ zone, instances, movable }) => [zone, instances.length - movable.length]));
  const quota = (zone: string): number => quotas.get(zone) ?? 0;
  const fixed = [...quotas.values()].reduce((sum, count) => sum + count, 0);
  const left = (zone: string, of: (zone: Zone) => number): number => {
    const known = byName.get(zone);
    return known ? Math.max(0, of(known) - quota(zone)) : 0;
  };
  const first = (a: string, b: string): number =>
    quota(a) - quota(b) ||
    left(b, ({ current }) => current) - left(a, ({ current }) => current) ||
    left(b, ({ instances }) => instances.length) - left(a, ({ instances }) => instances.length);
  for (let given = fixed; given < size; given++) {
    const [next = ""] = zones.toSorted(first);
    quotas.set(next, quota(next) + 1);
  }
  return quotas;
}
