import { describe, expect, test } from "vitest";
import { seededRandom, randomHex } from "#base/random.ts";
import type { Subset } from "#ir/cluster.ts";
import { Subsets } from "#proxy/balance/subset.ts";
import { subsetGroups } from "#proxy/balance/subsetting.ts";
import { endpoint, group } from "../fixture.ts";

describe("by labels", () => {
  // The cases of MOSN's subset balancer: blue and green zones, with a gray one among them.
  const groups = [
    group("a", [
      endpoint("e1", "10.0.0.1", { labels: { zone: "blue", stage: "prod" } }),
      endpoint("e2", "10.0.0.2", { labels: { zone: "green", stage: "prod" } }),
      endpoint("e3", "10.0.0.3", { labels: { zone: "green", stage: "gray" } }),
    ]),
    group("b", [endpoint("e4", "10.0.0.4", { labels: { stage: "gray" } }), endpoint("e5", "10.0.0.5")]),
  ];
  const selectors = [
    { label: "zone", header: "x-zone" },
    { label: "stage", header: "x-stage" },
  ];
  const chosen = (subset: Omit<Subset, "selectors">, headers: Record<string, string>): string[] =>
    new Subsets({ selectors, ...subset }, groups)
      .choose(new Headers(headers))
      .flatMap(({ endpoints }) => endpoints.map(({ instance }) => instance));
  const all = ["e1", "e2", "e3", "e4", "e5"];

  test.each<[Record<string, string>, string[] | "fallback"]>([
    [{ "x-zone": "blue" }, ["e1"]],
    [{ "x-zone": "green" }, ["e2", "e3"]],
    [{ "x-zone": "green", "x-stage": "gray" }, ["e3"]],
    [{ "x-stage": "gray" }, ["e3", "e4"]],
    [{ "x-zone": "blue", "x-stage": "gray" }, "fallback"],
    [{ "x-zone": "red" }, "fallback"],
    [{ "x-zone": "" }, "fallback"],
    [{ "x-other": "blue" }, "fallback"],
    [{}, "fallback"],
  ])("%j", (headers, expected) => {
    const of = (fallbackHas: string[]) => (expected === "fallback" ? fallbackHas : expected);
    expect(chosen({ fallback: "NONE" }, headers)).toEqual(of([]));
    expect(chosen({ fallback: "ANY" }, headers)).toEqual(of(all));
    expect(chosen({ fallback: "DEFAULT", defaultLabels: { stage: "prod" } }, headers)).toEqual(of(["e1", "e2"]));
    expect(chosen({ fallback: "DEFAULT", defaultLabels: { stage: "none" } }, headers)).toEqual(of([]));
  });

  test("the same choice is the same list, whatever requests ask for", () => {
    const subsets = new Subsets({ selectors, fallback: "DEFAULT", defaultLabels: { stage: "prod" } }, groups);
    const lists = new Set(
      Array.from({ length: 300 }, (_, index) =>
        subsets.choose(new Headers({ "x-zone": ["blue", "green", `unknown-${index}`][index % 3] ?? "" })),
      ),
    );
    expect(lists.size).toBe(3);
  });

  test.each(["__proto__", "constructor"])("%s is a label like any other", (label) => {
    const subsets = new Subsets({ selectors: [{ label, header: "x" }], fallback: "NONE" }, groups);
    expect(subsets.choose(new Headers({ x: "[object Object]" }))).toEqual([]);
  });
});

describe("by size", () => {
  const of = (name: string, count: number, unhealthyFrom = count) =>
    group(
      name,
      Array.from({ length: count }, (_, index) =>
        endpoint(`${name}-${index}`, `10.0.0.${index}`, { health: index < unhealthyFrom ? "HEALTHY" : "UNHEALTHY" }),
      ),
    );
  const healthy = (groups: readonly ReturnType<typeof group>[]) =>
    groups.map(({ endpoints }) => endpoints.filter(({ health }) => health === "HEALTHY").map(({ instance }) => instance));

  test("takes so many, from each group its part and from none nothing", () => {
    const [a = [], b = [], c = []] = healthy(subsetGroups([of("a", 60), of("b", 30), of("c", 1)], 10, "p"));
    expect([a.length, b.length, c.length]).toEqual([7, 4, 1]);
  });

  test("takes all where there are no more", () => {
    const groups = [of("a", 3), of("b", 2)];
    expect(subsetGroups(groups, 5, "p")).toBe(groups);
  });

  test("keeps the share of unhealthy ones, and a group without healthy ones whole", () => {
    const [half, none] = subsetGroups([of("a", 400, 200), of("b", 5, 0)], 50, "p");
    expect(half?.endpoints.length).toBeGreaterThan(75);
    expect(half?.endpoints.length).toBeLessThan(130);
    expect(none?.endpoints).toHaveLength(5);
  });

  test("one endpoint that goes changes nothing but itself", () => {
    const before = subsetGroups([of("a", 100)], 10, "p");
    const [gone = ""] = healthy(before)[0] ?? [];
    const whole = of("a", 100);
    const without = { ...whole, endpoints: whole.endpoints.filter(({ instance }) => instance !== gone) };
    const after = healthy(subsetGroups([without], 10, "p"))[0] ?? [];
    expect(after).toHaveLength(10);
    expect((healthy(before)[0] ?? []).filter((instance) => !after.includes(instance))).toEqual([gone]);
  });

  test("many proxies together use all endpoints evenly", () => {
    const random = seededRandom(3);
    const counts = new Map<string, number>();
    for (let proxy = 0; proxy < 500; proxy++) {
      for (const instance of healthy(subsetGroups([of("a", 50)], 10, randomHex(random, 8))).flat()) {
        counts.set(instance, (counts.get(instance) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(50);
    expect(Math.min(...counts.values())).toBeGreaterThan(65);
    expect(Math.max(...counts.values())).toBeLessThan(140);
  });
});
