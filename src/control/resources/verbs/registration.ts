import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { randomHex } from "#base/random.ts";
import { isTunnelHost, tunnelHost } from "#tunnel/address.ts";
import type { GroupSource } from "#control/compiler/group-source.ts";
import { membersKey, type GroupMember } from "#control/compiler/membership.ts";
import type { Change } from "../../command.ts";
import type { ResourceKey } from "../../store/store.ts";
import type { Call, Result, Verb } from "../context.ts";
import { draft, save } from "../draft.ts";
import { invalid, notFound, required } from "../faults.ts";
import { requireKind } from "../kinds.ts";
import { findGroup, membersOf, putMembers } from "../membership.ts";
import { keyOf, scopeOf } from "../names.ts";
import { registeredVerbs } from "./registered.ts";

/**
 * VMs as Wayside's own API sees them (`/wayside/v1/projects/p/instances`): registering one is an instance and a membership in one call,
 * and the list is of all instances of all groups.
 */
export const registrationVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["register", { method: "POST", on: "collection", mutates: true, run: register }],
  ...registeredVerbs,
]);

// A type, not an interface: only so is it JSON to the compiler.
type NetworkInterface = { networkIP: string; network?: string };

/** What is registered of a VM. */
export interface Registration {
  readonly group: GroupSource;
  readonly name: string;
  /** The first is where it is reached, unless that is its tunnel; there may be none then. */
  readonly networkInterfaces: readonly NetworkInterface[];
  /** Whether its agent's tunnel is the way to it; undefined: as before, and directly where there was nothing before. */
  readonly tunnel: boolean | undefined;
  readonly port: number | undefined;
  readonly namedPorts: NonNullable<GroupMember["namedPorts"]>;
  /** Undefined: those that it has. */
  readonly labels: JsonObject | undefined;
}

/** The same name again in the same group replaces address and port: that is how a VM comes back after a restart. */
function register(call: Call): Result {
  const { body } = call.command;
  if (!isJsonObject(body)) throw required("group");
  const registration = registrationOf(call, body);
  const { changes, address } = putRegistration(call, registration);
  const { group, name, port } = registration;
  return { answer: { name, group: group.name, zone: group.zone, address, ...(port === undefined ? {} : { port }) }, changes };
}

/** Key of the instance that a registration makes, or is about. */
export function instanceKeyOf({ group, name }: Pick<Registration, "group" | "name">): ResourceKey {
  return keyOf(scopeOf(group.key), "instances", name);
}

/** Makes or changes the instance and its membership; a member that an agent keeps stays one. */
export function putRegistration(
  call: Call,
  registration: Registration,
  more: Pick<GroupMember, "leased"> = {},
): { readonly changes: readonly Change[]; readonly address: string; readonly id: string | undefined } {
  const { group, name, networkInterfaces, port, namedPorts, labels } = registration;
  const { store } = call.context;
  const key = instanceKeyOf(registration);
  const kind = requireKind("instances");
  const before = store.get(key);
  const members = membersKey(scopeOf(group.key), group.name);
  const known = membersOf(call, members);
  const present = known.find(({ instance }) => instance === key);
  const address = addressOf(registration, present);
  const input: JsonObject = { ...before?.resource, name, networkInterfaces: [...networkInterfaces], ...(labels && { labels }) };
  const changes = save(call, { kind, key, ...(before ? { before } : {}) }, draft(call, kind, { key, input }));
  const leased = more.leased ?? present?.leased;
  const member: GroupMember = {
    name,
    address,
    instance: key,
    ...(port === undefined ? {} : { port }),
    ...(namedPorts.length > 0 && { namedPorts }),
    ...(leased && { leased }),
  };
  // In its place: a VM that comes back as what it was changes nothing, and hundreds may come back at once.
  const listed = present ? known.map((each) => (each === present ? member : each)) : [...known, member];
  const joined = putMembers(call, members, listed);
  return { changes: [...changes, ...joined], address, id: store.get(key)?.id };
}

/** Where proxies reach it. Throws `UserError` when nobody has said where. */
function addressOf({ group, name, networkInterfaces, tunnel }: Registration, present: GroupMember | undefined): string {
  if (tunnel ?? (present !== undefined && isTunnelHost(present.address))) return tunnelHost(group.zone, group.name, name);
  const address = networkInterfaces[0]?.networkIP;
  if (address === undefined) throw required("address");
  return address;
}

