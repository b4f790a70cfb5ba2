import type { FleetState } from "../fleet.ts";
import { wakeBy, type Draft, type Instance } from "../group/state.ts";
import { cpusOf } from "./machine-type.ts";
import { noScaling, planScaling } from "./plan.ts";
import { addCpuSample } from "./samples.ts";

/** Where the autoscaler meets the group that it belongs to. */

/** Asks the autoscaler, if the group has one, what size it should have. */
export function planAutoscaling(draft: Draft): void {
  const { managed } = draft.spec;
  if (draft.spec.kind !== "managed" || !managed?.autoscaling) {
    draft.scaling = noScaling;
    return;
  }
  const spec = managed.autoscaling;
  const running = [...draft.instances.values()].flatMap((instance) => runningSince(instance) ?? []);
  const { state, wakeAtMs } = planScaling(
    draft.scaling,
    {
      spec,
      size: managed.targetSize,
      allUnhealthy: running.length > 0 && running.every(({ instance }) => isUnhealthy(draft, instance)),
      workers: running.map(({ instance, sinceMs }) => ({
        id: instance.id,
        cpus: cpusOf(draft.templates.get(instance.templateRevision ?? 0)?.machineType ?? ""),
        initialized: draft.now >= sinceMs + spec.coolDownMs,
      })),
      initializedAtMs: Math.min(
        ...running.map(({ sinceMs }) => sinceMs + spec.coolDownMs).filter((atMs) => atMs > draft.now),
        Number.POSITIVE_INFINITY,
      ),
    },
    draft.now,
  );
  draft.scaling = state;
  wakeBy(draft, wakeAtMs);
}

/** Takes the CPU time that the fleet says its VMs have used. */
export function takeCpuTimes(draft: Draft, states: readonly FleetState[]): void {
  if (!draft.spec.managed?.autoscaling) return;
  for (const { id, cpu } of states) {
    if (cpu)
      draft.scaling = { ...draft.scaling, samples: addCpuSample(draft.scaling.samples, { id, atMs: cpu.atMs, cpuSeconds: cpu.seconds }) };
  }
}

function runningSince(instance: Instance): { readonly instance: Instance; readonly sinceMs: number } | undefined {
  return instance.phase.is === "running" ? { instance, sinceMs: instance.phase.sinceMs } : undefined;
}

function isUnhealthy({ spec }: Draft, { health }: Instance): boolean {
  return spec.probes.some(({ id }) => health[id] === "UNHEALTHY" || health[id] === "TIMEOUT");
}
