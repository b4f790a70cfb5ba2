import { describe, expect, test } from "vitest";
import { spreadOf, zoneOf, zonesOf } from "#control/compiler/spread.ts";
import type { InstanceGroupManager } from "#model/compute/instance-group-managers.ts";

const us = "regions/us-central1";
const listed = (...zones: string[]): InstanceGroupManager => ({ distributionPolicy: { zones: zones.map((zone) => ({ zone })) } });
const shaped = (targetShape: string, instanceRedistributionType?: string): InstanceGroupManager => ({
  distributionPolicy: { targetShape },
  ...(instanceRedistributionType !== undefined && { updatePolicy: { instanceRedistributionType } }),
});

describe("the zones of a group", () => {
  test.each<[string, string, InstanceGroupManager, string[]]>([
    ["a zonal one has its own", "zones/us-central1-b", {}, ["us-central1-b"]],
    ["a zonal one is not spread", "zones/us-central1-b", listed("zones/us-central1-a"), ["us-central1-b"]],
    ["a region's first three", us, {}, ["us-central1-a", "us-central1-b", "us-central1-c"]],
    ["a region that has no zone a", "regions/us-east1", {}, ["us-east1-b", "us-east1-c", "us-east1-d"]],
    ["a region that we do not know", "regions/mars-north1", {}, ["mars-north1-a", "mars-north1-b", "mars-north1-c"]],
    [
      "those listed, in their order",
      us,
      listed("zones/us-central1-f", "projects/demo/zones/us-central1-a"),
      ["us-central1-f", "us-central1-a"],
    ],
    ["each once", us, listed("zones/us-central1-f", "us-central1-f"), ["us-central1-f"]],
    ["an empty list is none", us, listed(), ["us-central1-a", "us-central1-b", "us-central1-c"]],
  ])("%s", (_what, scope, manager, zones) => {
    expect(zonesOf(scope, manager)).toEqual(zones);
  });

  test.each([
    ["zones/us-east1-d", "us-east1-d"],
    ["regions/us-east1", "us-east1-b"],
    ["global", "global"],
  ])("what is in %s and has no zone of its own is in %s", (scope, zone) => {
    expect(zoneOf(scope)).toBe(zone);
  });
});

describe("how a regional group is spread", () => {
  test.each<[InstanceGroupManager, boolean, boolean]>([
    [{}, false, true],
    [shaped("EVEN"), false, true],
    [shaped("EVEN", "PROACTIVE"), false, true],
    [shaped("EVEN", "NONE"), false, false],
    [shaped("BALANCED"), false, false],
    [shaped("ANY", "PROACTIVE"), false, false],
    [shaped("ANY_SINGLE_ZONE"), true, false],
  ])("%j", (manager, singleZone, redistributes) => {
    expect(spreadOf(us, manager)).toEqual({ spread: { zones: zonesOf(us, manager), singleZone, redistributes } });
  });

  test("a zonal one is not", () => {
    expect(spreadOf("zones/us-central1-a", shaped("EVEN"))).toEqual({});
  });
});
