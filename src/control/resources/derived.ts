import type { InstanceReport } from "#instances/group/spec.ts";
import { zoneOf } from "#control/compiler/spread.ts";
import type { ResourceKey, Store, StoredResource } from "../store/store.ts";
import { computeLink, keyOf, nameOf, scopeOf } from "./names.ts";

/**
 * Resources that nobody created by themselves: the instance group of a manager, and the instances that managers made. They are read like
 * any other and are changed through their manager alone.
 */

const managers = "instanceGroupManagers";

/** The stored resource of that key, or the derived one. */
export function lookUp(store: Store, project: string, key: ResourceKey): StoredResource | undefined {
  return store.get(key) ?? derived(store, project, key);
}

/** The derived resource of that key; undefined for every key that is, or could be, stored. */
export function derived(store: Store, project: string, key: ResourceKey): StoredResource | undefined {
  const collection = key.split("/").at(-2);
  if (collection === "instanceGroups") {
    const manager = store.get(managerKeyOf(key));
    return manager && groupOf(manager);
  }
  if (collection !== "instances") return undefined;
  return derivedInstances(store, project).find((instance) => instance.key === key);
}

/** All derived resources of a collection whose keys begin with `prefix`. */
export function listDerived(store: Store, project: string, collection: string): readonly StoredResource[] {
  if (collection === "instanceGroups") return store.list(managers).map(groupOf);
  return collection === "instances" ? derivedInstances(store, project) : [];
}

/** The manager that an instance group would belong to. */
export function managerKeyOf(groupKey: ResourceKey): ResourceKey {
  return keyOf(scopeOf(groupKey), managers, nameOf(groupKey));
}

/** The instance group of a manager. */
export function groupKeyOfManager(managerKey: ResourceKey): ResourceKey {
  return keyOf(scopeOf(managerKey), "instanceGroups", nameOf(managerKey));
}

/** Where an instance of a group lives. */
export function instanceKey(groupKey: ResourceKey, { name, zone }: Pick<InstanceReport, "name" | "zone">): ResourceKey {
  return keyOf(`zones/${zone ?? zoneOf(scopeOf(groupKey))}`, "instances", name);
}

function groupOf(manager: StoredResource): StoredResource {
  const { namedPorts } = manager.resource;
  return {
    ...manager,
    key: groupKeyOfManager(manager.key),
    collection: "instanceGroups",
    // Ids leave room for what is derived from a resource.
    id: String(BigInt(manager.id) + 1n),
    resource: {
      name: manager.name,
      description: `This instance group is controlled by Instance Group Manager '${manager.name}'.`,
      ...(namedPorts === undefined ? {} : { namedPorts }),
    },
  };
}

function derivedInstances(store: Store, project: string): StoredResource[] {
  return store.list(managers).flatMap((manager) => {
    const groupKey = groupKeyOfManager(manager.key);
    const instances = store.groupReport(groupKey)?.instances ?? [];
    return instances.map((instance) => instanceOf(groupKey, instance, computeLink(project, manager.key)));
  });
}

function instanceOf(groupKey: ResourceKey, report: InstanceReport, createdBy: string): StoredResource {
  return {
    key: instanceKey(groupKey, report),
    collection: "instances",
    name: report.name,
    id: report.id,
    createdAtMs: report.createdAtMs,
    updatedAtMs: report.createdAtMs,
    revision: 0,
    resource: {
      name: report.name,
      status: report.status,
      networkInterfaces: [{ name: "nic0", networkIP: report.address }],
      metadata: { items: [{ key: "created-by", value: createdBy }] },
    },
  };
}
