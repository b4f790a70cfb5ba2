/** Whether an instance takes part in traffic, and with how much of its share: its lease, if an agent keeps it, and what people said of it. */
import type { InstanceReport } from "#instances/group/spec.ts";
import type { GroupSource } from "./group-source.ts";
import { otherState, type ServingState, type ServingStates } from "#instances/switching/switch.ts";
import { drainedKey, leaseKey, servingStatesKey, type DrainedInstances, type GroupMember, type InstanceLease } from "./membership.ts";
import { scopeOf } from "./references.ts";
import type { ResourceView } from "./view.ts";

interface Part {
  readonly drained: boolean;
  readonly servingState: ServingState;
  /** Undefined where no agent keeps the instance. */
  readonly lease: InstanceLease | undefined;
}

const allRunning: ServingStates = { state: "RUNNING", others: [] };

/** What is kept of the serving states of a group. */
export function servingStatesOf(view: Pick<ResourceView, "get">, group: string): ServingStates {
  return (view.get(servingStatesKey(group)) as ServingStates | undefined) ?? allRunning;
}

/** A function that tells this of the instances of one group. */
export function trafficOf(view: ResourceView, source: GroupSource): (name: string) => Part {
  const drained = new Set((view.get(drainedKey(source.key)) as DrainedInstances | undefined)?.names);
  const leased = new Set(source.kind === "unmanaged" ? source.members.filter((member) => member.leased).map(({ name }) => name) : []);
  const { state, others } = servingStatesOf(view, source.key);
  const isOther = new Set(others);
  return (name) => ({
    drained: drained.has(name),
    servingState: isOther.has(name) ? otherState(state) : state,
    lease: leased.has(name) ? (view.get(leaseKey(scopeOf(source.key), name)) as InstanceLease | undefined) : undefined,
  });
}

/** An instance that takes part in traffic. */
export interface ServingInstance extends Omit<Part, "drained"> {
  readonly instance: InstanceReport;
}

/** Instances that run and are not on their way out, in one way or the other; what has left its list is out before its group has said so. */
export function servingInstances(view: ResourceView, source: GroupSource): readonly ServingInstance[] {
  const instances = view.groupReport(source.key)?.instances ?? [];
  const part = trafficOf(view, source);
  const listed = source.kind === "managed" ? undefined : new Set(source.members.map(({ name }) => name));
  return instances.flatMap((instance) => {
    if (listed && !listed.has(instance.name)) return [];
    if (instance.status !== "RUNNING" || instance.action === "DELETING") return [];
    const { drained, lease, servingState } = part(instance.name);
    return drained || (lease && lease.report?.state !== "CONNECTED") ? [] : [{ instance, lease, servingState }];
  });
}

/** A function that gives the port of its own that `portName` of a backend service names, by instance; undefined where it has none. */
export function ownNamedPorts(source: GroupSource, portName = "http"): (instance: string) => number | undefined {
  if (source.kind !== "unmanaged") return () => undefined;
  const portOf = ({ namedPorts = [] }: GroupMember): number | undefined => namedPorts.find(({ name }) => name === portName)?.port;
  const ports = new Map(source.members.map((member) => [member.name, portOf(member)]));
  return (instance) => ports.get(instance);
}
