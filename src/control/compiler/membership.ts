/**
 * Who belongs to a group that nobody manages, as the API stores it: one resource of an internal collection beside each group,
 * written by `addInstances`, `removeInstances`, `attachNetworkEndpoints` and `detachNetworkEndpoints`, read by the compiler.
 */

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
