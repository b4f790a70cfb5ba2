import { describe, expect, test } from "vitest";
import type { Target } from "#proxy/balance/balancer.ts";
import { chiSquare, chiSquareLimit, context, everyPolicy, picks, shares, Tier } from "./setup.ts";

const busy = (target: Target | undefined, attempts: number, now = 0): void => {
  for (let attempt = 0; attempt < attempts; attempt++) target?.stats.began(now);
};

describe.each(["RANDOM", "LEAST_REQUEST", "PEAK_EWMA"] as const)("%s where nobody is busy", (kind) => {
  test.each([[[1, 1, 1]], [[5, 3, 2]], [[0.1, 1, 0.5]]])("keeps the weights %j within chance (p > 0.001)", (weights) => {
    const tier = new Tier(everyPolicy[kind]);
    const counted = shares(picks(tier.balancer(tier.targets(3), weights), 10_000));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const expected = Object.fromEntries(weights.map((weight, index) => [`vm-${index}`, weight / sum]));
    expect(chiSquare(counted, expected)).toBeLessThan(chiSquareLimit[2] ?? 0);
  });

  test("keeps the proportions of the others when one is not available", () => {
    const tier = new Tier(everyPolicy[kind]);
    const targets = tier.targets(3);
    const counted = shares(picks(tier.balancer(targets, [8, 1, 1]), 10_000, { isAvailable: (target) => target !== targets[0] }));
    expect(chiSquare(counted, { "vm-1": 0.5, "vm-2": 0.5 })).toBeLessThan(chiSquareLimit[1] ?? 0);
    expect(counted["vm-0"]).toBeUndefined();
  });
});

describe("LEAST_REQUEST", () => {
  test("of two it takes the one with fewer attempts under way", () => {
    const tier = new Tier(everyPolicy.LEAST_REQUEST);
    const targets = tier.targets(2);
    busy(targets[0], 1);
    expect(new Set(picks(tier.balancer(targets), 100))).toEqual(new Set(["vm-1"]));
  });

  test("the busiest of many is never taken, and gets its requests back when it is done", () => {
    const tier = new Tier(everyPolicy.LEAST_REQUEST);
    const targets = tier.targets(10);
    const balancer = tier.balancer(targets);
    busy(targets[4], 5);
    expect(shares(picks(balancer, 1000))["vm-4"]).toBeUndefined();
    for (let attempt = 0; attempt < 5; attempt++) targets[4]?.stats.ended();
    expect(shares(picks(balancer, 1000))["vm-4"]).toBeGreaterThan(50);
  });

  test("a target of twice the weight is as busy with twice the attempts", () => {
    const tier = new Tier(everyPolicy.LEAST_REQUEST);
    const targets = tier.targets(2);
    busy(targets[0], 3);
    busy(targets[1], 2);
    expect(new Set(picks(tier.balancer(targets, [2, 1]), 50))).toEqual(new Set(["vm-0"]));
  });

  test("more choices find the idle one more surely", () => {
    const tier = new Tier({ kind: "LEAST_REQUEST", choices: 10 });
    const targets = tier.targets(10);
    for (const target of targets.slice(1)) busy(target, 1);
    expect(new Set(picks(tier.balancer(targets), 50))).toEqual(new Set(["vm-0"]));
  });

  test("keeps queues short: the longest of 10,000 attempts on 100 targets is near the average", () => {
    const longest = (kind: "RANDOM" | "LEAST_REQUEST"): number => {
      const tier = new Tier(everyPolicy[kind]);
      const targets = tier.targets(100);
      const balancer = tier.balancer(targets);
      for (let request = 0; request < 10_000; request++) balancer.pick(context())?.stats.began(0);
      return Math.max(...targets.map(({ stats }) => stats.inFlight));
    };
    expect(longest("LEAST_REQUEST")).toBeLessThan(106);
    expect(longest("RANDOM")).toBeGreaterThan(115);
  });
});

describe("PEAK_EWMA", () => {
  const answer = (tier: Tier, target: Target | undefined, ms: number): void => {
    target?.stats.began(tier.clock.now());
    target?.stats.answered({ kind: "response", status: 200, headers: new Headers() }, ms, tier.clock.now());
    target?.stats.ended();
  };

  test("of two it takes the faster", () => {
    const tier = new Tier(everyPolicy.PEAK_EWMA);
    const targets = tier.targets(2);
    answer(tier, targets[0], 50);
    answer(tier, targets[1], 10);
    expect(new Set(picks(tier.balancer(targets), 50))).toEqual(new Set(["vm-1"]));
  });

  test("until its queue makes it the slower", () => {
    const tier = new Tier(everyPolicy.PEAK_EWMA);
    const targets = tier.targets(2);
    answer(tier, targets[0], 50);
    answer(tier, targets[1], 10);
    busy(targets[1], 5, tier.clock.now());
    expect(new Set(picks(tier.balancer(targets), 50))).toEqual(new Set(["vm-0"]));
  });

  test("who has not answered yet gets one request, not all", () => {
    const tier = new Tier(everyPolicy.PEAK_EWMA);
    const targets = tier.targets(2);
    answer(tier, targets[0], 50);
    const balancer = tier.balancer(targets);
    expect(picks(balancer, 1)).toEqual(["vm-1"]);
    busy(targets[1], 1, tier.clock.now());
    expect(picks(balancer, 20)).not.toContain("vm-1");
  });

  test("one who was slow is tried again after a while", () => {
    const tier = new Tier(everyPolicy.PEAK_EWMA);
    const targets = tier.targets(2);
    answer(tier, targets[0], 2000);
    const balancer = tier.balancer(targets);
    answer(tier, targets[1], 20);
    expect(picks(balancer, 20)).not.toContain("vm-0");
    tier.clock.nowMs += 60_000;
    answer(tier, targets[1], 20);
    expect(picks(balancer, 20)).toContain("vm-0");
  });
});
