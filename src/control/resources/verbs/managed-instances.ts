import { UserError } from "#base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { actionOf } from "#control/compiler/managed-group.ts";
import type { InstanceReport, Intent } from "#instances/group/spec.ts";
import { isMore } from "#instances/rollout/actions.ts";
import { instanceGroupManagers } from "#model/compute/instance-group-managers.ts";
import type { StoredResource } from "../../store/store.ts";
import type { Call, Result, Verb } from "../context.ts";
import { groupKeyOfManager, instanceKey } from "../derived.ts";
import { invalid, required } from "../faults.ts";
import { forgetConfigs, putConfigs } from "../instance-configs.ts";
import { namesToCome, putIntent } from "../intents.ts";
import { requireKind } from "../kinds.ts";
import { computeLink, nameOf, pathOf } from "../names.ts";
import { omit } from "../merge.ts";
import { changeable, existing, write } from "../standard.ts";
import { configItems, notManaged, preservedIn } from "./per-instance-configs.ts";

/** Verbs of a manager about single instances of its group. Each is carried out by the group; what changes the size changes it at once. */
export const managedInstanceVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  verb("recreateInstances", (call) => ask(call, { kind: "recreate", names: namesIn(call) })),
  verb("deleteInstances", (call) => letGo(call, "delete")),
  verb("abandonInstances", (call) => letGo(call, "abandon")),
  verb("stopInstances", (call) => ask(call, { kind: "stop", names: namesIn(call) }, { targetSize: -1, targetStoppedSize: 1 })),
  verb("suspendInstances", (call) => ask(call, { kind: "suspend", names: namesIn(call) }, { targetSize: -1, targetSuspendedSize: 1 })),
  verb("startInstances", (call) =>
    ask(call, { kind: "start", names: haltedIn(call, "STOPPED") }, { targetSize: 1, targetStoppedSize: -1 }),
  ),
  verb("resumeInstances", (call) =>
    ask(call, { kind: "start", names: haltedIn(call, "SUSPENDED") }, { targetSize: 1, targetSuspendedSize: -1 }),
  ),
  verb("createInstances", createInstances),
  verb("applyUpdatesToInstances", applyUpdates),
  verb("rollback", rollback),
  ["listErrors", { method: "GET", on: "resource", mutates: false, run: listErrors }],
]);

function verb(name: string, run: (call: Call) => Result): [string, Verb] {
  return [name, { method: "POST", on: "resource", mutates: true, run }];
}

type Asked = Parameters<typeof putIntent>[2];
type Sizes = Partial<Record<"targetSize" | "targetStoppedSize" | "targetSuspendedSize", 1 | -1>>;

type Mutation = Extract<Result, { target: unknown }>;

/** Keeps the intent, and changes each size by the number of instances in its direction. */
function ask(call: Call, asked: Asked & { readonly names: readonly string[] }, sizes: Sizes = {}): Mutation {
  const manager = changeable(call);
  const count = asked.names.length;
  const now = instanceGroupManagers.read(manager.resource);
  const changed = Object.entries(sizes).map(([field, sign]) => [field, Math.max(0, (now[field as keyof Sizes] ?? 0) + sign * count)]);
  const resized = changed.length === 0 ? [] : changesOf(write(call, requireKind("instanceGroupManagers"), withFields(manager, changed)));
  return { target: manager.key, changes: [...resized, putIntent(call, manager, asked)] };
}

/** Instances that leave the group take their configs along. */
function letGo(call: Call, kind: "delete" | "abandon"): Result {
  const names = namesIn(call);
  const { target, changes } = ask(call, { kind, names }, { targetSize: -1 });
  return { target, changes: [...changes, ...forgetConfigs(call, changeable(call), names)] };
}

function withFields(before: StoredResource, fields: readonly (readonly Json[])[]): { before: StoredResource; input: JsonObject } {
  return { before, input: { ...before.resource, ...(Object.fromEntries(fields as [string, Json][]) as JsonObject) } };
}

function changesOf(result: Result): NonNullable<Result["changes"]> {
  return result.changes ?? [];
}

function instancesOf(call: Call, manager: StoredResource): readonly InstanceReport[] {
  return call.context.store.groupReport(groupKeyOfManager(manager.key))?.instances ?? [];
}

/** Names of the managed instances that the body's `instances` name, each once. Throws when one of them is not the group's. */
function namesIn(call: Call): string[] {
  const manager = changeable(call);
  const { body } = call.command;
  const list = isJsonObject(body) ? body["instances"] : undefined;
  if (list === undefined || list === null || (Array.isArray(list) && list.length === 0)) throw required("instances");
  const known = new Set(instancesOf(call, manager).map(({ name }) => name));
  const names = (Array.isArray(list) ? list : [list]).map((reference: Json, index) => {
    const field = `instances[${index}]`;
    if (typeof reference !== "string" || reference === "") throw required(field);
    const name = reference.split("/").at(-1) ?? "";
    if (!known.has(name)) throw invalid(field, reference, notManaged(call, manager));
    return name;
  });
  return [...new Set(names)];
}

/** The same for instances that must not be running. */
function haltedIn(call: Call, status: "STOPPED" | "SUSPENDED"): string[] {
  const names = namesIn(call);
  const known = new Map(instancesOf(call, changeable(call)).map((instance) => [instance.name, instance.status]));
  const other = names.find((name) => known.get(name) !== status);
  if (other !== undefined) throw invalid("instances", other, `The instance is ${known.get(other)}, not ${status}.`);
  return names;
}

const instanceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** `instances[].name`; their number is added to the size, and what they are to preserve becomes their config (Google). */
function createInstances(call: Call): Result {
  const manager = changeable(call);
  const taken = new Set([...instancesOf(call, manager).map(({ name }) => name), ...namesToCome(call, manager)]);
  const made = configItems(call, ["instances"]).map(({ name, given, field }): [string, JsonObject | undefined] => {
    if (!instanceName.test(name)) throw invalid(`${field}.name`, name, `Must be a match of regex '${instanceName.source.slice(1, -1)}'`);
    if (taken.has(name)) throw invalid(`${field}.name`, name, "An instance of that name is there already.");
    return [name, preservedIn(given, field)];
  });
  const { target, changes } = ask(call, { kind: "create", names: made.map(([name]) => name) }, { targetSize: 1 });
  return { target, changes: [...changes, ...putConfigs(call, manager, new Map(made))] };
}

function applyUpdates(call: Call): Result {
  const manager = changeable(call);
  const { body } = call.command;
  const given = isJsonObject(body) ? body : {};
  const all = given["allInstances"] === true || given["allInstances"] === "true";
  if (all && given["instances"] !== undefined) throw invalid("allInstances", true, "It cannot be set together with 'instances'.");
  const bounds = boundsIn(given);
  const asked: Extract<Asked, { kind: "update" }> = { kind: "update", ...(all ? {} : { names: namesIn(call) }), ...bounds };
  return { target: manager.key, changes: [putIntent(call, manager, asked)] };
}

const actions = ["NONE", "REFRESH", "RESTART", "REPLACE"];

/** Google: nothing less than needed is done, NONE as the least and REPLACE as the most when they are not said. */
function boundsIn(body: JsonObject): Pick<Extract<Intent, { kind: "update" }>, "minimalAction" | "mostDisruptive"> {
  const read = (field: string, otherwise: string): ReturnType<typeof actionOf> => {
    const value = body[field] ?? otherwise;
    if (typeof value !== "string" || !actions.includes(value)) throw invalid(field, value, `Must be one of [${actions.join(", ")}].`);
    return actionOf(value);
  };
  const minimalAction = read("minimalAction", "NONE");
  const mostDisruptive = read("mostDisruptiveAllowedAction", "REPLACE");
  if (isMore(minimalAction, mostDisruptive))
    throw invalid("minimalAction", minimalAction, `The most disruptive allowed action, ${mostDisruptive}, is less than it.`);
  return { minimalAction, mostDisruptive };
}

/**
 * Ours: back to the last version with which all instances had come to be healthy. A group that updates by itself goes there by its policy;
 * of another one all instances are told to.
 */
function rollback(call: Call): Result {
  const manager = changeable(call);
  const { project } = call.command;
  const { instanceTemplate, versions = [], updatePolicy } = instanceGroupManagers.read(manager.resource);
  const present =
    versions.length > 0 ? versions.map((version) => nameOf(version.instanceTemplate ?? "")) : [nameOf(instanceTemplate ?? "")];
  const good = (call.context.store.groupReport(groupKeyOfManager(manager.key))?.goodTemplates ?? []).map(nameOf);
  const target = good.findLast((name) => present.length > 1 || name !== present[0]);
  if (target === undefined) {
    const message = `'${pathOf(project, manager.key)}' has no version to go back to: none but the present one has been healthy on all its instances.`;
    throw new UserError({ code: "failedPrecondition", message });
  }
  const templates = requireKind("instanceTemplates");
  const scope = instanceTemplate?.includes("/regions/") === true ? instanceTemplate.replace(/^.*\/(regions\/[^/]+)\/.*$/, "$1") : "global";
  const input = {
    ...omit(manager.resource, ["versions"]),
    instanceTemplate: computeLink(project, `${scope}/${templates.collection}/${target}`),
  };
  const changes = changesOf(write(call, requireKind("instanceGroupManagers"), { before: manager, input }));
  if (updatePolicy?.type === "PROACTIVE") return { target: manager.key, changes };
  const update = putIntent(call, manager, { kind: "update", minimalAction: "NONE", mostDisruptive: "REPLACE" });
  return { target: manager.key, changes: [...changes, update] };
}

/** What went wrong with instances, and what an update waits for. */
function listErrors(call: Call): Result {
  const manager = existing(call);
  const { project } = call.command;
  const groupKey = groupKeyOfManager(manager.key);
  const report = call.context.store.groupReport(groupKey);
  const failed = (report?.instances ?? []).flatMap(({ lastError, ...instance }) =>
    lastError === undefined ? [] : [{ instance, lastError }],
  );
  const errors = failed.map(({ instance, lastError }): JsonObject => ({
    error: { code: "INSTANCE_FAILED", message: lastError },
    instanceActionDetails: {
      action: instance.action,
      instance: computeLink(project, instanceKey(groupKey, instance)),
      ...(instance.template === undefined ? {} : { version: { instanceTemplate: computeLink(project, `global/${instance.template}`) } }),
    },
    timestamp: new Date(instance.createdAtMs).toISOString(),
  }));
  const waits = (report?.update?.waits ?? []).map((wait): JsonObject => ({ error: { code: "UPDATE_WAITS", message: wait } }));
  return { answer: { items: [...errors, ...waits] } };
}
