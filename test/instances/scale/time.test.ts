import { describe, expect, test } from "vitest";
import { noScaling } from "#instances/scale/plan.ts";
import type { ScheduleSpec } from "#instances/scale/spec.ts";
import { byCpu, byRate, policy, ScaledWorld } from "./groups.ts";

const minute = 60_000;
const hour = 60 * minute;

/** A load that all instances share. */
const shared = (cpus: number) => (_index: number, size: number) => cpus / size;

describe("scaling out", () => {
  test("goes to the needed size in one step", () => {
    const world = new ScaledWorld(2, policy({ cpu: { target: 0.5 } }));
    world.use = shared(3);
    world.pass(5 * minute);
    expect(world.sizes).toEqual([2, 6]);
  });

  test("waits until a load that has just begun is fully seen", () => {
    const world = new ScaledWorld(2, policy({ cpu: { target: 0.5 } }));
    world.use = shared(0.9);
    world.pass(minute);
    world.use = shared(3);
    world.pass(minute, 2_500);
    expect(world.sizes).toEqual([2, 6]);
  });

  test("does not wait for ever for a load that goes on growing", () => {
    const world = new ScaledWorld(2, policy({ cpu: { target: 0.5 }, max: 1_000 }));
    const began = world.now;
    world.use = (_index, size) => (2 * 1.02 ** ((world.now - began) / 1_000)) / size;
    world.pass(75_000);
    expect(world.sizes.length).toBeGreaterThan(1);
  });

  test("reacts within half a minute", () => {
    const world = new ScaledWorld(2, policy({ cpu: { target: 0.5 } }));
    world.use = shared(3);
    world.pass(30_000);
    expect(world.size).toBe(6);
  });

  test("is not undone while new instances take over", () => {
    const world = new ScaledWorld(2, policy({ cpu: { target: 0.5 }, coolDownMs: minute }));
    world.use = shared(3);
    world.pass(30_000);
    world.starting = 4;
    world.pass(30_000);
    world.starting = 0;
    world.pass(20 * minute);
    expect(world.sizes).toEqual([2, 6]);
  });

  test("minimum and maximum are obeyed at once", () => {
    const low = new ScaledWorld(2, policy({ ...byCpu, min: 4 }));
    low.plan();
    expect(low.sizes).toEqual([2, 4]);
    const high = new ScaledWorld(8, policy({ ...byCpu, max: 5 }));
    high.plan();
    expect(high.sizes).toEqual([8, 5]);
  });
});

describe("stabilization", () => {
  test("keeps the size for ten minutes after the load has gone, and then takes all that is too much", () => {
    const world = new ScaledWorld(2, policy({ cpu: { target: 0.5 } }));
    world.use = shared(3);
    world.pass(2 * minute);
    expect(world.size).toBe(6);
    world.use = shared(0.9);
    world.pass(10 * minute - 10_000);
    expect(world.sizes).toEqual([2, 6]);
    world.pass(30_000);
    expect(world.sizes).toEqual([2, 6, 2]);
  });

  test("goes by the peak of the period", () => {
    const world = new ScaledWorld(2, policy({ ...byRate(10, 1) }));
    let rate = 60;
    world.signals = () => ({ loads: [{ backendService: "global/backendServices/web", requestsPerSecond: rate }] });
    world.pass(minute);
    rate = 20;
    world.pass(5 * minute);
    rate = 40;
    world.pass(minute);
    rate = 20;
    world.pass(4 * minute + 20_000);
    expect(world.sizes).toEqual([2, 6, 4]);
    world.pass(6 * minute);
    expect(world.sizes).toEqual([2, 6, 4, 2]);
  });

  test.each([minute, 30 * minute])("lasts %d ms where the policy says so", (stabilizationMs) => {
    const world = new ScaledWorld(6, policy({ ...byCpu, stabilizationMs }));
    world.pass(stabilizationMs - 10_000);
    expect(world.sizes).toEqual([6]);
    world.pass(30_000);
    expect(world.sizes).toEqual([6, 1]);
  });

  test("begins anew when what was known is lost", () => {
    const world = new ScaledWorld(6, policy(byCpu));
    world.pass(9 * minute);
    world.state = noScaling;
    world.pass(9 * minute);
    expect(world.sizes).toEqual([6]);
    world.pass(2 * minute);
    expect(world.sizes).toEqual([6, 1]);
  });

  test("recommends what it will do, and the mode decides", () => {
    const only = new ScaledWorld(6, policy({ ...byCpu, mode: "ONLY_SCALE_OUT" }));
    expect(only.pass(11 * minute).recommendedSize).toBe(1);
    expect(only.sizes).toEqual([6]);
    only.use = shared(4.2);
    only.pass(minute);
    expect(only.sizes).toEqual([6, 7]);
    const off = new ScaledWorld(2, policy({ ...byCpu, mode: "OFF" }));
    off.use = () => 1;
    expect(off.pass(minute).recommendedSize).toBe(4);
    expect(off.sizes).toEqual([2]);
  });
});

