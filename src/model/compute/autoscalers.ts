import { cronFault } from "#base/cron.ts";
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { checkName } from "../check/names.ts";
import type { Report } from "../check/report.ts";
import { defineKind } from "../define.ts";
import type { Kind } from "../kind.ts";
import { flag, list, map, message, number, text, type Reading } from "../schema.ts";
import { allVerbs, ownedByServer } from "./common.ts";
import { metricFilterOf } from "./metric-filter.ts";

const customMetric = message({
  metric: text,
  filter: text,
  utilizationTarget: number,
  utilizationTargetType: text,
  singleInstanceAssignment: number,
});

const scalingSchedule = message({
  schedule: text,
  timeZone: text,
  durationSec: number,
  minRequiredReplicas: number,
  disabled: flag,
});

const policy = message({
  minNumReplicas: number,
  maxNumReplicas: number,
  mode: text,
  coolDownPeriodSec: number,
  stabilizationPeriodSec: number,
  cpuUtilization: message({ utilizationTarget: number, predictiveMethod: text }),
  loadBalancingUtilization: message({ utilizationTarget: number }),
  customMetricUtilizations: list(customMetric),
  scaleInControl: message({ maxScaledInReplicas: message({ fixed: number, percent: number }), timeWindowSec: number }),
  scalingSchedules: map(scalingSchedule),
});

const schema = message({ name: text, target: text, autoscalingPolicy: policy });

export type Autoscaler = Reading<typeof schema>;
export type AutoscalingPolicy = Reading<typeof policy>;
type CustomMetric = Reading<typeof customMetric>;
type ScalingSchedule = Reading<typeof scalingSchedule>;

const most = { replicas: 2_000, customMetrics: 50, schedules: 128 };
const longestCoolDownSec = 3_600;
/** Google: one hour at most, for the stabilization period and the window of the scale-in control. */
const longestWindowSec = 3_600;
const shortestScheduleSec = 300;
const defaultUtilization = { cpu: 0.6, loadBalancing: 0.8 };

/**
 * Sizes one managed instance group by its load. Obeyed: all of `autoscalingPolicy` but `cpuUtilization.predictiveMethod`. Defaults are Google's:
 * mode ON, a cool-down of 60 s, stabilization over 600 s, 60 % of the CPU, 80 % of the balancing capacity; without any signal, CPU. Google leaves the least size without `minNumReplicas` open; here it is 1.
 */
export const autoscalers: Kind<Autoscaler> = defineKind({
  api: "compute",
  collection: "autoscalers",
  singular: "autoscaler",
  kind: "compute#autoscaler",
  scopes: ["zone", "region"],
  verbs: allVerbs,
  changedThroughCollection: true,
  message: "Autoscaler",
  fingerprint: false,
  outputOnly: [...ownedByServer, "status", "statusDetails", "recommendedSize", "scalingScheduleStatus"],
  schema,
  defaults: (resource) => ({ autoscalingPolicy: policyDefaults(resource["autoscalingPolicy"]) }),
  check: ({ name, target, autoscalingPolicy }, report) => {
    checkName(report, "resource.name", name);
    if (target === undefined || target === "") report.required("resource.target");
    checkPolicy(report, autoscalingPolicy ?? {});
  },
  references: ({ target }) => [{ field: "resource.target", value: target, collections: ["instanceGroupManagers"] }],
});

/** Google scales by CPU where no signal is asked for. */
function policyDefaults(given: Json | undefined): JsonObject {
  const policy = isJsonObject(given) ? given : {};
  const has = (field: string): boolean => {
    const value = policy[field];
    return Array.isArray(value) ? value.length > 0 : isJsonObject(value);
  };
  const hasSchedules = isJsonObject(policy["scalingSchedules"]) && Object.keys(policy["scalingSchedules"]).length > 0;
  const hasSignal = hasSchedules || ["cpuUtilization", "loadBalancingUtilization", "customMetricUtilizations"].some(has);
  const { cpu, loadBalancing } = defaultUtilization;
  const greatest = policy["maxNumReplicas"];
  return {
    ...(typeof greatest === "number" && { minNumReplicas: Math.min(1, greatest) }),
    mode: "ON",
    coolDownPeriodSec: 60,
    stabilizationPeriodSec: 600,
    ...(has("cpuUtilization") || !hasSignal ? { cpuUtilization: { utilizationTarget: cpu, predictiveMethod: "NONE" } } : {}),
    ...(has("loadBalancingUtilization") ? { loadBalancingUtilization: { utilizationTarget: loadBalancing } } : {}),
    ...(hasSchedules ? { scalingSchedules: scheduleDefaults(policy["scalingSchedules"]) } : {}),
  };
}

function scheduleDefaults(schedules: Json | undefined): JsonObject {
  const names = isJsonObject(schedules) ? Object.keys(schedules) : [];
  return Object.fromEntries(names.map((name) => [name, { timeZone: "UTC", disabled: false }]));
}

