import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Cluster, Endpoint, EndpointGroup, Locality } from "#ir/cluster.ts";
import { targetOf } from "#proxy/balance/balancer.ts";
import { StatsBook } from "#proxy/balance/stats.ts";
import { loadsOf, type Tier, tiersOf } from "#proxy/balance/tiers.ts";
import { cluster, endpoint } from "../fixture.ts";

const locality: Locality = {
  algorithm: "WATERFALL_BY_REGION",
  zone: "us-central1-a",
  failoverHealthThreshold: 70,
  autoCapacityDrain: false,
};

/** A group of so many endpoints, so many of them healthy. */
function group(name: string, { healthy, of, zone = "us-central1-a" }: { healthy: number; of: number; zone?: string }): EndpointGroup {
  const endpoints = Array.from({ length: of }, (_, index) =>
    endpoint(`${name}-${index}`, `10.0.0.${index}`, { zone, health: index < healthy ? "HEALTHY" : "UNHEALTHY" }),
  );
  return { group: name, capacityScaler: 1, endpoints };
}

function tiers(groups: readonly EndpointGroup[], where?: Locality): Tier[] {
  const stats = new StatsBook();
  return tiersOf(groups, where, (name, each) => targetOf(name, each, { stats, now: 0 }));
}

/** Shares in percent, rounded, with an exclamation mark where health is disregarded. */
function spread(groups: readonly EndpointGroup[], more: Partial<Cluster> = {}, ejected: readonly number[] = []): string[] {
  const made = tiers(groups, more.locality);
  const out = made.map((tier, index) => tier.groups.flatMap(({ healthy }) => healthy).slice(0, ejected[index] ?? 0));
  return loadsOf(made, cluster("c", groups, more), out).map(
    ({ share, isPanicking }) => `${Math.round(share * 100)}${isPanicking ? "!" : ""}`,
  );
}

const twoTiers = (first: number, second: number): EndpointGroup[] => [
  { ...group("first", { healthy: first, of: 100 }), preferred: true },
  group("second", { healthy: second, of: 100 }),
];

describe("shares by health", () => {
  // Envoy's documentation, `panic_threshold`, with 1.4 as the overprovisioning factor.
  test.each([
    [72, 72, ["100", "0"]],
    [71, 71, ["99", "1"]],
    [50, 60, ["70", "30"]],
    [25, 100, ["35", "65"]],
    [25, 25, ["50!", "50!"]],
    [5, 65, ["7!", "93"]],
    [0, 100, ["0", "100"]],
    [0, 0, ["50!", "50!"]],
  ])("%i %% and %i %% healthy", (first, second, expected) => expect(spread(twoTiers(first, second))).toEqual(expected));

  test("the failover threshold of a locality takes the place of 1 / 1.4", () => {
    expect(spread(twoTiers(70, 100), { locality })).toEqual(["100", "0"]);
    expect(spread(twoTiers(35, 100), { locality })).toEqual(["50", "50"]);
    expect(spread(twoTiers(35, 100), { locality: { ...locality, failoverHealthThreshold: 35 } })).toEqual(["100", "0"]);
  });

  test("a threshold of 0 never disregards health; one of 100 nearly always", () => {
    expect(spread(twoTiers(0, 0), { panicPercent: 0 })).toEqual(["0", "0"]);
    expect(spread(twoTiers(5, 10), { panicPercent: 0 })).toEqual(["33", "67"]);
    expect(spread(twoTiers(99, 99), { panicPercent: 100 })).toEqual(["100", "0"]);
    expect(spread(twoTiers(60, 10), { panicPercent: 100 })).toEqual(["50!", "50!"]);
  });

  test("the ejected count as unhealthy", () => {
    expect(spread(twoTiers(100, 100), {}, [75, 0])).toEqual(["35", "65"]);
  });

  test("endpoints of less weight are worth less, and no less healthy", () => {
    const light = (name: string, of: number): EndpointGroup => ({
      ...group(name, { healthy: of, of }),
      endpoints: group(name, { healthy: of, of }).endpoints.map((each) => ({ ...each, weight: 0.01 })),
    });
    const near = { ...light("near", 10), preferred: true };
    expect(spread([near, group("far", { healthy: 10, of: 10 })])).toEqual(["1", "99"]);
    expect(spread([near, light("far", 10)])).toEqual(["50", "50"]);
    expect(spread([near])).toEqual(["100"]);
    expect(spread([near, group("far", { healthy: 0, of: 10 })])).toEqual(["100", "0!"]);
  });

  test("one tier alone takes everything", () => {
    expect(spread([group("g", { healthy: 3, of: 4 })])).toEqual(["100"]);
    expect(spread([group("g", { healthy: 1, of: 4 })])).toEqual(["100!"]);
    expect(spread([])).toEqual([]);
  });

  test("shares are never negative and add up to all, unless nobody may be asked", () => {
    const count = fc.integer({ min: 0, max: 20 });
    const part = fc.record({ healthy: count, sick: count, preferred: fc.boolean() });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), fc.integer({ min: 0, max: 100 }), (parts, panicPercent) => {
        const zones = ["us-central1-a", "us-central1-b", "us-east1-a", "europe-west1-b", "asia-east1-a"];
        const groups = parts.map(({ healthy, sick, preferred }, index) => ({
          ...group(`g${index}`, { healthy, of: healthy + sick, zone: zones[index] ?? "" }),
          preferred,
        }));
        const where: Locality = { ...locality, algorithm: "WATERFALL_BY_ZONE" };
        const made = tiers(groups, where);
        const loads = loadsOf(made, cluster("c", groups, { panicPercent, locality: where }), []);
        const total = loads.reduce((sum, { share }) => sum + share, 0);
        const healthy = made.some((tier) => tier.groups.some((each) => each.healthy.length > 0));
        expect(loads.every(({ share }) => share >= 0)).toBe(true);
        if (made.length > 0 && (healthy || panicPercent > 0)) expect(total).toBeCloseTo(1, 9);
        else expect(total).toBe(0);
      }),
    );
  });
});

