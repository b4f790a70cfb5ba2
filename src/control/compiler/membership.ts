/**
 * Who belongs to a group that nobody manages, as the API stores it: one resource of an internal collection beside each group,
 * written by `addInstances`, `removeInstances`, `attachNetworkEndpoints` and `detachNetworkEndpoints`, read by the compiler.
 */
import type { JsonObject } from "#base/json.ts";
import type { GroupKey, Intent } from "#instances/group/spec.ts";
import type { LeaseReport, LeaseTerms } from "#instances/lease/lease.ts";

/** A VM in an unmanaged instance group. */
export interface GroupMember {
  /** Short name of the instance. */
  readonly name: string;
  /** IP address, or the host of its tunnel (src/tunnel/address.ts) where the VM was registered with one. */
  readonly address: string;
  /** Set when the VM was registered with a port of its own; it then stands before the group's named ports. */
  readonly port?: number;
  /** `zones/z/instances/name`. */
  readonly instance: string;
  /** Ports of its own; the one that a backend service names stands before `port`. */
  readonly namedPorts?: readonly { readonly name: string; readonly port: number }[];
  /** Joined by an agent: without a live lease (`leaseKey`) it gets no requests. */
  readonly leased?: true;
}

/** Stored at `membersKey(scope, group)`. */
export interface InstanceGroupMembers {
  readonly members: readonly GroupMember[];
}

/** One attached endpoint, Google's `NetworkEndpoint`. At least one of `ipAddress`, `fqdn` and `instance` says where it is, in this order. */
export interface AttachedEndpoint {
  /** Short name or reference of the VM (GCE_VM_IP_PORT). */
  readonly instance?: string;
  readonly ipAddress?: string;
  readonly fqdn?: string;
  /** Absent: the group's `defaultPort`. */
  readonly port?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Stored at `endpointsKey(scope, neg)`. */
export interface AttachedEndpoints {
  readonly endpoints: readonly AttachedEndpoint[];
}

/** Who an agent's instance is, and what its Lease object last said of it. Stored at `leaseKey(scope, instance)`. */
export interface InstanceLease extends LeaseTerms {
  readonly group: GroupKey;
  readonly publicKey: string;
  readonly enrolment: string;
  /** Absent until its agent has connected. */
  readonly report?: LeaseReport;
}

/** Instances that were taken out of traffic, of a group of any kind. Stored at `drainedKey(group)`. */
export interface DrainedInstances {
  readonly names: readonly string[];
}

export const leasesCollection = "instanceLeases";
export const drainedCollections = { instanceGroups: "drainedInstances", networkEndpointGroups: "drainedEndpoints" } as const;
/** Of `ServingStates`, beside a group of any kind. */
const servingStatesCollections = {
  instanceGroups: "instanceServingStates",
  networkEndpointGroups: "endpointServingStates",
} as const;

/** Key of the lease of an instance; `scope` is the zone of its group. */
export function leaseKey(scope: string, instance: string): string {
  return `${scope}/${leasesCollection}/${instance}`;
}

/** Key of the drained instances of a group. */
export function drainedKey(group: GroupKey): string {
  return besideGroup(group, drainedCollections);
}

/** Key of the serving states of a group; where nothing is stored, all its instances are RUNNING. */
export function servingStatesKey(group: GroupKey): string {
  return besideGroup(group, servingStatesCollections);
}

function besideGroup(group: GroupKey, collections: { readonly instanceGroups: string; readonly networkEndpointGroups: string }): string {
  const { instanceGroups, networkEndpointGroups } = collections;
  return group.replace("/instanceGroups/", `/${instanceGroups}/`).replace("/networkEndpointGroups/", `/${networkEndpointGroups}/`);
}

/** What verbs of a manager asked of single instances and its group has not carried out yet. Stored at `intentsKey(scope, manager)`. */
export interface GroupIntents {
  readonly lastId: number;
  readonly intents: readonly Intent[];
}

export const intentsCollection = "instanceGroupIntents";

export function intentsKey(scope: string, manager: string): string {
  return `${scope}/${intentsCollection}/${manager}`;
}

/** A per-instance config as it was given. */
export interface StoredConfig {
  /** Of the instance. */
  readonly name: string;
  /** Of the project, when it was written. */
  readonly revision: number;
  /** Google's `PreservedState`. */
  readonly preservedState: JsonObject;
  /** From here on there is none. */
  readonly deleted?: true;
}

/**
 * Per-instance configs of a manager. The last of a name is the one that is wanted; one before it is there while an instance may have it.
 * Stored at `configsKey(scope, manager)`.
 */
export interface InstanceConfigs {
  readonly configs: readonly StoredConfig[];
}

export const configsCollection = "perInstanceConfigs";

export function configsKey(scope: string, manager: string): string {
  return `${scope}/${configsCollection}/${manager}`;
}

export const membersCollection = "instanceGroupMembers";
export const endpointsCollection = "networkEndpoints";

/** Key of the members of an unmanaged instance group; `scope` is such as `zones/us-central1-a`. */
export function membersKey(scope: string, group: string): string {
  return `${scope}/${membersCollection}/${group}`;
}

/** Key of the endpoints attached to a network endpoint group; `scope` is a zone, a region or `global`. */
export function endpointsKey(scope: string, neg: string): string {
  return `${scope}/${endpointsCollection}/${neg}`;
}
