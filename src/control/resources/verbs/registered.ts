import { UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { trafficOf } from "#control/compiler/traffic.ts";
import type { GroupSource } from "#control/compiler/group-source.ts";
import { membersKey, type InstanceLease } from "#control/compiler/membership.ts";
import { instances as instanceKind } from "#model/compute/instances.ts";
import type { GroupKey, GroupReport, InstanceReport } from "#instances/group/spec.ts";
import type { ServingState } from "#instances/switching/switch.ts";
import type { Change } from "../../command.ts";
import type { Call, Result, Verb } from "../context.ts";
import { invalid, notFound } from "../faults.ts";
import { refuseSwitched } from "../group-switches.ts";
import { healthOf } from "../instance-health.ts";
import { groupKeys } from "../group-keys.ts";
import { findGroup, membersOf, putMembers } from "../membership.ts";
import { setDrained, setServingState } from "../membership-state.ts";
import { keyOf, scopeOf } from "../names.ts";
import { viewOf } from "../view.ts";

/** Instances of all groups, managed or not: what they are, out of traffic and into it again, warm or at work, and the end of a membership. */
export const registeredVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["listRegistered", { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: { instances: all(call).map(rowOf) } }) }],
  ["getRegistered", { method: "GET", on: "resource", mutates: false, run: (call) => ({ answer: rowOf(one(call)) }) }],
  ["drain", { method: "POST", on: "resource", mutates: true, run: (call) => drain(call, true) }],
  ["undrain", { method: "POST", on: "resource", mutates: true, run: (call) => drain(call, false) }],
  ["keepalive", { method: "POST", on: "resource", mutates: true, run: (call) => serve(call, "KEEPALIVE") }],
  ["run", { method: "POST", on: "resource", mutates: true, run: (call) => serve(call, "RUNNING") }],
  ["deregister", { method: "DELETE", on: "resource", mutates: true, run: deregister }],
]);

interface Found {
  readonly group: GroupSource;
  readonly member: { readonly name: string; readonly address: string; readonly port?: number };
  readonly report: InstanceReport | undefined;
  readonly drained: boolean;
  readonly servingState: ServingState;
  readonly lease: InstanceLease | undefined;
  readonly networkInterfaces: readonly { readonly networkIP?: string }[] | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** What to look for, where not everything is wanted: agents ask for one of thousands. */
interface Sought {
  readonly group?: GroupKey | undefined;
  readonly name?: string;
}

function all(call: Call, { group: only, name }: Sought = {}): Found[] {
  return groupKeys(call).flatMap((key) => {
    const group = only === undefined || only === key ? findGroup(call, key) : undefined;
    return group ? instancesOf(call, group, name) : [];
  });
}

function instancesOf(call: Call, group: GroupSource, name: string | undefined): Found[] {
  const { store } = call.context;
  const report: GroupReport | undefined = store.groupReport(group.key);
  const isSought = (one: { readonly name: string }): boolean => name === undefined || one.name === name;
  const reported = new Map((report?.instances ?? []).filter(isSought).map((instance) => [instance.name, instance]));
  const members = group.kind === "managed" ? [...reported.values()] : group.members.filter(isSought);
  const part = trafficOf(viewOf(call), group);
  return members.map((member) => {
    const stored = group.kind === "unmanaged" ? store.get(keyOf(scopeOf(group.key), "instances", member.name)) : undefined;
    const { networkInterfaces, labels } = stored ? instanceKind.read(stored.resource) : {};
    return { group, member, report: reported.get(member.name), ...part(member.name), networkInterfaces, labels };
  });
}

/** The instance of the path; `group` in the query says of which group, where its name alone is that of several. Throws `UserError`. */
function one(call: Call): Found {
  const { name = "", project, query } = call.command;
  const { group: wanted } = query;
  const group = wanted === undefined ? undefined : findGroup(call, wanted)?.key;
  const found = wanted === undefined || group !== undefined ? all(call, { group, name }) : [];
  const [first, ...others] = found;
  if (!first) throw notFound(project, wanted === undefined ? `instances/${name}` : `${wanted}/instances/${name}`);
  if (others.length === 0) return first;
  const groups = found.map(({ group }) => group.key).join(", ");
  throw invalid("name", name, `Several groups have an instance of that name; say which with ?group=, one of: ${groups}.`);
}

function drain(call: Call, drained: boolean): Result {
  const { group, member } = one(call);
  const changes: Change[] = setDrained(call, group.key, { name: member.name, drained });
  return { answer: rowOf(one(call)), changes };
}

function serve(call: Call, state: ServingState): Result {
  const { group, member } = one(call);
  refuseSwitched(call, group.key);
  const changes = setServingState(call, group.key, { name: member.name, state });
  return { answer: rowOf(one(call)), changes };
}

/** The VM itself goes on; what registered it is gone, its instance and its lease included. */
function deregister(call: Call): Result {
  const { group, member } = one(call);
  if (group.kind !== "unmanaged") {
    const how = group.kind === "managed" ? "delete it with `deleteInstances` of its manager" : "detach it with `detachNetworkEndpoints`";
    throw new UserError({
      code: "failedPrecondition",
      field: "name",
      message: `The instance '${member.name}' was not registered; its group '${group.key}' lists it: ${how}.`,
    });
  }
  const { store } = call.context;
  const scope = scopeOf(group.key);
  const instance = keyOf(scope, "instances", member.name);
  const members = membersKey(scope, group.name);
  const others = membersOf(call, members).filter((each) => each.instance !== instance);
  const changes: Change[] = [...putMembers(call, members, others)];
  // A VM may be in several groups; its last one takes it along.
  if (store.get(instance) && store.referrers(instance).length === 0) {
    store.delete(instance);
    changes.push({ key: instance, kind: "deleted" });
  }
  return { answer: {}, changes };
}

function rowOf({ group, member, report, drained, servingState, lease, networkInterfaces, labels }: Found): JsonObject {
  const port = member.port ?? group.namedPorts[0]?.port;
  return {
    name: member.name,
    group: group.name,
    groupKey: group.key,
    zone: report?.zone ?? group.zone,
    address: member.address,
    ...(networkInterfaces === undefined ? {} : { networkInterfaces: networkInterfaces.map((each) => ({ ...each })) }),
    ...(port === undefined ? {} : { port }),
    ...(labels && { labels: { ...labels } }),
    status: report?.status ?? "RUNNING",
    action: report?.action ?? "NONE",
    health: drained ? "DRAINING" : healthOf(report, lease),
    drained,
    servingState,
    ...connectionOf(lease),
    ...(report?.id === undefined ? {} : { id: report.id }),
    ...(report?.lastError === undefined ? {} : { lastError: report.lastError }),
  };
}

function connectionOf(lease: InstanceLease | undefined): JsonObject {
  if (!lease) return {};
  const { report } = lease;
  const iso = (ms: number): string => new Date(ms).toISOString();
  const connection: JsonObject = report
    ? {
        state: report.state,
        since: iso(report.sinceMs),
        epoch: report.epoch,
        ...(report.address === undefined ? {} : { address: report.address }),
      }
    : { state: "LOST", epoch: 0 };
  return { connection, ...(report?.clone && { cloneSuspected: { at: iso(report.clone.atMs), address: report.clone.address } }) };
}
