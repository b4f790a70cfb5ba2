/** Whether an instance takes part in traffic at all: its lease, if an agent keeps it, and whether somebody took it out. */
import type { InstanceReport } from "#instances/group/spec.ts";
import type { GroupSource } from "./group-source.ts";
import { drainedKey, leaseKey, type DrainedInstances, type InstanceLease } from "./membership.ts";
import { scopeOf } from "./references.ts";
import type { ResourceView } from "./view.ts";

interface Part {
  readonly drained: boolean;
  /** Undefined where no agent keeps the instance. */
  readonly lease: InstanceLease | undefined;
}

/** A function that tells this of the instances of one group. */
export function trafficOf(view: ResourceView, source: GroupSource): (name: string) => Part {
  const drained = new Set((view.get(drainedKey(source.key)) as DrainedInstances | undefined)?.names);
  const leased = new Set(source.kind === "unmanaged" ? source.members.filter((member) => member.leased).map(({ name }) => name) : []);
  return (name) => ({
    drained: drained.has(name),
    lease: leased.has(name) ? (view.get(leaseKey(scopeOf(source.key), name)) as InstanceLease | undefined) : undefined,
  });
}

/** Instances that run and are not on their way out, in one way or the other. */
export function servingInstances(
  view: ResourceView,
  source: GroupSource,
): readonly { readonly instance: InstanceReport; readonly lease: InstanceLease | undefined }[] {
  const instances = view.groupReport(source.key)?.instances ?? [];
  const part = trafficOf(view, source);
  return instances.flatMap((instance) => {
    if (instance.status !== "RUNNING" || instance.action === "DELETING") return [];
    const { drained, lease } = part(instance.name);
    return drained || (lease && lease.report?.state !== "CONNECTED") ? [] : [{ instance, lease }];
  });
}

/** The port of its own that a backend service's `portName` names. */
export function ownNamedPort(source: GroupSource, instance: string, portName: string | undefined): number | undefined {
  if (source.kind !== "unmanaged") return undefined;
  const member = source.members.find(({ name }) => name === instance);
  return member?.namedPorts?.find(({ name }) => name === (portName ?? "http"))?.port;
}
