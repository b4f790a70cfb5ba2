import type { Fault } from "#base/errors.ts";
import { isRegional, zonesOf } from "#control/compiler/spread.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import type { Json, JsonObject } from "#base/json.ts";
import type { Call } from "./context.ts";
import { invalidFault } from "./faults.ts";
import { computeLink, nameOf, scopeOf } from "./names.ts";

/** What is so of managers of regional groups alone. */

interface Made {
  readonly key: string;
  readonly resource: JsonObject;
}

/** Rules that only the scope of a manager makes. */
export function regionalFaults({ key, resource }: Made): Fault[] {
  const scope = scopeOf(key);
  if (!isRegional(scope)) return [];
  const manager = instanceGroupManagers.read(resource);
  const { maxSurge, maxUnavailable } = manager.updatePolicy ?? {};
  const count = zonesOf(scope, manager).length;
  const fixed = Object.entries({ maxSurge, maxUnavailable }).flatMap(([name, value]) => {
    if (value?.fixed === undefined || value.fixed === 0 || value.fixed >= count) return [];
    const why = `Fixed updatePolicy.${name} for regional managed instance group has to be either 0 or at least equal to the number of zones.`;
    return [invalidFault(`resource.updatePolicy.${name}`, value, why)];
  });
  return [...foreignZones(scope, manager.distributionPolicy?.zones ?? []), ...fixed];
}

function foreignZones(scope: string, zones: readonly { readonly zone?: string }[]): Fault[] {
  const region = nameOf(scope);
  return zones.flatMap(({ zone = "" }, index) => {
    const isOfRegion = nameOf(zone).replace(/-[a-z]$/, "") === region && nameOf(zone) !== region;
    return isOfRegion
      ? []
      : [invalidFault(`resource.distributionPolicy.zones[${index}].zone`, zone, `It must be a zone of the region '${region}'.`)];
  });
}

/** How a regional group is spread, also where nobody has said it. */
export function distributionOf({ command }: Call, { key, resource }: Made): JsonObject {
  const scope = scopeOf(key);
  if (!isRegional(scope)) return {};
  const manager = instanceGroupManagers.read(resource);
  const zones = zonesOf(scope, manager).map((zone): Json => ({ zone: computeLink(command.project, `zones/${zone}`) }));
  return { distributionPolicy: { zones, targetShape: manager.distributionPolicy?.targetShape ?? "EVEN" } };
}
