import { UserError } from "#base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { membersKey, type GroupMember } from "#control/compiler/membership.ts";
import { resolve } from "#control/compiler/references.ts";
import { instances } from "#model/compute/instances.ts";
import type { ResourceKey, StoredResource } from "../../store/store.ts";
import type { Call, Result, Verb } from "../context.ts";
import { derived, instanceKey, lookUp, managerKeyOf } from "../derived.ts";
import { invalid, notFound, required } from "../faults.ts";
import { checkFingerprint } from "../fingerprint.ts";
import { requireKind } from "../kinds.ts";
import { membersOf, putMembers } from "../membership.ts";
import { computeLink, keyOf, nameOf, pathOf, scopeOf } from "../names.ts";
import { pageOf } from "../page.ts";
import { changeable, existing, write } from "../standard.ts";
import { viewOf } from "../view.ts";

/** Verbs of instance groups beyond the standard ones. Groups of managers are read here and changed through their manager. */
export const instanceGroupVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["addInstances", { method: "POST", on: "resource", mutates: true, run: addInstances }],
  ["removeInstances", { method: "POST", on: "resource", mutates: true, run: removeInstances }],
  ["listInstances", { method: "POST", on: "resource", mutates: false, run: listInstances }],
  ["setNamedPorts", { method: "POST", on: "resource", mutates: true, run: setNamedPorts }],
]);

function addInstances(call: Call): Result {
  const group = changeable(call);
  const key = membersKey(scopeOf(group.key), group.name);
  const members = membersOf(call, key);
  const added = instancesIn(call).map((instance) => newMember(call, group, instance));
  const known = new Set(members.map(({ instance }) => instance));
  const twice = added.find(({ instance }) => known.has(instance));
  if (twice) {
    const { project } = call.command;
    throw new UserError({
      code: "invalid",
      message: `Instance '${pathOf(project, twice.instance)}' is already a member of '${pathOf(project, group.key)}'.`,
    });
  }
  return { target: group.key, changes: putMembers(call, key, [...members, ...added]) };
}

function removeInstances(call: Call): Result {
  const group = changeable(call);
  const key = membersKey(scopeOf(group.key), group.name);
  const members = membersOf(call, key);
  const removed = new Set(instancesIn(call));
  const missing = [...removed].find((instance) => !members.some((member) => member.instance === instance));
  if (missing !== undefined) {
    const { project } = call.command;
    throw new UserError({
      code: "invalid",
      message: `Instance '${pathOf(project, missing)}' is not a member of '${pathOf(project, group.key)}'.`,
    });
  }
  return {
    target: group.key,
    changes: putMembers(
      call,
      key,
      members.filter(({ instance }) => !removed.has(instance)),
    ),
  };
}

/** Keys of the instances that the body names, each once. */
function instancesIn(call: Call): ResourceKey[] {
  const { body, scope } = call.command;
  const list = isJsonObject(body) ? body["instances"] : undefined;
  if (list === undefined || list === null) throw required("instances");
  const keys = (Array.isArray(list) ? list : [list]).map((item: Json, index) => {
    const reference = isJsonObject(item) ? item["instance"] : item;
    const field = `instances[${index}].instance`;
    if (typeof reference !== "string" || reference === "") throw required(field);
    // A bare name is an instance of the group's own zone.
    if (/^[a-z][-a-z0-9]*$/.test(reference)) return keyOf(scope, "instances", reference);
    const key = resolve(viewOf(call), reference, ["instances"]);
    if (key === undefined) throw invalid(field, reference, "The URL is malformed.");
    return key;
  });
  return [...new Set(keys)];
}

function newMember(call: Call, group: StoredResource, instance: ResourceKey): GroupMember {
  const { command, context } = call;
  const { project } = command;
  const found = lookUp(context.store, project, instance);
  if (!found) throw notFound(project, instance);
  if (scopeOf(instance) !== scopeOf(group.key)) {
    throw invalid(
      "instances",
      pathOf(project, instance),
      `The instance must be in the zone of the group, '${nameOf(scopeOf(group.key))}'.`,
    );
  }
  if (derived(context.store, project, instance)) {
    throw invalid("instances", pathOf(project, instance), "The instance belongs to an instance group manager.");
  }
  const address = addressOf(found);
  if (address === undefined) throw invalid("instances", pathOf(project, instance), "The instance has no network address.");
  return { name: found.name, address, instance };
}

/** The primary address of an instance. */
export function addressOf(instance: StoredResource): string | undefined {
  return instances.read(instance.resource).networkInterfaces?.[0]?.networkIP;
}

/** `instanceState` `RUNNING` leaves out what is not running. */
function listInstances(call: Call): Result {
  const group = existing(call);
  const { command } = call;
  const { body, project, query } = command;
  const onlyRunning = isJsonObject(body) && body["instanceState"] === "RUNNING";
  const namedPorts = group.resource["namedPorts"];
  const listed = instancesOf(call, group)
    .filter(({ status }) => !onlyRunning || status === "RUNNING")
    .map(({ key, status }) => {
      const item: JsonObject = { instance: computeLink(project, key), status, ...(namedPorts === undefined ? {} : { namedPorts }) };
      return { key, body: item };
    });
  const page = pageOf(listed, query, "maxResults");
  return {
    answer: {
      kind: "compute#instanceGroupsListInstances",
      id: `${pathOf(project, group.key)}/listInstances`,
      items: page.items.map((item) => item.body),
      selfLink: `${computeLink(project, group.key)}/listInstances`,
      ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
    },
  };
}

function instancesOf(call: Call, group: StoredResource): { key: ResourceKey; status: string }[] {
  const { store } = call.context;
  if (store.get(managerKeyOf(group.key)) === undefined) {
    const members = membersOf(call, membersKey(scopeOf(group.key), group.name));
    return members.map(({ instance }) => ({ key: instance, status: "RUNNING" }));
  }
  const instances = store.groupReport(group.key)?.instances ?? [];
  return instances.map((instance) => ({ key: instanceKey(group.key, instance), status: instance.status }));
}

/** Named ports of a managed group are its manager's, under either name. */
function setNamedPorts(call: Call): Result {
  const group = existing(call);
  const { command, context } = call;
  const { body } = command;
  checkFingerprint(body, group);
  const namedPorts = isJsonObject(body) ? body["namedPorts"] : undefined;
  const manager = context.store.get(managerKeyOf(group.key));
  const before = manager ?? group;
  const kind = requireKind(manager ? "instanceGroupManagers" : "instanceGroups");
  const written = write(call, kind, { before, input: { ...before.resource, namedPorts: namedPorts ?? [] } });
  return "target" in written ? { ...written, target: group.key } : written;
}
