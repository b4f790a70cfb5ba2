/** What holds for every balancing policy. A policy is added to `everyPolicy`. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BalancingPolicy } from "#ir/cluster.ts";
import { context, everyPolicy, Tier } from "./setup.ts";

/** Targets with weights, and for each whether it may be chosen. */
const tiers = fc.array(fc.record({ weight: fc.constantFrom(0.1, 0.5, 1, 1, 7), available: fc.boolean() }), { maxLength: 8 });
const hashes = fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined });

describe.each(Object.values<BalancingPolicy>(everyPolicy))("$kind", (policy) => {
  const given = (rows: readonly { weight: number; available: boolean }[]) => {
    const tier = new Tier(policy);
    const targets = tier.targets(rows.length);
    const available = new Set(targets.filter((_, index) => rows[index]?.available));
    const balancer = tier.balancer(
      targets,
      rows.map(({ weight }) => weight),
    );
    return { tier, targets, available, balancer };
  };

  test("picks only what is available, and something whenever anything is", () => {
    fc.assert(
      fc.property(tiers, hashes, (rows, hash) => {
        const { available, balancer } = given(rows);
        const asked = context({ isAvailable: (target) => available.has(target), ...(hash !== undefined && { hash }) });
        for (let pick = 0; pick < 10; pick++) {
          const picked = balancer.pick(asked);
          if (available.size === 0) expect(picked).toBeUndefined();
          else expect(picked && available.has(picked)).toBe(true);
        }
      }),
    );
  });

  test("goes through all of them before it tries one again", () => {
    fc.assert(
      fc.property(tiers, hashes, (rows, hash) => {
        const { available, balancer } = given(rows);
        const tried = new Set<string>();
        const asked = context({ tried, isAvailable: (target) => available.has(target), ...(hash !== undefined && { hash }) });
        for (let pick = 0; pick < available.size; pick++) {
          const key = balancer.pick(asked)?.key ?? "none";
          expect(tried.has(key)).toBe(false);
          tried.add(key);
        }
        expect([...tried].toSorted()).toEqual([...available].map(({ key }) => key).toSorted());
        if (available.size > 0) expect(balancer.pick(asked)).toBeDefined();
      }),
    );
  });

  test("goes on under a newer configuration with its targets and no others", () => {
    fc.assert(
      fc.property(fc.subarray([0, 1, 2, 3, 4]), fc.subarray([0, 1, 2, 3, 4]), (before, after) => {
        const tier = new Tier(policy);
        const first = tier.balancer(before.map((index) => tier.target(index)));
        for (let pick = 0; pick < 3; pick++) first.pick(context());
        const targets = after.map((index) => tier.target(index));
        const second = tier.balancer(targets, [], first);
        for (let pick = 0; pick < 10; pick++) {
          const picked = second.pick(context());
          if (targets.length === 0) expect(picked).toBeUndefined();
          else expect(targets).toContain(picked);
        }
      }),
    );
  });

  test("reaches every target, where there is nothing to keep requests together", () => {
    const tier = new Tier(policy);
    const balancer = tier.balancer(tier.targets(5));
    expect(new Set(Array.from({ length: 200 }, () => balancer.pick(context())?.key)).size).toBe(5);
  });
});

test("without a policy it is round robin", () => {
  const tier = new Tier({ kind: "ROUND_ROBIN" });
  Object.assign(tier, { cluster: {} });
  const balancer = tier.balancer(tier.targets(4));
  expect(new Set(Array.from({ length: 4 }, () => balancer.pick(context())?.key)).size).toBe(4);
});