function checkPolicy(report: Report, given: AutoscalingPolicy): void {
  const path = "resource.autoscalingPolicy";
  const { minNumReplicas = 0, maxNumReplicas } = given;
  report.range(`${path}.minNumReplicas`, given.minNumReplicas, [0, most.replicas]);
  if (maxNumReplicas === undefined) report.required(`${path}.maxNumReplicas`);
  report.range(`${path}.maxNumReplicas`, maxNumReplicas, [0, most.replicas]);
  if (maxNumReplicas !== undefined && maxNumReplicas < minNumReplicas) {
    report.invalid(
      `${path}.maxNumReplicas`,
      maxNumReplicas,
      `Must be greater than or equal to minNumReplicas, which is ${minNumReplicas}.`,
    );
  }
  report.range(`${path}.coolDownPeriodSec`, given.coolDownPeriodSec, [0, longestCoolDownSec]);
  report.range(`${path}.stabilizationPeriodSec`, given.stabilizationPeriodSec, [0, longestWindowSec]);
  checkCpuTarget(report, `${path}.cpuUtilization.utilizationTarget`, given.cpuUtilization?.utilizationTarget);
  checkPositive(report, `${path}.loadBalancingUtilization.utilizationTarget`, given.loadBalancingUtilization?.utilizationTarget);
  checkCustomMetrics(report, `${path}.customMetricUtilizations`, given.customMetricUtilizations ?? []);
  checkScaleIn(report, `${path}.scaleInControl`, given.scaleInControl);
  checkSchedules(report, `${path}.scalingSchedules`, given);
}

function checkCpuTarget(report: Report, field: string, value: number | undefined): void {
  if (value === undefined || (value > 0 && value <= 1)) return;
  report.invalid(field, value, "Must be greater than 0 and less than or equal to 1.");
}

function checkPositive(report: Report, field: string, value: number | undefined): void {
  if (value !== undefined && value <= 0) report.invalid(field, value, "Must be greater than 0.");
}

function checkCustomMetrics(report: Report, path: string, metrics: readonly CustomMetric[]): void {
  report.atMost(path, metrics, most.customMetrics);
  for (const [index, metric] of metrics.entries()) {
    const at = `${path}[${index}]`;
    if (metric.metric === undefined || metric.metric === "") report.required(`${at}.metric`);
    report.oneOf(at, metric, { of: ["utilizationTarget", "singleInstanceAssignment"], needed: true });
    checkPositive(report, `${at}.utilizationTarget`, metric.utilizationTarget);
    checkPositive(report, `${at}.singleInstanceAssignment`, metric.singleInstanceAssignment);
    if (metric.filter !== undefined && metricFilterOf(metric.filter) === undefined) {
      report.invalid(`${at}.filter`, metric.filter, 'Must be comparisons such as resource.type = "gce_instance", joined by AND.');
    }
  }
}

function checkScaleIn(report: Report, path: string, control: AutoscalingPolicy["scaleInControl"]): void {
  if (control === undefined) return;
  const { maxScaledInReplicas, timeWindowSec } = control;
  if (timeWindowSec === undefined) report.required(`${path}.timeWindowSec`);
  report.range(`${path}.timeWindowSec`, timeWindowSec, [60, longestWindowSec]);
  if (maxScaledInReplicas === undefined) return report.required(`${path}.maxScaledInReplicas`);
  report.oneOf(`${path}.maxScaledInReplicas`, maxScaledInReplicas, { of: ["fixed", "percent"], needed: true });
  report.range(`${path}.maxScaledInReplicas.fixed`, maxScaledInReplicas.fixed, [0, 2_147_483_647]);
  report.range(`${path}.maxScaledInReplicas.percent`, maxScaledInReplicas.percent, [0, 100]);
}

function checkSchedules(report: Report, path: string, { scalingSchedules = {} }: AutoscalingPolicy): void {
  const entries = Object.entries(scalingSchedules);
  report.atMost(path, entries, most.schedules);
  for (const [name, schedule] of entries) {
    checkName(report, `${path}.${name}`, name);
    checkSchedule(report, `${path}.${name}`, schedule);
  }
}

function checkSchedule(report: Report, path: string, schedule: ScalingSchedule): void {
  const { timeZone = "UTC", durationSec, minRequiredReplicas } = schedule;
  if (minRequiredReplicas === undefined) report.required(`${path}.minRequiredReplicas`);
  report.range(`${path}.minRequiredReplicas`, minRequiredReplicas, [0, most.replicas]);
  if (durationSec === undefined) report.required(`${path}.durationSec`);
  report.range(`${path}.durationSec`, durationSec, [shortestScheduleSec, 2_147_483_647]);
  if (schedule.schedule === undefined || schedule.schedule === "") return report.required(`${path}.schedule`);
  switch (cronFault(schedule.schedule, timeZone)) {
    case "timeZone":
      return report.invalid(`${path}.timeZone`, timeZone, "Must be a name of the IANA time zone database, such as 'Europe/Paris'.");
    case "expression":
      return report.invalid(
        `${path}.schedule`,
        schedule.schedule,
        "Must be a cron expression: minute hour day month weekday, and optionally a year.",
      );
    case undefined:
  }
}
