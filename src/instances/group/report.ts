import type { CurrentAction, GroupReport, HealthState, InstanceReport, InstanceStatus } from "./spec.ts";
import { type Progress, progressOf } from "../rollout/progress.ts";
import { isStaying } from "./state.ts";
import type { Afterwards, GroupState, Instance } from "./state.ts";

/** What a group tells the Project object, all but the sequence number. Instances are sorted by name, so that equal states give equal reports. */
export function describe(state: GroupState): Omit<GroupReport, "sequence"> {
  const { spec, intentsDone, goodTemplates } = state;
  const scaling = state.memory.scaling.report;
  const present = [...state.instances.values()].filter(({ phase }) => phase.is !== "abandoned");
  const instances = present.map((instance) => describeInstance(state, instance));
  instances.sort((a, b) => (a.name < b.name ? -1 : 1));
  const staying = present.filter(isStaying);
  const { outdated, update }: Progress = spec.kind === "managed" ? progressOf(state, staying) : { outdated: 0 };
  const sized = spec.kind !== "managed" || staying.length === spec.managed?.targetSize;
  return {
    key: spec.key,
    specVersion: spec.version,
    isStable: sized && update === undefined && instances.every((each) => each.action === "NONE"),
    instances,
    ...(scaling && { scaling }),
    ...(outdated > 0 && { outdated }),
    ...(update && { update }),
    ...(state.memory.creation && { creation: state.memory.creation }),
    ...(intentsDone !== undefined && { intentsDone }),
    ...(goodTemplates && { goodTemplates }),
  };
}

function describeInstance(state: GroupState, instance: Instance): InstanceReport {
  const template = state.templates.get(instance.templateRevision ?? 0);
  return {
    name: instance.name,
    id: instance.id,
    ...(instance.zone === undefined ? {} : { zone: instance.zone }),
    address: instance.address,
    ...(instance.port === undefined ? {} : { port: instance.port }),
    ...shownPhase(instance),
    ...(template ? { template: template.name } : {}),
    health: shownHealth(state, instance),
    ...healthySince(state, instance),
    createdAtMs: instance.createdAtMs,
    ...(instance.config && { config: instance.config.revision }),
    ...(instance.lastError === undefined ? {} : { lastError: instance.lastError }),
  };
}

/** Google's two words for a phase: what the group does to the instance, and how the VM itself is. */
function shownPhase({ phase }: Instance): { readonly action: CurrentAction; readonly status: InstanceStatus } {
  switch (phase.is) {
    case "creating":
      return { action: phase.as ?? (phase.again ? "RECREATING" : "CREATING"), status: phase.started ? "STAGING" : "PROVISIONING" };
    case "running":
      return { action: phase.verified ? "NONE" : "VERIFYING", status: "RUNNING" };
    case "replacing":
      return { action: phase.restarts === true ? "RESTARTING" : "RECREATING", status: phase.ended ? "TERMINATED" : "STOPPING" };
    case "draining":
      return { action: afterwards(phase.then), status: phase.then?.to === "halt" && phase.then.suspends ? "SUSPENDING" : "STOPPING" };
    case "ending":
      return { action: "DELETING", status: "STOPPING" };
    case "halting":
      return phase.suspends ? { action: "SUSPENDING", status: "SUSPENDING" } : { action: "STOPPING", status: "STOPPING" };
    case "halted":
      return { action: "NONE", status: phase.failed === true ? "TERMINATED" : phase.suspended ? "SUSPENDED" : "STOPPED" };
    case "abandoned":
      return { action: "NONE", status: "RUNNING" };
  }
}

function afterwards(then: Afterwards | undefined): CurrentAction {
  if (!then) return "DELETING";
  if (then.to === "halt") return then.suspends ? "SUSPENDING" : "STOPPING";
  return then.restarts ? "RESTARTING" : "RECREATING";
}

function shownHealth(state: GroupState, instance: Instance): Record<string, HealthState> {
  const health = (id: string): HealthState => (isGoing(instance) ? "DRAINING" : (instance.health[id] ?? "UNKNOWN"));
  return Object.fromEntries(state.spec.probes.map((probe) => [probe.id, health(probe.id)]));
}

function isGoing({ phase }: Instance): boolean {
  return phase.is === "draining" || phase.is === "ending" || phase.is === "halting";
}

function healthySince(state: GroupState, { health, healthySinceMs = {} }: Instance): Pick<InstanceReport, "healthySinceMs"> {
  const known = state.spec.probes.flatMap(({ id }): [string, number][] => {
    const since = health[id] === "HEALTHY" ? healthySinceMs[id] : undefined;
    return since === undefined ? [] : [[id, since]];
  });
  return known.length > 0 ? { healthySinceMs: Object.fromEntries(known) } : {};
}