describe("scale-in control", () => {
  test("takes no more than so many within its window", () => {
    const world = new ScaledWorld(10, policy({ ...byCpu, stabilizationMs: 0, scaleIn: { most: { fixed: 2 }, windowMs: 5 * minute } }));
    world.pass(4 * minute);
    expect(world.sizes).toEqual([10, 8]);
    world.pass(6 * minute + 10_000);
    expect(world.sizes).toEqual([10, 8, 6, 4]);
  });

  test("a share is of the greatest size in the window, rounded up", () => {
    const world = new ScaledWorld(9, policy({ ...byCpu, stabilizationMs: 0, scaleIn: { most: { percent: 25 }, windowMs: 5 * minute } }));
    world.pass(minute);
    expect(world.sizes).toEqual([9, 6]);
  });

  test("none at all may be taken", () => {
    const world = new ScaledWorld(9, policy({ ...byCpu, stabilizationMs: 0, scaleIn: { most: { fixed: 0 }, windowMs: minute } }));
    world.pass(hour);
    expect(world.sizes).toEqual([9]);
  });
});

describe("schedules", () => {
  const eight: ScheduleSpec = { name: "day", cron: "0 8 * * *", timeZone: "UTC", durationMs: 2 * hour, required: 5, disabled: false };
  const at = (time: string) => Date.parse(`2026-12-01T${time}Z`);
  const world = (time: string, schedules: readonly ScheduleSpec[]) => {
    const made = new ScaledWorld(1, policy({ stabilizationMs: 0, max: 8, schedules }));
    made.now = at(time);
    return made;
  };

  test.each<[string, readonly ScheduleSpec[], number]>([
    ["07:59:59", [eight], 1],
    ["08:00:00", [eight], 5],
    ["09:59:59", [eight], 5],
    ["10:00:00", [eight], 1],
    ["08:00:00", [{ ...eight, disabled: true }], 1],
    ["08:00:00", [{ ...eight, timeZone: "Europe/Paris" }], 5],
    ["09:30:00", [{ ...eight, timeZone: "Europe/Paris" }], 1],
    ["07:00:00", [{ ...eight, timeZone: "Europe/Paris" }], 5],
    ["08:30:00", [eight, { ...eight, name: "more", cron: "30 8 * * *", required: 7 }], 7],
    ["10:15:00", [eight, { ...eight, name: "more", cron: "30 8 * * *", required: 7 }], 7],
    ["08:30:00", [{ ...eight, required: 20 }], 8],
    ["08:00:00", [{ ...eight, cron: "0 8 * * * 2025" }], 1],
    ["08:00:00", [{ ...eight, cron: "0 8 * * * 2026" }], 5],
    ["08:00:00", [{ ...eight, cron: "0 8 * * Tue" }], 5],
    ["08:00:00", [{ ...eight, cron: "0 8 * * Wed" }], 1],
  ])("at %s", (time, schedules, wanted) => {
    expect(world(time, schedules).plan().recommendedSize).toBe(wanted);
  });

  test("raise the size at once and keep it no longer than stabilization", () => {
    const made = world("07:59:00", [eight]);
    made.spec = { ...made.spec, stabilizationMs: 10 * minute };
    made.pass(2 * minute);
    expect(made.sizes).toEqual([1, 5]);
    made.pass(2 * hour);
    expect(made.sizes).toEqual([1, 5]);
    made.pass(10 * minute);
    expect(made.sizes).toEqual([1, 5, 1]);
  });

  test("tell when they were and will be", () => {
    const schedules = [
      eight,
      { ...eight, name: "off", disabled: true },
      { ...eight, name: "past", cron: "0 8 1 1 * 2026" },
      { ...eight, name: "later", cron: "0 20 * * *" },
    ];
    expect(world("08:30:00", schedules).plan().schedules).toEqual([
      { name: "day", state: "ACTIVE", lastStartMs: at("08:00:00"), nextStartMs: at("08:00:00") + 24 * hour },
      { name: "off", state: "DISABLED", lastStartMs: at("08:00:00"), nextStartMs: at("08:00:00") + 24 * hour },
      { name: "past", state: "OBSOLETE", lastStartMs: Date.UTC(2026, 0, 1, 8) },
      { name: "later", state: "READY", lastStartMs: at("20:00:00") - 24 * hour, nextStartMs: at("20:00:00") },
    ]);
  });

  test("that ask for more than the maximum or less than the minimum are named", () => {
    const made = world("08:30:00", [
      { ...eight, required: 9 },
      { ...eight, name: "few", required: 1 },
    ]);
    made.spec = { ...made.spec, min: 2 };
    expect(made.plan().details).toEqual([
      "CAPPED_AT_MAX_NUM_REPLICAS",
      "SCHEDULED_INSTANCES_GREATER_THAN_AUTOSCALER_MAX",
      "SCHEDULED_INSTANCES_LESS_THAN_AUTOSCALER_MIN",
    ]);
  });
});
