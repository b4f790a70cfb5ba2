import { describe, expect, test } from "vitest";
import { addSignals, noSamples } from "#instances/scale/samples.ts";
import { noScaling, planScaling } from "#instances/scale/plan.ts";
import type { AutoscalingSpec, MetricPoint, MetricSpec, ScalingDetail } from "#instances/scale/spec.ts";
import { byCpu, byRate, policy, ScaledWorld } from "./groups.ts";

const minute = 60_000;

describe("by CPU, the size is use over target, rounded up", () => {
  test.each([
    // size, CPUs used by each, target, wanted
    [2, 0.6, 0.6, 2],
    [2, 0.61, 0.6, 3],
    [2, 0.9, 0.6, 3],
    [3, 0.9, 0.6, 5],
    [2, 1, 0.5, 4],
    [2, 1, 1 / 3, 6],
    [4, 1, 0.6, 7],
    [5, 0.72, 0.6, 6],
    [10, 0.6, 0.6, 10],
    [1, 1, 0.1, 10],
    [1, 3, 0.1, 10],
    [3, 0.6, 0.9, 3],
  ])("%d instances at %d, target %d: %d", (size, use, target, wanted) => {
    const world = new ScaledWorld(size, policy({ cpu: { target } }));
    world.use = () => use;
    world.spec = { ...world.spec, mode: "OFF" };
    expect(world.pass(minute).recommendedSize).toBe(wanted);
  });

  test("a machine with four CPUs uses a share of them", () => {
    const world = new ScaledWorld(2, policy({ ...byCpu, mode: "OFF" }));
    world.cpus = 4;
    world.use = () => 3.6;
    expect(world.pass(minute).recommendedSize).toBe(3);
  });

  test("uneven instances count by their mean", () => {
    const world = new ScaledWorld(4, policy({ ...byCpu, mode: "OFF" }));
    world.use = (index) => (index === 0 ? 1 : 0.6);
    expect(world.pass(minute).recommendedSize).toBe(5);
  });

  test("instances in their cool-down do not ask for more", () => {
    const world = new ScaledWorld(4, policy({ ...byCpu, mode: "OFF" }));
    world.starting = 2;
    world.use = (index) => (index < 2 ? 0.6 : 5);
    expect(world.pass(minute).recommendedSize).toBe(4);
  });

  test("nor do they make load look like less", () => {
    const world = new ScaledWorld(4, policy({ ...byCpu, mode: "OFF", stabilizationMs: 0 }));
    world.starting = 2;
    world.use = (index) => (index < 2 ? 0.1 : 0.6);
    expect(world.pass(minute).recommendedSize).toBe(3);
  });

  test("a group is not emptied for want of load", () => {
    const world = new ScaledWorld(3, policy({ ...byCpu, min: 0, stabilizationMs: 0 }));
    expect(world.pass(minute).recommendedSize).toBe(1);
  });

  test("without figures the size stays", () => {
    const report = planScaling(noScaling, new ScaledWorld(4, policy({ ...byCpu, stabilizationMs: 0 })).group, 1_000).state.report;
    expect(report).toEqual({ recommendedSize: 4, status: "ACTIVE", details: [], schedules: [] });
  });
});

describe("fractions", () => {
  test.each([
    // Google: a need of 1.5 more adds 2, a need of 1.5 fewer removes 1.
    [4, 5.5, 6],
    [4, 2.5, 3],
    [4, 4, 4],
    [4, 4.000_000_000_1, 4],
    [4, 4.01, 5],
    [4, 3.99, 4],
    [4, 3, 3],
  ])("%d instances of which %d are needed become %d", (size, needed, wanted) => {
    const world = new ScaledWorld(size, policy({ ...byRate(10, 1), stabilizationMs: 0 }));
    world.signals = () => ({ loads: [{ backendService: "global/backendServices/web", requestsPerSecond: needed * 10 }] });
    expect(world.pass(minute).recommendedSize).toBe(wanted);
  });
});