/** Reads what is to be registered; `group` in the place of the body's own. Throws `UserError`. */
export function registrationOf(call: Call, body: JsonObject, group: GroupSource = groupIn(call, body)): Registration {
  if (group.kind !== "unmanaged") {
    throw invalid("group", group.key, "VMs are registered in unmanaged instance groups; a managed group makes its own.");
  }
  if (body["name"] !== undefined && typeof body["name"] !== "string") throw invalid("name", body["name"], "It must be text.");
  const namedPorts = namedPortsIn(body["namedPorts"]);
  return {
    group,
    name: body["name"] ?? freeName(call, group),
    networkInterfaces: interfacesIn(body),
    tunnel: tunnelIn(body["tunnel"]),
    port: portIn(body["port"]) ?? namedPorts[0]?.port,
    namedPorts,
    labels: labelsIn(body["labels"]),
  };
}

/** Random, as Google's of managed instances; six digits are not enough for thousands never to meet. */
function freeName(call: Call, group: GroupSource): string {
  const { random, store } = call.context;
  for (;;) {
    const name = `${group.name.slice(0, 50)}-${randomHex(random, 3)}`;
    if (!store.get(instanceKeyOf({ group, name }))) return name;
  }
}

function tunnelIn(value: Json | undefined): boolean | undefined {
  if (value === undefined || value === null || typeof value === "boolean") return value ?? undefined;
  throw invalid("tunnel", value, "It must be true or false.");
}

/** Google's form, or the one address that most VMs have; none where neither is there. */
function interfacesIn({ address, networkInterfaces }: JsonObject): readonly NetworkInterface[] {
  if (networkInterfaces === undefined || networkInterfaces === null) {
    if (address === undefined) return [];
    if (typeof address !== "string") throw invalid("address", address, "It must be text.");
    return [{ networkIP: address }];
  }
  const list = Array.isArray(networkInterfaces) ? networkInterfaces : [];
  if (list.length === 0) throw invalid("networkInterfaces", networkInterfaces, "It must be a list of at least one {networkIP, network?}.");
  if (list.length > 8) throw invalid("networkInterfaces", `${list.length} interfaces`, "At most 8 can be registered.");
  return list.map((item, index) => {
    const at = `networkInterfaces[${index}]`;
    if (!isJsonObject(item)) throw invalid(at, item, "It must be an object {networkIP, network?}.");
    const { networkIP, network } = item;
    if (typeof networkIP !== "string") throw required(`${at}.networkIP`);
    if (network !== undefined && typeof network !== "string") throw invalid(`${at}.network`, network, "It must be text.");
    return { networkIP, ...(network === undefined ? {} : { network }) };
  });
}

function namedPortsIn(value: Json | undefined): Registration["namedPorts"] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > 32) throw invalid("namedPorts", value, "It must be a list of at most 32 {name, port}.");
  return value.map((item, index) => {
    const at = `namedPorts[${index}]`;
    const { name, port } = isJsonObject(item) ? item : {};
    if (typeof name !== "string" || !/^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
      throw invalid(`${at}.name`, name, "It must be lower-case letters, digits and dashes, beginning with a letter, at most 63.");
    }
    const number = portIn(port, `${at}.port`);
    if (number === undefined) throw required(`${at}.port`);
    return { name, port: number };
  });
}

function labelsIn(labels: Json | undefined): JsonObject | undefined {
  if (labels === undefined || labels === null) return undefined;
  if (isJsonObject(labels) && Object.values(labels).every((value) => typeof value === "string")) return labels;
  throw invalid("labels", labels, "It must be an object of text.");
}

/** By reference, by name within `zone`, or by a name that is the only one of its kind. Throws `UserError` when there is none. */
export function groupIn(call: Call, body: JsonObject): GroupSource {
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

function portIn(value: Json | undefined, field = "port"): number | undefined {
  if (value === undefined || value === null) return undefined;
  const port = typeof value === "string" && /^\d{1,5}$/.test(value) ? Number(value) : value;
  if (typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw invalid(field, value, "It must be a port number, 1 to 65535.");
}
