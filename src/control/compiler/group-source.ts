/** A group as the resources describe it: who manages it, its ports and who belongs to it. Shared by clusters and group specifications. */
import type { MemberSpec } from "#instances/group/spec.ts";
import type { NamedPort } from "#model/compute/common.ts";
import { instanceGroupManagers, type InstanceGroupManager } from "#model/compute/instance-group-managers.ts";
import { instanceGroups } from "#model/compute/instance-groups.ts";
import { instances } from "#model/compute/instances.ts";
import { networkEndpointGroups, type NetworkEndpointGroup } from "#model/compute/network-endpoint-groups.ts";
import {
  endpointsKey,
  membersKey,
  type AttachedEndpoint,
  type AttachedEndpoints,
  type GroupMember,
  type InstanceGroupMembers,
} from "./membership.ts";
import { groupCollections, resolve, scopeOf, shortName } from "./references.ts";
import { zoneOf, zonesOf } from "./spread.ts";
import { collectionOf, read, type ResourceView } from "./view.ts";

/** What an instance is told to listen on when its group names no port: `PORT` in its environment. */
const unnamedPort = 8080;

interface Common {
  readonly key: string;
  /** Of a regional group the first one: that of each instance is in its report. */
  readonly zone: string;
  readonly name: string;
  readonly namedPorts: readonly { readonly name: string; readonly port: number }[];
}

/** `internet`: endpoints that are reached by way of the internet, not of the private network. */
export type GroupSource = Common &
  (
    | { readonly kind: "managed"; readonly manager: InstanceGroupManager }
    | { readonly kind: "unmanaged"; readonly members: readonly GroupMember[] }
    | { readonly kind: "endpoints"; readonly members: readonly MemberSpec[]; readonly internet: boolean }
  );

/** Key of the group that a backend's `group` names. A manager stands for its instance group, which has its scope and name. */
export function groupKeyOf(view: ResourceView, reference: string | undefined): string | undefined {
  return resolve(view, reference, groupCollections)?.replace("/instanceGroupManagers/", "/instanceGroups/");
}

/** Reads a group by its key; undefined when there is none. */
export function groupSource(view: ResourceView, key: string): GroupSource | undefined {
  const scope = scopeOf(key);
  const name = shortName(key);
  const common = { key, name, zone: zoneOf(scope) };
  if (collectionOf(key) === "networkEndpointGroups") {
    const group = read(view, networkEndpointGroups, key);
    if (!group) return undefined;
    const internet = (group.networkEndpointType ?? "").startsWith("INTERNET_");
    return { ...common, kind: "endpoints", internet, namedPorts: [], members: endpointMembers(view, { scope, name, group }) };
  }
  const manager = read(view, instanceGroupManagers, `${scope}/instanceGroupManagers/${name}`);
  if (manager) {
    const [zone = common.zone] = zonesOf(scope, manager);
    return { ...common, zone, kind: "managed", manager, namedPorts: namedPorts(manager.namedPorts) };
  }
  const group = read(view, instanceGroups, key);
  if (!group) return undefined;
  const stored = view.get(membersKey(scope, name)) as InstanceGroupMembers | undefined;
  return { ...common, kind: "unmanaged", members: stored?.members ?? [], namedPorts: namedPorts(group.namedPorts) };
}

/**
 * The port that a backend service sends to, where an instance has none of its own: the group's named port `portName`; without one of
 * that name its first; without any, the `PORT` that its instances were given.
 */
export function servingPort(source: GroupSource, portName: string | undefined): number {
  const ports = source.namedPorts;
  return ports.find(({ name }) => name === (portName ?? "http"))?.port ?? ports[0]?.port ?? unnamedPort;
}

function namedPorts(ports: readonly NamedPort[] | undefined): { name: string; port: number }[] {
  return (ports ?? []).flatMap(({ name, port }) => (name === undefined || port === undefined ? [] : [{ name, port }]));
}

function optionalPort(port: number | undefined): { port?: number } {
  return port === undefined ? {} : { port };
}

interface Attached {
  readonly scope: string;
  readonly name: string;
  readonly group: NetworkEndpointGroup;
}

/** Endpoints get the name of their VM, else their address; with the port where that alone would name two. */
function endpointMembers(view: ResourceView, { scope, name, group }: Attached): MemberSpec[] {
  const stored = view.get(endpointsKey(scope, name)) as AttachedEndpoints | undefined;
  const members = (stored?.endpoints ?? []).flatMap((endpoint): MemberSpec[] => {
    const address = endpoint.ipAddress ?? endpoint.fqdn ?? instanceAddress(view, scope, endpoint);
    if (address === undefined) return [];
    const port = endpoint.port ?? group.defaultPort;
    return [{ name: endpoint.instance === undefined ? address : shortName(endpoint.instance), address, ...optionalPort(port) }];
  });
  const count = new Map<string, number>();
  for (const member of members) count.set(member.name, (count.get(member.name) ?? 0) + 1);
  return members.map((member) => ((count.get(member.name) ?? 0) > 1 ? { ...member, name: `${member.name}:${member.port}` } : member));
}

/** Google: without an address, the primary one of the VM. */
function instanceAddress(view: ResourceView, scope: string, endpoint: AttachedEndpoint): string | undefined {
  if (endpoint.instance === undefined) return undefined;
  const instance = read(view, instances, `${scope}/instances/${shortName(endpoint.instance)}`);
  return instance?.networkInterfaces?.[0]?.networkIP;
}
