/** Instances of all groups, as Wayside's own API tells of them. */
import type { JsonObject } from "#base/json.ts";
import { shortName, textOf } from "../output/fields.ts";
import { state, table } from "../output/table.ts";
import { projectPath } from "./paths.ts";
import type { Search } from "./find.ts";

/** All instances, in the order of their groups. */
export async function allInstances({ client, project }: Pick<Search, "client" | "project">): Promise<JsonObject[]> {
  return client.list(`${projectPath("wayside", project)}/instances`, "instances");
}

/** Those of one group. */
export function instancesOf(
  instances: readonly JsonObject[],
  group: { readonly name: string; readonly zone: string | undefined },
): JsonObject[] {
  return instances.filter((one) => one["group"] === group.name && (group.zone === undefined || shortName(one["zone"]) === group.zone));
}

export function instanceTable(instances: readonly JsonObject[]): string {
  const rows = instances.map((one) => [
    textOf(one["name"]),
    textOf(one["group"]),
    shortName(one["zone"]),
    [textOf(one["address"]), textOf(one["port"])].filter((part) => part !== undefined && part !== "").join(":"),
    state(textOf(one["status"])),
    state(textOf(one["health"])),
    one["servingState"] === "RUNNING" ? undefined : state(textOf(one["servingState"])),
    one["action"] === "NONE" ? undefined : textOf(one["action"]),
    textOf(one["lastError"]),
  ]);
  return table(["NAME", "GROUP", "ZONE", "ADDRESS", "STATUS", "HEALTH", "SERVING", "ACTION", "LAST ERROR"], rows);
}
