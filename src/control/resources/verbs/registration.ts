import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { randomHex } from "#base/random.ts";
import type { GroupReport, InstanceReport } from "#instances/group/spec.ts";
import { isTunnelHost, tunnelHost } from "#tunnel/address.ts";
import type { GroupSource } from "#control/compiler/group-source.ts";
import { membersKey, type GroupMember } from "#control/compiler/membership.ts";
import type { Call, Result, Verb } from "../context.ts";
import { groupKeyOfManager } from "../derived.ts";
import { draft, save } from "../draft.ts";
import { invalid, notFound, required } from "../faults.ts";
import { requireKind } from "../kinds.ts";
import { findGroup, membersOf, putMembers } from "../membership.ts";
import { keyOf, scopeOf } from "../names.ts";

/**
 * VMs as Wayside's own API sees them (`/wayside/v1/projects/p/instances`): registering one is an instance and a membership in one call,
 * and the list is of all instances of all groups.
 */
export const registrationVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["register", { method: "POST", on: "collection", mutates: true, run: register }],
  ["listRegistered", { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: { instances: all(call) } }) }],
]);

interface Registration {
  readonly group: GroupSource;
  readonly name: string;
  /** Of the VM itself, also where proxies do not use it; undefined where only its tunnel reaches it and it told none. */
  readonly address: string | undefined;
  /** Whether its agent's tunnel is the way to it; undefined: as before, and directly where there was nothing before. */
  readonly tunnel: boolean | undefined;
  readonly port: number | undefined;
  /** Undefined: those that it has. */
  readonly labels: JsonObject | undefined;
}

/** The same name again in the same group replaces address and port: that is how a VM comes back after a restart. */
function register(call: Call): Result {
  const { group, name, address, port, labels, tunnel } = registrationOf(call);
  const { store } = call.context;
  const scope = scopeOf(group.key);
  const key = keyOf(scope, "instances", name);
  const kind = requireKind("instances");
  const before = store.get(key);
  const members = membersKey(scope, group.name);
  const known = membersOf(call, members);
  const isTunneled = tunnel ?? isTunnelHost(known.find(({ instance }) => instance === key)?.address ?? "");
  if (address === undefined && !isTunneled) throw required("address");
  const networkInterfaces = address === undefined ? [] : [{ networkIP: address }];
  const input: JsonObject = { ...before?.resource, name, networkInterfaces, ...(labels && { labels }) };
  const changes = save(call, { kind, key, ...(before ? { before } : {}) }, draft(call, kind, { key, input }));
  const reached = isTunneled || address === undefined ? tunnelHost(group.zone, group.name, name) : address;
  const member: GroupMember = { name, address: reached, instance: key, ...(port === undefined ? {} : { port }) };
  const joined = putMembers(call, members, [...known.filter(({ instance }) => instance !== key), member]);
  return {
    answer: { name, group: group.name, zone: group.zone, address: reached, ...(port === undefined ? {} : { port }) },
    changes: [...changes, ...joined],
  };
}

function registrationOf(call: Call): Registration {
  const { body } = call.command;
  if (!isJsonObject(body)) throw required("group");
  const group = groupIn(call, body);
  if (group.kind !== "unmanaged") {
    throw invalid("group", body["group"], "VMs are registered in unmanaged instance groups; a managed group makes its own.");
  }
  const { address, tunnel } = body;
  if (tunnel !== undefined && typeof tunnel !== "boolean") throw invalid("tunnel", tunnel, "It must be true or false.");
  if (address !== undefined && typeof address !== "string") throw invalid("address", address, "It must be text.");
  if (body["name"] !== undefined && typeof body["name"] !== "string") throw invalid("name", body["name"], "It must be text.");
  const name = body["name"] ?? `${group.name.slice(0, 50)}-${randomHex(call.context.random, 3)}`;
  const { labels = null } = body;
  const isMap = isJsonObject(labels) && Object.values(labels).every((value) => typeof value === "string");
  if (labels !== null && !isMap) throw invalid("labels", labels, "It must be an object of text.");
  return { group, name, address, tunnel, port: portIn(body["port"]), labels: isMap ? labels : undefined };
}

/** By reference, by name within `zone`, or by a name that is the only one of its kind. */
function groupIn(call: Call, body: JsonObject): GroupSource {
  const { group, zone } = body;
  if (typeof group !== "string" || group === "") throw required("group");
  if (zone !== undefined && typeof zone !== "string") throw invalid("zone", zone, "It must be the name of a zone.");
  const reference = typeof zone === "string" && !group.includes("/") ? `zones/${zone}/instanceGroups/${group}` : group;
  const found = findGroup(call, reference);
  if (found) return found;
  const place = typeof zone === "string" ? `zones/${zone}/` : "";
  throw notFound(
    call.command.project,
    reference.includes("/") ? reference.replace(/^.*projects\/[^/]+\//, "") : `${place}instanceGroups/${group}`,
  );
}

function portIn(value: Json | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  const port = typeof value === "string" && /^\d{1,5}$/.test(value) ? Number(value) : value;
  if (typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw invalid("port", value, "It must be a port number, 1 to 65535.");
}

/** Every instance of every group, managed or not, with what its group last said of it. */
function all(call: Call): JsonObject[] {
  const { store } = call.context;
  const keys = [
    ...store.list("instanceGroupManagers").map(({ key }) => groupKeyOfManager(key)),
    ...store.list("instanceGroups").map(({ key }) => key),
    ...store.list("networkEndpointGroups").map(({ key }) => key),
  ];
  return keys.toSorted().flatMap((key) => {
    const group = findGroup(call, key);
    return group ? instancesOf(group, store.groupReport(key)) : [];
  });
}

function instancesOf(group: GroupSource, report: GroupReport | undefined): JsonObject[] {
  const reported = new Map((report?.instances ?? []).map((instance) => [instance.name, instance]));
  const members = group.kind === "managed" ? [...reported.values()] : group.members;
  return members.map((member) => row(group, member, reported.get(member.name)));
}

function row(group: GroupSource, member: { name: string; address: string; port?: number }, report: InstanceReport | undefined): JsonObject {
  const port = member.port ?? group.namedPorts[0]?.port;
  const states = new Set(Object.values(report?.health ?? {}));
  return {
    name: member.name,
    group: group.name,
    zone: group.zone,
    address: member.address,
    ...(port === undefined ? {} : { port }),
    status: report?.status ?? "RUNNING",
    action: report?.action ?? "NONE",
    // No probe, no verdict: the proxies take such an instance for healthy.
    health:
      (["UNHEALTHY", "TIMEOUT", "DRAINING", "UNKNOWN"] as const).find((state) => states.has(state)) ?? (report ? "HEALTHY" : "UNKNOWN"),
    ...(report?.id === undefined ? {} : { id: report.id }),
    ...(report?.lastError === undefined ? {} : { lastError: report.lastError }),
  };
}
