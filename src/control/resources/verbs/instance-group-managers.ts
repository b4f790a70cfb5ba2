import type { JsonObject } from "#base/json.ts";
import { isJsonObject } from "#base/json.ts";
import type { InstanceReport } from "#instances/group/spec.ts";
import { templateOf } from "#control/compiler/managed-group.ts";
import { resolve } from "#control/compiler/references.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import type { ResourceKey, StoredResource } from "../../store/store.ts";
import type { Call, Result, Verb } from "../context.ts";
import { groupKeyOfManager, instanceKey } from "../derived.ts";
import { invalid, required } from "../faults.ts";
import { configStates, type InstanceConfigState } from "../instance-configs.ts";
import { requireKind } from "../kinds.ts";
import { omit } from "../merge.ts";
import { computeLink, nameOf } from "../names.ts";
import { pageOf } from "../page.ts";
import { changeable, existing, write } from "../standard.ts";
import { viewOf } from "../view.ts";
import { managedInstanceVerbs } from "./managed-instances.ts";
import { perInstanceConfigVerbs } from "./per-instance-configs.ts";

/** Verbs of instance group managers beyond the standard ones. */
export const managerVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["resize", { method: "POST", on: "resource", mutates: true, run: resize }],
  ["setInstanceTemplate", { method: "POST", on: "resource", mutates: true, run: setInstanceTemplate }],
  ["setTargetPools", { method: "POST", on: "resource", mutates: true, run: setTargetPools }],
  ...managedInstanceVerbs,
  ...perInstanceConfigVerbs,
  ["listManagedInstances", { method: "POST", on: "resource", mutates: false, run: listManagedInstances }],
]);

/** Google takes the new size from the query. */
function resize(call: Call): Result {
  const before = changeable(call);
  const text = call.command.query["size"];
  if (text === undefined || text === "") throw required("size");
  const size = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(size)) throw invalid("size", text, "Must be greater than or equal to 0");
  return write(call, requireKind("instanceGroupManagers"), { before, input: { ...before.resource, targetSize: size } });
}

function setInstanceTemplate(call: Call): Result {
  const before = changeable(call);
  const { body } = call.command;
  const template = isJsonObject(body) ? body["instanceTemplate"] : undefined;
  if (template === undefined || template === null || template === "") throw required("instanceTemplate");
  // The new template stands for all versions there were.
  return write(call, requireKind("instanceGroupManagers"), {
    before,
    input: { ...omit(before.resource, ["versions"]), instanceTemplate: template },
  });
}

/** Kept, as the field is: there are no target pools here. */
function setTargetPools(call: Call): Result {
  const before = changeable(call);
  const { body } = call.command;
  const pools = isJsonObject(body) ? body["targetPools"] : undefined;
  if (pools === undefined || pools === null) throw required("targetPools");
  if (!Array.isArray(pools) || pools.some((pool) => typeof pool !== "string")) {
    throw invalid("targetPools", pools, "It must be a list of URLs of target pools.");
  }
  return write(call, requireKind("instanceGroupManagers"), { before, input: { ...before.resource, targetPools: pools } });
}

/** Paged only where the manager asks for it (`listManagedInstancesResults`), as Google does; `maxResults` is otherwise without effect. */
function listManagedInstances(call: Call): Result {
  const manager = existing(call);
  const groupKey = groupKeyOfManager(manager.key);
  const instances = call.context.store.groupReport(groupKey)?.instances ?? [];
  const configs = configStates(call, manager);
  const listed = instances.map((instance) => {
    const key = instanceKey(groupKey, instance);
    const body = { ...managedInstance(call, manager, { key, instance }), ...preservedState(manager, configs.get(instance.name)) };
    return { key, body };
  });
  const { filter, orderBy, maxResults, pageToken } = call.command.query;
  const paged = manager.resource["listManagedInstancesResults"] === "PAGINATED";
  const query = {
    filter: filter ?? "",
    orderBy: orderBy ?? "",
    ...(paged ? { maxResults: maxResults ?? "", pageToken: pageToken ?? "" } : {}),
  };
  const page = pageOf(listed, query, "maxResults");
  return {
    answer: {
      managedInstances: page.items.map(({ body }) => body),
      ...(page.nextPageToken !== undefined && paged ? { nextPageToken: page.nextPageToken } : {}),
    },
  };
}

function managedInstance(call: Call, manager: StoredResource, { key, instance }: { key: string; instance: InstanceReport }): JsonObject {
  const { project } = call.command;
  const templateKey = templateKeyOf(call, manager, instance);
  return {
    instance: computeLink(project, key),
    id: instance.id,
    name: instance.name,
    instanceStatus: instance.status,
    currentAction: instance.action,
    ...targetStatus(instance),
    ...(templateKey === undefined
      ? {}
      : { version: { ...versionName(manager, templateKey), instanceTemplate: computeLink(project, templateKey) } }),
    ...instanceHealth(call, manager, instance),
    ...lastAttempt(instance),
  };
}

/** What an instance has beyond its template: by its config, as far as that has been applied, and by the policy of the group. */
function preservedState({ resource }: StoredResource, state: InstanceConfigState | undefined): JsonObject {
  const policy = isJsonObject(resource["statefulPolicy"]) ? resource["statefulPolicy"]["preservedState"] : undefined;
  return {
    ...(state?.applied && { preservedStateFromConfig: state.applied.preservedState }),
    ...(policy !== undefined && { preservedStateFromPolicy: policy }),
  };
}

/** What an instance is on its way to, where that is not running (Google: "the eventual status"). */
function targetStatus({ action, status }: InstanceReport): JsonObject {
  if (action === "DELETING") return { targetStatus: "DELETED" };
  if (action === "STOPPING" || status === "STOPPED") return { targetStatus: "STOPPED" };
  return { targetStatus: action === "SUSPENDING" || status === "SUSPENDED" ? "SUSPENDED" : "RUNNING" };
}

/** The name that the manager gave the version. */
function versionName(manager: StoredResource, templateKey: ResourceKey): JsonObject {
  const { versions = [] } = instanceGroupManagers.read(manager.resource);
  const name = versions.find(({ instanceTemplate }) => instanceTemplate?.endsWith(`/${nameOf(templateKey)}`))?.name;
  return name === undefined ? {} : { name };
}

/** An instance names its template without the scope, which only the manager's own template tells. */
function templateKeyOf(call: Call, manager: StoredResource, { template }: InstanceReport): ResourceKey | undefined {
  const current = resolve(viewOf(call), templateOf(instanceGroupManagers.read(manager.resource)), ["instanceTemplates"]);
  if (template === undefined || (current !== undefined && template === `instanceTemplates/${nameOf(current)}`)) return current;
  return `global/${template}`;
}

/** What the health check of the autohealing policy says of an instance. */
function instanceHealth(call: Call, manager: StoredResource, instance: InstanceReport): JsonObject {
  const [policy] = instanceGroupManagers.read(manager.resource).autoHealingPolicies ?? [];
  const key = resolve(viewOf(call), policy?.healthCheck, ["healthChecks"]);
  if (key === undefined) return {};
  // The port in a probe's id depends on who asks; an instance is probed for autohealing at one port only.
  const state = Object.entries(instance.health).find(([id]) => id.startsWith(`${key}@`))?.[1] ?? "UNKNOWN";
  return { instanceHealth: [{ healthCheck: computeLink(call.command.project, key), detailedHealthState: state }] };
}

function lastAttempt({ lastError }: InstanceReport): JsonObject {
  return lastError === undefined ? {} : { lastAttempt: { errors: { errors: [{ code: "INSTANCE_FAILED", message: lastError }] } } };
}