describe("by balancing capacity", () => {
  const web = "global/backendServices/web";
  const load = (requestsPerSecond: number) => () => ({ loads: [{ backendService: web, requestsPerSecond }] });

  test.each([
    [48, 10, 0.8, 6],
    [48.1, 10, 0.8, 7],
    [40, 10, 0.8, 5],
    [1, 100, 0.8, 1],
    [90, 10, 1, 9],
    [0, 10, 0.8, 1],
    [15, 10, 1.5, 1],
  ])("%d requests/s, %d for each instance, target %d: %d", (rate, perInstance, target, wanted) => {
    const world = new ScaledWorld(1, policy({ ...byRate(perInstance, target), mode: "OFF" }));
    world.signals = load(rate);
    expect(world.pass(minute)).toMatchObject({ recommendedSize: wanted, status: "ACTIVE" });
  });

  test("the rates of several backend services add up", () => {
    const backends = ["a", "b"].map((name) => ({ backendService: name, capacity: { kind: "RATE", perInstance: 10 } as const }));
    const world = new ScaledWorld(1, policy({ loadBalancing: { target: 1, backends }, mode: "OFF" }));
    world.signals = () => ({ loads: backends.map(({ backendService }) => ({ backendService, requestsPerSecond: 25 })) });
    expect(world.pass(minute).recommendedSize).toBe(5);
  });

  test("utilization is of CPU: 80 % of a backend's 80 % is 64 %", () => {
    const backends = [{ backendService: web, capacity: { kind: "UTILIZATION", max: 0.8 } as const }];
    const world = new ScaledWorld(4, policy({ loadBalancing: { target: 0.8, backends }, mode: "OFF" }));
    world.use = () => 0.64;
    expect(world.pass(minute).recommendedSize).toBe(4);
    world.use = () => 0.8;
    expect(world.pass(minute).recommendedSize).toBe(5);
  });

  test.each<[string, AutoscalingSpec["loadBalancing"], string, ScalingDetail]>([
    ["no backend service", { target: 0.8, backends: [] }, "ERROR", "BACKEND_SERVICE_DOES_NOT_EXIST"],
    [
      "a limit of the whole group",
      { target: 0.8, backends: [{ backendService: web, capacity: { kind: "UNSUPPORTED" } }] },
      "ERROR",
      "UNSUPPORTED_MAX_RATE_LOAD_BALANCING_CONFIGURATION",
    ],
    ["no figures", byRate(10).loadBalancing, "ACTIVE", "MISSING_LOAD_BALANCING_DATA_POINTS"],
  ])("%s is said, and the size stays", (_, loadBalancing, status, detail) => {
    const world = new ScaledWorld(4, policy({ ...(loadBalancing && { loadBalancing }), stabilizationMs: 0 }));
    expect(world.pass(minute)).toMatchObject({ recommendedSize: 4, status, details: [detail] });
  });

  test("figures that are a minute old say nothing", () => {
    const world = new ScaledWorld(4, policy({ ...byRate(10), stabilizationMs: 0 }));
    world.signals = load(32);
    world.pass(minute);
    world.signals = () => ({});
    expect(world.pass(2 * minute)).toMatchObject({ recommendedSize: 4, details: ["MISSING_LOAD_BALANCING_DATA_POINTS"] });
  });
});

describe("by custom metrics", () => {
  const metric = "custom.googleapis.com/queue_depth";
  const base: MetricSpec = { metric, resourceLabels: {}, metricLabels: {}, type: "GAUGE", goal: { kind: "UTILIZATION", value: 10 } };
  const point = (value: number, endMs: number, more: Partial<MetricPoint> = {}): MetricPoint => ({
    metric,
    metricLabels: {},
    kind: "GAUGE",
    resourceType: "gce_instance",
    resourceLabels: {},
    endMs,
    value,
    ...more,
  });
  const recommended = (spec: MetricSpec, points: readonly MetricPoint[]) => {
    const world = new ScaledWorld(2, policy({ metrics: [spec], mode: "OFF" }));
    for (let at = 0; at < 4; at++) {
      const samples = addSignals(
        world.state.samples,
        { points: points.map((one) => ({ ...one, ...shifted(one, at * 100_000) })) },
        world.now,
      );
      world.state = { ...world.state, samples };
      world.plan();
      world.now += 10_000;
    }
    return world.plan();
  };
  const shifted = ({ startMs, endMs }: MetricPoint, byMs: number) => ({
    endMs: endMs + byMs,
    ...(startMs !== undefined && { startMs: startMs + byMs }),
  });
  const perInstance = (first: number, second: number, more: Partial<MetricPoint> = {}) => [
    point(first, 1_000, { instanceId: "1", ...more }),
    point(second, 1_000, { instanceId: "2", ...more }),
  ];
  const growing = (perSecond: number, more: Partial<MetricPoint>) => [point(0, 0, more), point(perSecond * 100, 100_000, more)];

  test.each<[string, MetricSpec, readonly MetricPoint[], number]>([
    ["a gauge of each instance is held at its target", base, perInstance(20, 30), 5],
    ["an instance without figures asks for no more", base, [point(35, 1_000, { instanceId: "1" })], 4],
    ["a gauge of the group is held by all instances", base, [point(25, 1_000)], 5],
    ["one instance does so much of the group's work", { ...base, goal: { kind: "ASSIGNMENT", value: 4 } }, [point(25, 1_000)], 7],
    [
      "series of one instance add up",
      base,
      [...perInstance(10, 10, { metricLabels: { q: "a" } }), ...perInstance(10, 10, { metricLabels: { q: "b" } })],
      4,
    ],
    [
      "of which a filter takes some",
      { ...base, metricLabels: { q: "a" } },
      [...perInstance(10, 10, { metricLabels: { q: "a" } }), ...perInstance(90, 90, { metricLabels: { q: "b" } })],
      2,
    ],
    ["a share of time per second", { ...base, type: "DELTA_PER_SECOND" }, perInstance(200, 400, { kind: "DELTA", startMs: -9_000 }), 6],
    [
      "and per minute",
      { ...base, type: "DELTA_PER_MINUTE", goal: { kind: "UTILIZATION", value: 600 } },
      perInstance(200, 400, { kind: "DELTA", startMs: -9_000 }),
      6,
    ],
  ])("%s", (_, spec, points, wanted) => {
    expect(recommended(spec, points)).toMatchObject({ recommendedSize: wanted, details: ["MODE_OFF"] });
  });

  test("a count that goes on is read as its growth", () => {
    const spec: MetricSpec = { ...base, type: "DELTA_PER_SECOND", goal: { kind: "ASSIGNMENT", value: 10 } };
    const world = new ScaledWorld(2, policy({ metrics: [spec], mode: "OFF" }));
    for (const [index, one] of [
      ...growing(55, { kind: "CUMULATIVE", startMs: -1 }),
      point(11_000, 200_000, { kind: "CUMULATIVE", startMs: -1 }),
    ].entries()) {
      world.state = { ...world.state, samples: addSignals(world.state.samples, { points: [one] }, world.now) };
      world.plan();
      world.now += 20_000 + index;
    }
    expect(world.plan().recommendedSize).toBe(6);
  });

  test.each<[string, MetricSpec, readonly MetricPoint[], ScalingDetail]>([
    ["no series", base, [], "MISSING_CUSTOM_METRIC_DATA_POINTS"],
    [
      "series of other resources only",
      { ...base, resourceType: "instance_group" },
      perInstance(90, 90),
      "MISSING_CUSTOM_METRIC_DATA_POINTS",
    ],
    [
      "series with another label only",
      { ...base, resourceLabels: { zone: "a" } },
      perInstance(90, 90),
      "MISSING_CUSTOM_METRIC_DATA_POINTS",
    ],
  ])("%s: the size stays", (_, spec, points, detail) => {
    expect(recommended(spec, points)).toMatchObject({ recommendedSize: 2, details: ["MODE_OFF", detail] });
  });

  test("one point of a growing count says nothing", () => {
    const world = new ScaledWorld(2, policy({ metrics: [{ ...base, type: "DELTA_PER_SECOND" }] }));
    world.signals = () => ({ points: [point(5, 1_000)] });
    expect(world.pass(minute)).toMatchObject({ recommendedSize: 2, details: ["CUSTOM_METRIC_DATA_POINTS_TOO_SPARSE"] });
  });

  test("instances that are gone do not count", () => {
    const samples = addSignals(
      noSamples,
      { points: perInstance(20, 20).map((one) => ({ ...one, instanceId: `old-${one.instanceId}` })) },
      0,
    );
    const world = new ScaledWorld(2, policy({ metrics: [base] }));
    world.state = { ...world.state, samples };
    expect(world.plan().details).toEqual(["MISSING_CUSTOM_METRIC_DATA_POINTS"]);
  });
});

