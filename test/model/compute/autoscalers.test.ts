import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { autoscalers } from "#model/compute/autoscalers.ts";
import { metricFilterOf } from "#model/compute/metric-filter.ts";
import { faultsOf } from "../faults.ts";

const scaler = (policy: JsonObject, more: JsonObject = {}): JsonObject => ({
  name: "a",
  target: "zones/z/instanceGroupManagers/g",
  autoscalingPolicy: { minNumReplicas: 1, maxNumReplicas: 10, ...policy },
  ...more,
});
const schedule: JsonObject = { schedule: "30 8 * * Mon-Fri", durationSec: 3600, minRequiredReplicas: 2 };
const policyOf = (policy: JsonObject) => autoscalers.defaults(scaler(policy))["autoscalingPolicy"];

describe("defaults", () => {
  it("are Google's", () => {
    expect(policyOf({})).toEqual({
      minNumReplicas: 1,
      maxNumReplicas: 10,
      mode: "ON",
      coolDownPeriodSec: 60,
      stabilizationPeriodSec: 600,
      cpuUtilization: { utilizationTarget: 0.6, predictiveMethod: "NONE" },
    });
  });

  it("scale by CPU only where no other signal is asked for", () => {
    expect(policyOf({ loadBalancingUtilization: {} })).toMatchObject({ loadBalancingUtilization: { utilizationTarget: 0.8 } });
    for (const signal of [
      { loadBalancingUtilization: {} },
      { customMetricUtilizations: [{ metric: "m", utilizationTarget: 1 }] },
      { scalingSchedules: { day: schedule } },
    ] as JsonObject[]) {
      expect(policyOf(signal)).not.toHaveProperty("cpuUtilization");
    }
    expect(policyOf({ customMetricUtilizations: [], scalingSchedules: {} })).toHaveProperty("cpuUtilization");
  });

  it("put schedules into UTC", () => {
    expect(policyOf({ scalingSchedules: { day: schedule } })).toMatchObject({
      scalingSchedules: { day: { ...schedule, timeZone: "UTC", disabled: false } },
    });
  });
});

describe("accepted", () => {
  it.each<[string, JsonObject]>([
    ["nothing but sizes", {}],
    ["no room to scale", { minNumReplicas: 10 }],
    ["a group that may be empty", { minNumReplicas: 0 }],
    ["the whole CPU", { cpuUtilization: { utilizationTarget: 1, predictiveMethod: "OPTIMIZE_AVAILABILITY" } }],
    ["more than the balancing capacity", { loadBalancingUtilization: { utilizationTarget: 1.2 } }],
    ["a mode in small letters", { mode: "only_scale_out" }],
    ["the older name of a mode", { mode: "ONLY_UP" }],
    ["no waiting", { coolDownPeriodSec: 0, stabilizationPeriodSec: 0 }],
    ["numbers as text", { maxNumReplicas: "12", coolDownPeriodSec: "90" }],
    ["a fixed scale-in control", { scaleInControl: { maxScaledInReplicas: { fixed: 2 }, timeWindowSec: 600 } }],
    ["one in percent", { scaleInControl: { maxScaledInReplicas: { percent: 10 }, timeWindowSec: 60 } }],
    [
      "a schedule with a year and a zone",
      { scalingSchedules: { day: { ...schedule, schedule: "0 8 1 1 * 2030", timeZone: "America/New_York" } } },
    ],
    [
      "a metric with a filter",
      { customMetricUtilizations: [{ metric: "m", filter: 'resource.type = "instance_group"', singleInstanceAssignment: 3 }] },
    ],
  ])("%s", (_, policy) => {
    expect(faultsOf(autoscalers, scaler(policy))).toEqual([]);
  });
});

