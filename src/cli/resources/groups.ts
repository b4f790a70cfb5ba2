/** Groups of instances of either sort: managed ones, and those whose members are registered one by one. */
import { isJsonObject, type JsonObject } from "#base/json.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import { instanceGroups } from "#model/compute/instance-groups.ts";
import { objectOf, objectsOf, shortName, textOf } from "../output/fields.ts";
import { state, table } from "../output/table.ts";
import { findAll, type Found, type Search } from "./find.ts";
import { allInstances, instancesOf } from "./instances.ts";

export interface Group extends Found {
  readonly isManaged: boolean;
  /** Short name of the zone; undefined for a regional group. */
  readonly zone: string | undefined;
  /** As `allInstances` gives them. */
  readonly instances: readonly JsonObject[];
}

/** All groups in the order of their names. */
export async function allGroups(search: Search): Promise<Group[]> {
  const [managers, plain, instances] = await Promise.all([
    findAll(search, instanceGroupManagers),
    findAll(search, instanceGroups),
    allInstances(search),
  ]);
  const managed = new Set(managers.map(({ key }) => key.replace("/instanceGroupManagers/", "/instanceGroups/")));
  const unmanaged = plain.filter(({ key }) => !managed.has(key));
  const groupOf = (found: Found, isManaged: boolean): Group => {
    const zone = shortName(found.resource["zone"]);
    return { ...found, isManaged, zone, instances: instancesOf(instances, { name: found.name, zone }) };
  };
  const all = [...managers.map((one) => groupOf(one, true)), ...unmanaged.map((one) => groupOf(one, false))];
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function groupTable(groups: readonly Group[]): string {
  const rows = groups.map((group) => [
    group.name,
    group.isManaged ? "managed" : "unmanaged",
    group.zone ?? shortName(group.resource["region"]),
    sizeOf(group),
    `${group.instances.filter((one) => one["health"] === "HEALTHY").length}/${group.instances.length}`,
    group.isManaged ? state(isStable(group) ? "stable" : "changing") : undefined,
    portsOf(group),
    shortName(group.resource["instanceTemplate"]),
  ]);
  return table(["NAME", "TYPE", "ZONE", "SIZE", "HEALTHY", "STATE", "PORTS", "TEMPLATE"], rows);
}

/** A group as `-o json` shows it: the API's resource and its instances. */
export function groupJson({ resource, instances }: Group): JsonObject {
  return { ...resource, instances: [...instances] };
}

function sizeOf({ isManaged, resource, instances }: Group): string {
  const target = textOf(resource["targetSize"]);
  return !isManaged || target === String(instances.length) ? String(instances.length) : `${instances.length} of ${target}`;
}

function isStable({ resource }: Group): boolean {
  const status = resource["status"];
  return isJsonObject(status) && status["isStable"] === true;
}

/** `http:8080,admin:9000` */
export function portsOf({ resource }: Pick<Found, "resource">): string {
  return objectsOf(resource["namedPorts"])
    .map((port) => `${textOf(port["name"])}:${textOf(objectOf(port)["port"])}`)
    .join(",");
}