describe("several signals", () => {
  test("the greatest need counts", () => {
    const world = new ScaledWorld(2, policy({ ...byCpu, ...byRate(10, 1), mode: "OFF" }));
    world.use = () => 0.9;
    world.signals = () => ({ loads: [{ backendService: "global/backendServices/web", requestsPerSecond: 70 }] });
    expect(world.pass(minute).recommendedSize).toBe(7);
  });

  test("one without figures does not hinder growing, and hinders shrinking", () => {
    const growing = new ScaledWorld(2, policy({ ...byCpu, ...byRate(10, 1), stabilizationMs: 0 }));
    growing.use = (_index, size) => 1.8 / size;
    growing.pass(minute);
    expect(growing.sizes).toEqual([2, 3]);
    const shrinking = new ScaledWorld(5, policy({ ...byCpu, ...byRate(10, 1), stabilizationMs: 0 }));
    shrinking.pass(minute);
    expect(shrinking.sizes).toEqual([5]);
  });
});

describe("details", () => {
  const details = (changes: Partial<AutoscalingSpec>, use = 0) => {
    const world = new ScaledWorld(2, policy({ ...byCpu, ...changes }));
    world.use = () => use;
    return world.pass(minute).details;
  };

  test.each<[Partial<AutoscalingSpec>, number, ScalingDetail[]]>([
    [{}, 0.5, []],
    [{ mode: "OFF" }, 0.5, ["MODE_OFF"]],
    [{ mode: "ONLY_SCALE_OUT" }, 0.5, ["MODE_ONLY_SCALE_OUT"]],
    [{ mode: "ONLY_UP" }, 0.5, ["MODE_ONLY_UP"]],
    [{ min: 2, max: 2 }, 0.5, ["MIN_EQUALS_MAX"]],
    [{ max: 3 }, 1, ["CAPPED_AT_MAX_NUM_REPLICAS"]],
    [{ max: 3, mode: "OFF" }, 1, ["MODE_OFF", "CAPPED_AT_MAX_NUM_REPLICAS"]],
  ])("of %j at %d: %j", (changes, use, expected) => {
    expect(details(changes, use)).toEqual(expected);
  });

  test("all instances unhealthy", () => {
    const { group } = new ScaledWorld(2, policy(byCpu));
    expect(planScaling(noScaling, { ...group, allUnhealthy: true }, 0).state.report.details).toEqual(["ALL_INSTANCES_UNHEALTHY"]);
  });
});
