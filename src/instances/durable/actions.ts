import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import { within } from "#base/within.ts";
import type { FleetInstance } from "../fleet.ts";
import type { GroupObserver, GroupSpec, ProbeSpec } from "../group/spec.ts";
import type { Action, Fact } from "../group/state.ts";
import type { ProbeOutcome } from "../health/plan.ts";
import type { Target } from "../health/probe.ts";
import type { Fleet } from "./fleet-client.ts";

/** Carries out the planner's actions: each is one call, and its end, good or bad, is one fact. */

export interface ActionPorts {
  readonly clock: Clock;
  /** Absent where instances join by themselves. */
  readonly fleet?: Fleet;
  readonly observer: (project: string) => GroupObserver;
  readonly probe: (spec: ProbeSpec, target: Target, project: string) => Promise<ProbeOutcome>;
}

/** A Project object that hangs must not stop the group from asking again. */
export const observerTimeoutMs = 5000;

/** Never rejects: whatever goes wrong is a fact too. */
export async function carryOut(ports: ActionPorts, spec: GroupSpec, action: Action): Promise<Fact> {
  const startedAtMs = ports.clock.now();
  try {
    return await attempt(ports, spec, action);
  } catch (thrown) {
    return failure(action, startedAtMs, messageOf(thrown));
  }
}

async function attempt(ports: ActionPorts, spec: GroupSpec, action: Action): Promise<Fact> {
  const { key } = action;
  const startedAtMs = ports.clock.now();
  switch (action.kind) {
    case "create": {
      const state = await bound(ports).create(fleetInstance(spec, action));
      return { kind: "created", key, id: action.instance.id, state };
    }
    case "delete":
      await bound(ports).delete(spec, action.name, action.id);
      return { kind: "deleted", key, id: action.id };
    case "suspend":
      await bound(ports).suspend(spec, action.name, action.id);
      return { kind: "suspended", key, id: action.id };
    case "list":
      return { kind: "listed", key, askedAtMs: startedAtMs, states: await bound(ports).list(spec) };
    case "askReleased": {
      const ask = (): Promise<boolean> => ports.observer(spec.project).released(spec.key, action.names);
      const released = await within("the project", observerTimeoutMs, ask);
      return { kind: "released", key, names: action.names, released };
    }
    case "probe": {
      const outcome = await ports.probe(action.probe, action.target, spec.project);
      return { kind: "probed", key, id: action.id, probeId: action.probe.id, startedAtMs, outcome };
    }
  }
}

function failure(action: Action, startedAtMs: number, error: string): Fact {
  const { key } = action;
  switch (action.kind) {
    case "create":
      return { kind: "createFailed", key, id: action.instance.id, error };
    case "delete":
    case "suspend":
      return { kind: "deleteFailed", key, id: action.id, error };
    case "list":
      return { kind: "listFailed", key };
    case "askReleased":
      return { kind: "released", key, names: action.names, released: false };
    case "probe": {
      const outcome = { ok: false, reached: false, why: error } as const;
      return { kind: "probed", key, id: action.id, probeId: action.probe.id, startedAtMs, outcome };
    }
  }
}

function bound(ports: ActionPorts): Fleet {
  if (!ports.fleet) throw new Error("no fleet is bound");
  return ports.fleet;
}

/** Ports are those of the group now; everything else is as the instance's own template says. */
function fleetInstance(spec: GroupSpec, { instance, template }: Extract<Action, { kind: "create" }>): FleetInstance {
  return {
    project: spec.project,
    group: spec.key,
    groupName: spec.name,
    zone: instance.zone ?? spec.zone,
    name: instance.name,
    id: instance.id,
    template: template.name,
    metadata: template.metadata,
    labels: template.labels,
    tags: template.tags,
    machineType: template.machineType,
    namedPorts: spec.namedPorts,
  };
}
