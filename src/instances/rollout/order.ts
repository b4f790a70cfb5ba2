import { isStaying, zoneOf } from "../group/state.ts";
import type { GroupState, Instance } from "../group/state.ts";
import { isStateful } from "./configs.ts";
import { versionsOf } from "./versions.ts";

/** An instance that runs and is not known to be unhealthy by any probe is worth this much at least. */
const serving = 3;

type Known = Pick<GroupState, "spec" | "templates" | "instances">;

interface Ranked {
  readonly instance: Instance;
  readonly keeps: boolean;
  readonly worth: number;
  readonly id: bigint;
}

/**
 * Google names what counts (status, health, template version, zone) and leaves the order open. Ours takes least away: what has something to
 * keep last; before it, first what does not run yet, then what is unhealthy, then what is not known to be healthy; of the others, those in
 * the zone with most, and first what another version than the wanted ones made; among equals the youngest.
 */
export function inOrderOfLoss(known: Known): Instance[] {
  const worth = worthIn(known);
  const ranked = [...known.instances.values()].filter(isStaying).map((instance): Ranked => {
    return { instance, keeps: isStateful(known, instance), worth: worth(instance), id: BigInt(instance.id) };
  });
  // As each zone would lose its own: the first of a zone stands as high as the zone has instances, the next one lower.
  const height = new Map<Ranked, number>();
  for (const zone of Map.groupBy(ranked, ({ instance }) => zoneOf(known, instance)).values())
    for (const [index, one] of zone.toSorted(compare).entries()) height.set(one, zone.length - index);
  const higher = (a: Ranked, b: Ranked): number => (height.get(b) ?? 0) - (height.get(a) ?? 0);
  return ranked.toSorted((a, b) => compareBands(a, b) || higher(a, b) || compare(a, b)).map(({ instance }) => instance);
}

function worthIn(known: Known): (instance: Instance) => number {
  const wanted = new Set(versionsOf(known).map(({ revision }) => revision));
  return (instance) => {
    if (instance.phase.is !== "running") return 0;
    const states = known.spec.probes.map((probe) => instance.health[probe.id] ?? "UNKNOWN");
    if (states.some((state) => state === "UNHEALTHY" || state === "TIMEOUT")) return 1;
    if (states.some((state) => state !== "HEALTHY")) return 2;
    return wanted.has(instance.templateRevision ?? 0) ? serving + 1 : serving;
  };
}

/** What no balance of the zones outweighs. */
function compareBands(a: Ranked, b: Ranked): number {
  return Number(a.keeps) - Number(b.keeps) || Math.min(a.worth, serving) - Math.min(b.worth, serving);
}

function compare(a: Ranked, b: Ranked): number {
  return compareBands(a, b) || a.worth - b.worth || (a.id < b.id ? 1 : -1);
}
