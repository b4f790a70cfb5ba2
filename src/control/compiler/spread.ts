/** Over which zones a managed group's instances are, and how. */
import type { SpreadSpec } from "#instances/group/spec.ts";
import type { InstanceGroupManager } from "#model/compute/instance-group-managers.ts";
import { zones } from "#model/compute/locations.ts";
import { shortName } from "./references.ts";

/** Google spreads a regional group over so many zones when it is not told which. */
const mostByDefault = 3;

/** The zones of a scope, by short names: a zone's own; of a region those that it spreads over by default. Never empty. */
function zonesOfScope(scope: string): string[] {
  const place = shortName(scope);
  if (!isRegional(scope)) return [place];
  const known = zones.filter(({ region }) => region === place).map(({ name }) => name);
  return known.length > 0 ? known.slice(0, mostByDefault) : ["a", "b", "c"].map((letter) => `${place}-${letter}`);
}

/** The zone of what is in a scope and has no other: `regions/r` counts as the first of its zones. */
export function zoneOf(scope: string): string {
  return zonesOfScope(scope)[0] ?? "";
}

/** The zones of a manager's instances, each once. */
export function zonesOf(scope: string, { distributionPolicy }: InstanceGroupManager): string[] {
  const listed = (distributionPolicy?.zones ?? []).flatMap(({ zone }) => (zone === undefined || zone === "" ? [] : [shortName(zone)]));
  return isRegional(scope) && listed.length > 0 ? [...new Set(listed)] : zonesOfScope(scope);
}

/**
 * Google moves instances for the sake of EVEN alone. BALANCED and ANY yield to what zones have to give, and here each has enough, so that
 * they spread as EVEN does and move nothing.
 */
export function spreadOf(scope: string, manager: InstanceGroupManager): { readonly spread?: SpreadSpec } {
  if (!isRegional(scope)) return {};
  const { targetShape = "EVEN" } = manager.distributionPolicy ?? {};
  const redistributes = targetShape === "EVEN" && manager.updatePolicy?.instanceRedistributionType !== "NONE";
  return { spread: { zones: zonesOf(scope, manager), singleZone: targetShape === "ANY_SINGLE_ZONE", redistributes } };
}

export function isRegional(scope: string): boolean {
  return scope.startsWith("regions/");
}
