import { describe, expect, test } from "vitest";
import { context, everyPolicy, picks, shares, Tier } from "./setup.ts";

const roundRobin = (): Tier => new Tier(everyPolicy.ROUND_ROBIN);

describe("the turn", () => {
  test("each has its turn before one has its second", () => {
    const tier = roundRobin();
    const balancer = tier.balancer(tier.targets(5));
    for (let round = 0; round < 4; round++) expect(new Set(picks(balancer, 5)).size).toBe(5);
  });

  test("goes on over configurations that change nothing here", () => {
    const tier = roundRobin();
    let balancer = tier.balancer(tier.targets(4));
    const first = picks(balancer, 4);
    const seen = Array.from({ length: 12 }, () => {
      balancer = tier.balancer(tier.targets(4), [], balancer);
      return picks(balancer, 1)[0];
    });
    expect(seen).toEqual([...first, ...first, ...first]);
  });

  test("is not started anew by one that leaves", () => {
    const tier = roundRobin();
    const before = tier.balancer(tier.targets(3));
    const [first, second, third] = picks(before, 3);
    picks(before, 1);
    const stay = tier.targets(3).filter(({ endpoint }) => endpoint.instance !== first);
    expect(picks(tier.balancer(stay, [], before), 2)).toEqual([second, third]);
  });

  test("begins at different places in different proxies", () => {
    const tier = roundRobin();
    const firsts = Array.from({ length: 30 }, () => picks(tier.balancer(tier.targets(10)), 1)[0]);
    expect(new Set(firsts).size).toBeGreaterThan(5);
  });

  test("passes over who is not available, who does not catch up afterwards", () => {
    const tier = roundRobin();
    const [away, ...others] = tier.targets(3);
    const balancer = tier.balancer([...(away ? [away] : []), ...others]);
    expect(shares(picks(balancer, 20, { isAvailable: (target) => target !== away }))).toEqual({ "vm-1": 10, "vm-2": 10 });
    expect(shares(picks(balancer, 30))).toEqual({ "vm-0": 10, "vm-1": 10, "vm-2": 10 });
  });
});

describe("weights", () => {
  test("are kept exactly", () => {
    const tier = roundRobin();
    const balancer = tier.balancer(tier.targets(3), [1, 1, 0.5]);
    expect(shares(picks(balancer, 500))).toEqual({ "vm-0": 200, "vm-1": 200, "vm-2": 100 });
  });

  test("spread the smaller share, and do not bunch it", () => {
    const tier = roundRobin();
    const places = picks(tier.balancer(tier.targets(2), [1, 0.25]), 50).flatMap((name, place) => (name === "vm-1" ? [place] : []));
    for (const [index, place] of places.entries()) if (index > 0) expect(place - (places[index - 1] ?? 0)).toBe(5);
    expect(places).toHaveLength(10);
  });

  test("that change with a configuration hold from there on", () => {
    const tier = roundRobin();
    const before = tier.balancer(tier.targets(2), [1, 1]);
    picks(before, 7);
    expect(shares(picks(tier.balancer(tier.targets(2), [3, 1], before), 400))).toEqual({ "vm-0": 300, "vm-1": 100 });
  });
});

describe("slow start", () => {
  const slowStart = { windowMs: 10_000, aggression: 1, minWeightPercent: 10 };

  test.each([
    [0, 0.1],
    [500, 0.1],
    [5000, 0.5],
    [10_000, 1],
    [60_000, 1],
  ])("after %i ms an endpoint has %f of its weight", (age, factor) => {
    const tier = new Tier(everyPolicy.ROUND_ROBIN, slowStart);
    const now = tier.clock.nowMs;
    const targets = [tier.target(0, { healthySinceMs: now - 1_000_000 }), tier.target(1, { healthySinceMs: now - age })];
    const counted = shares(picks(tier.balancer(targets), 1100));
    expect((counted["vm-1"] ?? 0) / (counted["vm-0"] ?? 1)).toBeCloseTo(factor, 1);
  });

  test("goes by when this proxy first saw the endpoint where nobody says since when it is healthy", () => {
    const tier = new Tier(everyPolicy.RANDOM, slowStart);
    const old = tier.target(0);
    tier.clock.nowMs += 100_000;
    const counted = shares(picks(tier.balancer([old, tier.target(1)]), 11_000));
    expect(counted["vm-1"]).toBeGreaterThan(850);
    expect(counted["vm-1"]).toBeLessThan(1150);
  });

  test("is over when its time is", () => {
    const tier = new Tier(everyPolicy.ROUND_ROBIN, slowStart);
    const balancer = tier.balancer([tier.target(0, { healthySinceMs: 0 }), tier.target(1)]);
    picks(balancer, 50);
    tier.clock.nowMs += 10_000;
    picks(balancer, 20);
    expect(shares(picks(balancer, 100))).toEqual({ "vm-0": 50, "vm-1": 50 });
  });

  test("bends with its aggression", () => {
    const tier = new Tier(everyPolicy.ROUND_ROBIN, { ...slowStart, aggression: 2 });
    const now = tier.clock.nowMs;
    const targets = [tier.target(0, { healthySinceMs: 0 }), tier.target(1, { healthySinceMs: now - 2500 })];
    const counted = shares(picks(tier.balancer(targets), 900));
    expect((counted["vm-1"] ?? 0) / (counted["vm-0"] ?? 1)).toBeCloseTo(0.5, 1);
  });
});

test("a pick costs the same however long the balancer has been there", () => {
  const tier = roundRobin();
  const balancer = tier.balancer(tier.targets(3), [1, 1e-3, 1e3]);
  picks(balancer, 10_000);
  expect(shares(picks(balancer, 1001))["vm-2"]).toBeGreaterThanOrEqual(999);
  expect(balancer.pick(context())).toBeDefined();
});