describe("refused", () => {
  const at = "resource.autoscalingPolicy";
  it.each<[JsonObject, string]>([
    [{ maxNumReplicas: null }, `Required field '${at}.maxNumReplicas' not specified`],
    [{ minNumReplicas: -1 }, `Invalid value for field '${at}.minNumReplicas': '-1'. Must be greater than or equal to 0`],
    [
      { minNumReplicas: 11 },
      `Invalid value for field '${at}.maxNumReplicas': '10'. Must be greater than or equal to minNumReplicas, which is 11.`,
    ],
    [{ maxNumReplicas: 2001 }, `Invalid value for field '${at}.maxNumReplicas': '2001'. Must be less than or equal to 2000`],
    [{ mode: "SOMETIMES" }, `Invalid value at '${at}.mode' (TYPE_ENUM), "SOMETIMES"`],
    [{ coolDownPeriodSec: -1 }, `Invalid value for field '${at}.coolDownPeriodSec': '-1'. Must be greater than or equal to 0`],
    [
      { stabilizationPeriodSec: 3601 },
      `Invalid value for field '${at}.stabilizationPeriodSec': '3601'. Must be less than or equal to 3600`,
    ],
    [
      { cpuUtilization: { utilizationTarget: 0 } },
      `Invalid value for field '${at}.cpuUtilization.utilizationTarget': '0'. Must be greater than 0 and less than or equal to 1.`,
    ],
    [
      { cpuUtilization: { utilizationTarget: 1.01 } },
      `Invalid value for field '${at}.cpuUtilization.utilizationTarget': '1.01'. Must be greater than 0 and less than or equal to 1.`,
    ],
    [
      { loadBalancingUtilization: { utilizationTarget: -1 } },
      `Invalid value for field '${at}.loadBalancingUtilization.utilizationTarget': '-1'. Must be greater than 0.`,
    ],
    [{ customMetricUtilizations: [{ utilizationTarget: 1 }] }, `Required field '${at}.customMetricUtilizations[0].metric' not specified`],
    [
      { customMetricUtilizations: [{ metric: "m" }] },
      `Required field '${at}.customMetricUtilizations[0]' not specified: exactly one of utilizationTarget, singleInstanceAssignment is needed`,
    ],
    [
      { customMetricUtilizations: [{ metric: "m", utilizationTarget: 1, singleInstanceAssignment: 1 }] },
      `Invalid value for field '${at}.customMetricUtilizations[0]': 'utilizationTarget, singleInstanceAssignment'. Only one of utilizationTarget, singleInstanceAssignment may be specified.`,
    ],
    [
      { customMetricUtilizations: [{ metric: "m", utilizationTarget: 1, filter: "a OR b" }] },
      `Invalid value for field '${at}.customMetricUtilizations[0].filter': 'a OR b'. Must be comparisons such as resource.type = "gce_instance", joined by AND.`,
    ],
    [{ scaleInControl: { timeWindowSec: 60 } }, `Required field '${at}.scaleInControl.maxScaledInReplicas' not specified`],
    [
      { scaleInControl: { maxScaledInReplicas: { fixed: 1 }, timeWindowSec: 59 } },
      `Invalid value for field '${at}.scaleInControl.timeWindowSec': '59'. Must be greater than or equal to 60`,
    ],
    [
      { scaleInControl: { maxScaledInReplicas: { percent: 101 }, timeWindowSec: 60 } },
      `Invalid value for field '${at}.scaleInControl.maxScaledInReplicas.percent': '101'. Must be less than or equal to 100`,
    ],
    [
      { scalingSchedules: { day: { ...schedule, durationSec: 299 } } },
      `Invalid value for field '${at}.scalingSchedules.day.durationSec': '299'. Must be greater than or equal to 300`,
    ],
    [
      { scalingSchedules: { day: { ...schedule, schedule: "8 o'clock" } } },
      `Invalid value for field '${at}.scalingSchedules.day.schedule': '8 o'clock'. Must be a cron expression: minute hour day month weekday, and optionally a year.`,
    ],
    [
      { scalingSchedules: { day: { ...schedule, timeZone: "Mars" } } },
      `Invalid value for field '${at}.scalingSchedules.day.timeZone': 'Mars'. Must be a name of the IANA time zone database, such as 'Europe/Paris'.`,
    ],
    [
      { scalingSchedules: { Day: schedule } },
      `Invalid value for field '${at}.scalingSchedules.Day': 'Day'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'`,
    ],
    [{ scalingSchedules: { day: {} } }, `Required field '${at}.scalingSchedules.day.minRequiredReplicas' not specified`],
  ])("%j", (policy, message) => {
    expect(faultsOf(autoscalers, scaler(policy))[0]).toBe(message);
  });

  it("more than 128 schedules, and an autoscaler of nothing", () => {
    const scalingSchedules = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`s${index}`, schedule]));
    expect(faultsOf(autoscalers, scaler({ scalingSchedules }))).toEqual([
      "Invalid value for field 'resource.autoscalingPolicy.scalingSchedules': '129 items'. Must have at most 128 items.",
    ]);
    expect(faultsOf(autoscalers, scaler({}, { target: "" }))).toEqual(["Required field 'resource.target' not specified"]);
  });
});

describe("filters of metrics", () => {
  it.each([
    ["", { resourceLabels: {}, metricLabels: {} }],
    ['resource.type = "gce_instance"', { resourceType: "gce_instance", resourceLabels: {}, metricLabels: {} }],
    [
      'resource.type=instance_group AND metric.labels.queue = "a b" AND resource.label.location = "z"',
      { resourceType: "instance_group", resourceLabels: { location: "z" }, metricLabels: { queue: "a b" } },
    ],
    ["resource.type != x", undefined],
    ['metric.labels.a = "x" OR metric.labels.a = "y"', undefined],
    ["metric.labels.a = starts_with(x)", undefined],
  ])("%j", (text, expected) => {
    expect(metricFilterOf(text)).toEqual(expected);
  });
});
