import { UserError, type Fault } from "#base/errors.ts";
import type { Json } from "#base/json.ts";
import type { GroupKey } from "#instances/group/spec.ts";
import type { MetricPoint } from "#instances/scale/spec.ts";
import { timeSeriesOf, type TimeSeriesPoint } from "#model/wayside/time-series.ts";
import { groupKeyOfManager } from "../resources/derived.ts";
import { invalidFault } from "../resources/faults.ts";
import { nameOf, scopeOf } from "../resources/names.ts";
import type { Store } from "../store/store.ts";

/** The managed group that a point is about. */
export interface GroupPoints {
  readonly key: GroupKey;
  readonly points: readonly MetricPoint[];
}

/**
 * Reads a call that feeds custom metrics, and finds the groups that the points are for. Resources are `gce_instance` (labels `instance_id`, which may be
 * the instance's name, and `zone`) and `instance_group` (labels `instance_group_name` and `location`, a zone or a region). Throws `UserError` with all
 * faults at once; nothing of the call counts then.
 */
export function readMetrics(body: Json | undefined, store: Store, now: number): readonly GroupPoints[] {
  const { points, faults } = timeSeriesOf(body, now);
  const placed = points.map((point) => placeOf(point, store));
  const all = [...faults, ...placed.flatMap((one) => ("fault" in one ? [one.fault] : []))];
  if (all.length > 0) throw new UserError(all);
  const groups = Map.groupBy(
    placed.flatMap((one) => ("key" in one ? [one] : [])),
    ({ key }) => key,
  );
  return [...groups].map(([key, own]) => ({ key, points: own.map(({ point }) => point) }));
}

type Placed = { readonly key: GroupKey; readonly point: MetricPoint } | { readonly fault: Fault };

function placeOf({ field, ...point }: TimeSeriesPoint, store: Store): Placed {
  const labels = `${field}.resource.labels`;
  switch (point.resourceType) {
    case "gce_instance": {
      const { instance_id: id = "", zone } = point.resourceLabels;
      const found = instanceOf(store, id, zone);
      return found
        ? { key: found.key, point: { ...point, instanceId: found.id } }
        : { fault: invalidFault(`${labels}.instance_id`, id, "There is no such instance in a managed instance group.") };
    }
    case "instance_group": {
      const { instance_group_name: name = "", location } = point.resourceLabels;
      const key = groupOf(store, name, location);
      return key === undefined
        ? {
            fault: invalidFault(
              `${labels}.instance_group_name`,
              name,
              "It must name one managed instance group; location tells its zone or region.",
            ),
          }
        : { key, point };
    }
    default:
      return { fault: invalidFault(`${field}.resource.type`, point.resourceType, "Must be one of gce_instance, instance_group.") };
  }
}

function managedGroups(store: Store): GroupKey[] {
  return store.list("instanceGroupManagers").map(({ key }) => groupKeyOfManager(key));
}

function groupOf(store: Store, name: string, location: string | undefined): GroupKey | undefined {
  const named = managedGroups(store).filter((key) => nameOf(key) === name && (location === undefined || nameOf(scopeOf(key)) === location));
  return named.length === 1 ? named[0] : undefined;
}

function instanceOf(store: Store, id: string, zone: string | undefined): { readonly key: GroupKey; readonly id: string } | undefined {
  for (const key of managedGroups(store)) {
    const place = nameOf(scopeOf(key));
    // A regional group's instances are in a zone of its region.
    if (zone !== undefined && zone !== place && !zone.startsWith(`${place}-`)) continue;
    const found = store.groupReport(key)?.instances.find((instance) => instance.id === id || instance.name === id);
    if (found) return { key, id: found.id };
  }
  return undefined;
}