describe("places", () => {
  const everywhere = [
    group("far", { healthy: 1, of: 1, zone: "asia-east1-a" }),
    group("near", { healthy: 1, of: 1, zone: "us-east1-b" }),
    group("next", { healthy: 1, of: 1, zone: "us-central1-b" }),
    group("here", { healthy: 1, of: 1, zone: "us-central1-a" }),
  ];
  const order = (where: Locality | undefined): string[] =>
    tiers(everywhere, where).map(({ place, groups }) => `${place}: ${groups.map(({ name }) => name).join(" ")}`);

  test.each([
    ["WATERFALL_BY_ZONE", ["same zone: here", "same region: next", "same continent: near", "elsewhere: far"]],
    ["WATERFALL_BY_REGION", ["same region: next here", "same continent: near", "elsewhere: far"]],
    ["SPRAY_TO_REGION", ["same region: next here", "same continent: near", "elsewhere: far"]],
    ["SPRAY_TO_WORLD", ["anywhere: far near next here"]],
  ] as const)("%s", (algorithm, expected) => expect(order({ ...locality, algorithm })).toEqual(expected));

  test("a proxy that is nowhere has no near and far", () => {
    const { zone: _, ...nowhere } = locality;
    expect(order(nowhere)).toEqual(["anywhere: far near next here"]);
    expect(order(undefined)).toEqual(["anywhere: far near next here"]);
  });

  test.each([
    ["STRICT", "WATERFALL_BY_ZONE", "us-central1-a", ["same zone: here", "same region: next"]],
    ["STRICT", "SPRAY_TO_WORLD", "us-central1-a", ["same region: next here"]],
    ["STRICT", "WATERFALL_BY_REGION", "africa-south1-a", []],
    ["NEAREST", "WATERFALL_BY_REGION", "us-central1-a", ["same region: next here"]],
    ["NEAREST", "WATERFALL_BY_REGION", "us-west1-a", ["same continent: near next here"]],
    ["NEAREST", "WATERFALL_BY_REGION", "africa-south1-a", ["elsewhere: far near next here"]],
  ] as const)("%s isolation with %s, seen from %s", (isolation, algorithm, zone, expected) =>
    expect(order({ ...locality, isolation, algorithm, zone })).toEqual(expected),
  );

  test("preferred groups come before the others, wherever they are", () => {
    const groups = [
      group("here", { healthy: 1, of: 1 }),
      { ...group("far", { healthy: 1, of: 1, zone: "asia-east1-a" }), preferred: true },
      { ...group("near", { healthy: 1, of: 1, zone: "us-east1-b" }), preferred: true },
    ];
    expect(tiers(groups, locality).map(({ place }) => place)).toEqual([
      "preferred, same continent",
      "preferred, elsewhere",
      "not preferred, same region",
    ]);
  });

  test("a group whose endpoints lie apart is parted", () => {
    const endpoints = ["us-central1-a", "us-central1-b", "us-central1-a"].map((zone, index) =>
      endpoint(`i${index}`, `10.0.0.${index}`, { zone }),
    );
    const parted: EndpointGroup = { group: "g", capacityScaler: 1, endpoints, capacity: { mode: "RATE", max: 30, perEndpoint: false } };
    const made = tiers([parted], { ...locality, algorithm: "WATERFALL_BY_ZONE" });
    expect(made.map(({ groups }) => groups.map(({ healthy, capacity }) => [healthy.length, capacity?.max]))).toEqual([
      [[2, 20]],
      [[1, 10]],
    ]);
  });
});

