import type { CurrentAction, GroupReport, HealthState, InstanceReport, InstanceStatus } from "./spec.ts";
import { isLeaving } from "./state.ts";
import type { GroupState, Instance } from "./state.ts";

/** What a group tells the Project object, all but the sequence number. Instances are sorted by name, so that equal states give equal reports. */
export function describe(state: GroupState): Omit<GroupReport, "sequence"> {
  const { spec } = state;
  const scaling = state.memory.scaling.report;
  const instances = [...state.instances.values()].map((instance) => describeInstance(state, instance));
  instances.sort((a, b) => (a.name < b.name ? -1 : 1));
  const staying = instances.filter((instance) => instance.action !== "DELETING").length;
  const sized = spec.kind !== "managed" || staying === spec.managed?.targetSize;
  return {
    key: spec.key,
    specVersion: spec.version,
    isStable: sized && instances.every((each) => each.action === "NONE"),
    instances,
    ...(scaling && { scaling }),
  };
}

function describeInstance(state: GroupState, instance: Instance): InstanceReport {
  const template = state.templates.get(instance.templateRevision ?? 0);
  return {
    name: instance.name,
    id: instance.id,
    address: instance.address,
    ...(instance.port === undefined ? {} : { port: instance.port }),
    ...shownPhase(instance),
    ...(template ? { template: template.name } : {}),
    health: shownHealth(state, instance),
    ...healthySince(state, instance),
    createdAtMs: instance.createdAtMs,
    ...(instance.lastError === undefined ? {} : { lastError: instance.lastError }),
  };
}

/** Google's two words for a phase: what the group does to the instance, and how the VM itself is. */
function shownPhase(instance: Instance): { readonly action: CurrentAction; readonly status: InstanceStatus } {
  const { phase } = instance;
  switch (phase.is) {
    case "creating":
      return { action: phase.again ? "RECREATING" : "CREATING", status: phase.started ? "STAGING" : "PROVISIONING" };
    case "running":
      return { action: phase.verified ? "NONE" : "VERIFYING", status: "RUNNING" };
    case "replacing":
      return { action: "RECREATING", status: phase.ended ? "TERMINATED" : "STOPPING" };
    case "draining":
    case "ending":
      return { action: "DELETING", status: "STOPPING" };
  }
}

function shownHealth(state: GroupState, instance: Instance): Record<string, HealthState> {
  const health = (id: string): HealthState => (isLeaving(instance) ? "DRAINING" : (instance.health[id] ?? "UNKNOWN"));
  return Object.fromEntries(state.spec.probes.map((probe) => [probe.id, health(probe.id)]));
}

function healthySince(state: GroupState, { health, healthySinceMs = {} }: Instance): Pick<InstanceReport, "healthySinceMs"> {
  const known = state.spec.probes.flatMap(({ id }): [string, number][] => {
    const since = health[id] === "HEALTHY" ? healthySinceMs[id] : undefined;
    return since === undefined ? [] : [[id, since]];
  });
  return known.length > 0 ? { healthySinceMs: Object.fromEntries(known) } : {};
}
