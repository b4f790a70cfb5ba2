/** Autoscalers as the Group objects carry them out. */
import type { GroupKey } from "#instances/group/spec.ts";
import type { AutoscalingSpec, BalancedBackend, MetricSpec, ScaleInControl, ScheduleSpec } from "#instances/scale/spec.ts";
import { autoscalers, type Autoscaler, type AutoscalingPolicy } from "#model/compute/autoscalers.ts";
import type { BackendService } from "#model/compute/backend-services.ts";
import { metricFilterOf } from "#model/compute/metric-filter.ts";
import { groupKeyOf } from "./group-source.ts";
import { resolve } from "./references.ts";
import type { ResourceView, ViewedResource } from "./view.ts";

/** A backend service that lists the group. */
export interface ServiceOfGroup {
  readonly key: string;
  readonly service: BackendService;
}

/** The autoscaler of a manager; the oldest, should there be several. */
export function autoscalerOf(view: ResourceView, managerKey: string): ViewedResource | undefined {
  const own = view.list("autoscalers").filter(({ resource }) => managerOf(view, autoscalers.read(resource)) === managerKey);
  return own.toSorted((a, b) => a.createdAtMs - b.createdAtMs)[0];
}

/** Key of the manager that an autoscaler sizes. */
export function managerOf(view: ResourceView, { target }: Autoscaler): string | undefined {
  return resolve(view, target, ["instanceGroupManagers"]);
}

/** What the group is to do by this policy; `services` are the backend services that list it. */
export function autoscalingSpec(
  view: ResourceView,
  { autoscalingPolicy: policy = {} }: Autoscaler,
  group: { readonly key: GroupKey; readonly services: readonly ServiceOfGroup[] },
): AutoscalingSpec {
  const { cpuUtilization, loadBalancingUtilization, scaleInControl } = policy;
  const max = policy.maxNumReplicas ?? 0;
  const scaleIn = scaleInOf(scaleInControl);
  return {
    mode: modeOf(policy.mode),
    min: Math.min(policy.minNumReplicas ?? 1, max),
    max,
    coolDownMs: (policy.coolDownPeriodSec ?? 60) * 1000,
    stabilizationMs: (policy.stabilizationPeriodSec ?? 600) * 1000,
    ...(cpuUtilization && { cpu: { target: cpuUtilization.utilizationTarget ?? 0.6 } }),
    ...(loadBalancingUtilization && {
      loadBalancing: { target: loadBalancingUtilization.utilizationTarget ?? 0.8, backends: balancedBackends(view, group) },
    }),
    metrics: (policy.customMetricUtilizations ?? []).map(metricOf),
    ...(scaleIn && { scaleIn }),
    schedules: Object.entries(policy.scalingSchedules ?? {}).map(scheduleOf),
  };
}

const modes = ["ON", "OFF", "ONLY_SCALE_OUT", "ONLY_UP"] as const;

function modeOf(mode: string | undefined): AutoscalingSpec["mode"] {
  return modes.find((known) => known === mode) ?? "ON";
}

function balancedBackends(
  view: ResourceView,
  { key, services }: { readonly key: GroupKey; readonly services: readonly ServiceOfGroup[] },
): BalancedBackend[] {
  return services.flatMap(({ key: backendService, service }) =>
    (service.backends ?? [])
      .filter(({ group }) => groupKeyOf(view, group) === key)
      .map((backend) => ({ backendService, capacity: capacityOf(backend) })),
  );
}

type Backend = NonNullable<BackendService["backends"]>[number];

/** Google: UTILIZATION is the default mode, with 80 % where no share is given. */
function capacityOf(backend: Backend): BalancedBackend["capacity"] {
  const scaler = backend.capacityScaler ?? 1;
  const rate = (backend.maxRatePerInstance ?? 0) * scaler;
  const mode = backend.balancingMode ?? "UTILIZATION";
  if (mode === "RATE" && rate > 0) return { kind: "RATE", perInstance: rate };
  const max = (backend.maxUtilization ?? 0.8) * scaler;
  return mode === "UTILIZATION" && max > 0 ? { kind: "UTILIZATION", max } : { kind: "UNSUPPORTED" };
}

type CustomMetric = NonNullable<AutoscalingPolicy["customMetricUtilizations"]>[number];

/** Google: without a filter the series of the instances count; a group's own are named by one. */
function metricOf({ metric = "", filter, ...goal }: CustomMetric): MetricSpec {
  const named = metricFilterOf(filter ?? 'resource.type = "gce_instance"');
  const type = (["DELTA_PER_SECOND", "DELTA_PER_MINUTE"] as const).find((known) => known === goal.utilizationTargetType) ?? "GAUGE";
  return {
    metric,
    ...(named?.resourceType !== undefined && { resourceType: named.resourceType }),
    resourceLabels: named?.resourceLabels ?? {},
    metricLabels: named?.metricLabels ?? {},
    type,
    goal:
      goal.singleInstanceAssignment === undefined
        ? { kind: "UTILIZATION", value: goal.utilizationTarget ?? 1 }
        : { kind: "ASSIGNMENT", value: goal.singleInstanceAssignment },
  };
}

function scaleInOf(control: AutoscalingPolicy["scaleInControl"]): ScaleInControl | undefined {
  if (control === undefined) return undefined;
  const { fixed, percent = 100 } = control.maxScaledInReplicas ?? {};
  return { most: fixed === undefined ? { percent } : { fixed }, windowMs: (control.timeWindowSec ?? 60) * 1000 };
}

type ScalingSchedule = NonNullable<AutoscalingPolicy["scalingSchedules"]>[string];

function scheduleOf([name, schedule]: [string, ScalingSchedule]): ScheduleSpec {
  return {
    name,
    cron: schedule.schedule ?? "",
    timeZone: schedule.timeZone ?? "UTC",
    durationMs: (schedule.durationSec ?? 0) * 1000,
    required: schedule.minRequiredReplicas ?? 0,
    disabled: schedule.disabled ?? false,
  };
}