describe("who takes part", () => {
  const states: Endpoint["health"][] = ["HEALTHY", "UNHEALTHY", "DRAINING", "UNKNOWN"];
  const mixed: EndpointGroup = {
    group: "g",
    capacityScaler: 1,
    endpoints: states.map((health, index) => endpoint(health, `10.0.0.${index}`, { health })),
  };

  test("neither those that drain nor those that were not probed yet, whatever is disregarded", () => {
    const [tier] = tiers([mixed]);
    const seen = tier?.groups.map(({ healthy, unhealthy }) =>
      [healthy, unhealthy].map((each) => each.map((target) => target.endpoint.instance)),
    );
    expect(seen).toEqual([[["HEALTHY"], ["UNHEALTHY"]]]);
  });

  test("no group whose scaler is 0", () => {
    expect(tiers([{ ...mixed, capacityScaler: 0 }])).toEqual([]);
  });

  test("auto-capacity drain takes out groups with less than a quarter of their endpoints, at most half of the groups, the worst first", () => {
    const drain = { ...locality, autoCapacityDrain: true };
    const names = (groups: EndpointGroup[]): string[] => tiers(groups, drain).flatMap((tier) => tier.groups.map(({ name }) => name));
    const well = group("well", { healthy: 4, of: 4 });
    const quarter = group("quarter", { healthy: 1, of: 4 });
    const bad = group("bad", { healthy: 1, of: 5 });
    const worse = group("worse", { healthy: 0, of: 5 });
    expect(names([well, quarter, bad])).toEqual(["well", "quarter"]);
    expect(names([well, bad, worse])).toEqual(["well", "bad"]);
    expect(names([worse])).toEqual(["worse"]);
    expect(tiers([well, worse], locality)).toHaveLength(1);
    expect(tiers([well, worse], locality)[0]?.groups).toHaveLength(2);
  });
});

describe("shares between groups of a tier", () => {
  const weights = (groups: EndpointGroup[], where?: Locality): number[] =>
    tiers(groups, where).flatMap((tier) => tier.groups.map(({ weight }) => weight));
  const a = { ...group("a", { healthy: 2, of: 4 }), capacityScaler: 0.5 };
  const b = group("b", { healthy: 3, of: 3 });
  const capacity = (max: number, perEndpoint: boolean, mode: "RATE" | "IN_FLIGHT" | "UTILIZATION" = "RATE") => ({
    capacity: { mode, max, perEndpoint },
  });

  test("by healthy endpoints times the scaler", () => expect(weights([a, b])).toEqual([1, 3]));
  test("by capacity, of the group or of each healthy endpoint, times the scaler", () => {
    expect(
      weights([
        { ...a, ...capacity(100, false) },
        { ...b, ...capacity(10, true) },
      ]),
    ).toEqual([50, 30]);
    expect(
      weights([
        { ...a, ...capacity(0.8, false, "UTILIZATION") },
        { ...b, ...capacity(0.4, true, "UTILIZATION") },
      ]),
    ).toEqual([0.8, expect.closeTo(1.2)]);
  });
  test("by endpoints where capacities cannot be compared, and where requests are sprayed", () => {
    expect(
      weights([
        { ...a, ...capacity(100, false) },
        { ...b, ...capacity(100, false, "IN_FLIGHT") },
      ]),
    ).toEqual([1, 3]);
    expect(weights([{ ...a, ...capacity(100, false) }, b])).toEqual([1, 3]);
    const both = [
      { ...a, ...capacity(100, false) },
      { ...b, ...capacity(100, false) },
    ];
    expect(weights(both, { ...locality, algorithm: "SPRAY_TO_REGION" })).toEqual([1, 3]);
  });
});
