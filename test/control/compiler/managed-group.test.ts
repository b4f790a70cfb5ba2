import { describe, expect, test } from "vitest";
import { countOf, updateSpec } from "#control/compiler/managed-group.ts";
import type { InstanceGroupManager } from "#model/compute/instance-group-managers.ts";

/** Google's arithmetic of `updatePolicy` and of versions. */

type Policy = NonNullable<InstanceGroupManager["updatePolicy"]>;

describe("FixedOrPercent: a percentage of the size, rounded", () => {
  test.each<[{ fixed?: number; percent?: number }, number, number]>([
    [{ fixed: 0 }, 10, 0],
    [{ fixed: 3 }, 10, 3],
    [{ fixed: 30 }, 10, 30],
    [{ percent: 0 }, 10, 0],
    [{ percent: 100 }, 10, 10],
    // Google's own example.
    [{ percent: 80 }, 150, 120],
    [{ percent: 10 }, 10, 1],
    [{ percent: 10 }, 14, 1],
    [{ percent: 10 }, 15, 2],
    [{ percent: 10 }, 16, 2],
    [{ percent: 33 }, 10, 3],
    [{ percent: 35 }, 10, 4],
    [{ percent: 1 }, 49, 0],
    [{ percent: 1 }, 50, 1],
    [{ percent: 50 }, 11, 6],
    [{ percent: 20 }, 0, 0],
    [{}, 10, 0],
  ])("%j of %i is %i", (count, of, expected) => {
    expect(countOf(count, of)).toBe(expected);
  });
});

const zonal = "zones/us-central1-a";
const regional = "regions/us-central1";
const three = { zones: [{ zone: "zones/a" }, { zone: "zones/b" }, { zone: "zones/c" }] };
const two = { zones: three.zones.slice(0, 2) };

describe("surge and unavailable", () => {
  test.each<[string, string, InstanceGroupManager, number, number]>([
    ["zonal defaults", zonal, {}, 1, 1],
    ["regional defaults", regional, {}, 3, 3],
    ["as many as zones are listed", regional, { distributionPolicy: two }, 2, 2],
    ["three listed", regional, { distributionPolicy: three }, 3, 3],
    ["fixed surge", zonal, { updatePolicy: { maxSurge: { fixed: 4 } } }, 4, 1],
    ["fixed unavailable", zonal, { updatePolicy: { maxUnavailable: { fixed: 2 } } }, 1, 2],
    ["no surge", zonal, { updatePolicy: { maxSurge: { fixed: 0 }, maxUnavailable: { fixed: 3 } } }, 0, 3],
    ["none unavailable", zonal, { updatePolicy: { maxSurge: { fixed: 2 }, maxUnavailable: { fixed: 0 } } }, 2, 0],
    ["percent", zonal, { targetSize: 20, updatePolicy: { maxSurge: { percent: 20 }, maxUnavailable: { percent: 10 } } }, 4, 2],
    ["percent, rounded", zonal, { targetSize: 13, updatePolicy: { maxSurge: { percent: 20 }, maxUnavailable: { percent: 0 } } }, 3, 0],
    [
      "a percentage that comes to nothing",
      zonal,
      { targetSize: 12, updatePolicy: { maxSurge: { percent: 1 }, maxUnavailable: { percent: 1 } } },
      0,
      1,
    ],
    ["recreating makes none beside", zonal, { updatePolicy: { replacementMethod: "RECREATE" } }, 0, 1],
    ["recreating, regional", regional, { updatePolicy: { replacementMethod: "RECREATE" } }, 0, 3],
    [
      "recreating with a surge of 0",
      zonal,
      { updatePolicy: { replacementMethod: "RECREATE", maxSurge: { fixed: 0 }, maxUnavailable: { fixed: 2 } } },
      0,
      2,
    ],
    ["what keeps its state keeps its name", zonal, { statefulPolicy: { preservedState: {} } }, 0, 1],
  ])("%s", (...row) => {
    const [, scope, manager, maxSurge, maxUnavailable] = row;
    expect(updateSpec(manager, scope)).toMatchObject({ maxSurge, maxUnavailable });
  });
});

describe("the policy", () => {
  test.each<[string, Policy | undefined, object]>([
    ["absent", undefined, { type: "OPPORTUNISTIC", method: "SUBSTITUTE", minimalAction: "REPLACE", mostDisruptive: "REPLACE" }],
    ["proactive", { type: "PROACTIVE" }, { type: "PROACTIVE" }],
    ["opportunistic", { type: "OPPORTUNISTIC" }, { type: "OPPORTUNISTIC" }],
    ["restart at least", { minimalAction: "RESTART" }, { minimalAction: "RESTART", mostDisruptive: "REPLACE" }],
    [
      "refresh at most",
      { minimalAction: "NONE", mostDisruptiveAllowedAction: "REFRESH" },
      { minimalAction: "NONE", mostDisruptive: "REFRESH" },
    ],
    ["recreate", { replacementMethod: "RECREATE" }, { method: "RECREATE" }],
    ["substitute", { replacementMethod: "SUBSTITUTE" }, { method: "SUBSTITUTE" }],
  ])("%s", (_, updatePolicy, expected) => {
    expect(updateSpec(updatePolicy ? { updatePolicy } : {}, zonal)).toMatchObject(expected);
  });
});
