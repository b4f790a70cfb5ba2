import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { xxHash64 } from "#base/xxhash.ts";
import type { Balancer } from "#proxy/balance/balancer.ts";
import { maglevTable } from "#proxy/balance/maglev.ts";
import { context, everyPolicy, shares, Tier } from "./setup.ts";

const keys = Array.from({ length: 10_000 }, (_, index) => xxHash64(`caller-${index}`));
const owners = (balancer: Balancer, more: Parameters<typeof context>[0] = {}): string[] =>
  keys.map((hash) => balancer.pick(context({ hash, ...more }))?.endpoint.instance ?? "none");

describe.each([everyPolicy.RING_HASH, { ...everyPolicy.MAGLEV, tableSize: 65_537 }])("$kind", (policy) => {
  const tierOf = (count: number) => {
    const tier = new Tier(policy);
    return { tier, targets: tier.targets(count), balancer: tier.balancer(tier.targets(count)) };
  };

  test("sends equal hashes to one target, in every proxy and whatever the order of the targets", () => {
    const { tier, targets, balancer } = tierOf(10);
    expect(owners(balancer)).toEqual(owners(tier.balancer(targets.toReversed())));
  });

  // Envoy's ring keeps its size, so that those who stay get more places; Maglev's table moves what it must and little more.
  test("removing one of ten moves its tenth of the keys and few others", () => {
    const { tier, targets, balancer } = tierOf(10);
    const before = owners(balancer);
    const after = owners(tier.balancer(targets.slice(1), [], balancer));
    const moved = before.filter((owner, index) => owner !== after[index]).length;
    expect(after).not.toContain("vm-0");
    expect(moved).toBeGreaterThan(500);
    expect(moved).toBeLessThan(policy.kind === "MAGLEV" ? 1200 : 2300);
  });

  test("one that is not available leaves its keys to others, and no other key moves", () => {
    const { targets, balancer } = tierOf(10);
    const before = owners(balancer);
    const after = owners(balancer, { isAvailable: ({ key }) => key !== targets[3]?.key });
    for (const [index, owner] of before.entries()) {
      if (owner === "vm-3") expect(after[index]).not.toBe("vm-3");
      else expect(after[index]).toBe(owner);
    }
    expect(owners(balancer)).toEqual(before);
  });

  test("a second attempt goes to another target, the same one each time", () => {
    const { targets, balancer } = tierOf(5);
    const hash = xxHash64("one caller");
    const first = balancer.pick(context({ hash }));
    const tried = new Set([first?.key ?? ""]);
    const second = balancer.pick(context({ hash, tried }));
    expect(targets.map(({ key }) => key)).toContain(second?.key);
    expect(second).not.toBe(first);
    expect(balancer.pick(context({ hash, tried }))).toBe(second);
  });

  test("heeds weights", () => {
    const tier = new Tier(policy.kind === "RING_HASH" ? { ...policy, minimumRingSize: 20_000 } : policy);
    const counted = shares(owners(tier.balancer(tier.targets(3), [1, 2, 3])));
    expect((counted["vm-2"] ?? 0) / (counted["vm-0"] ?? 1)).toBeGreaterThan(2.6);
    expect((counted["vm-2"] ?? 0) / (counted["vm-0"] ?? 1)).toBeLessThan(3.4);
  });

  test("a table is made once for equal targets", () => {
    const { tier, targets, balancer } = tierOf(10);
    const before = owners(balancer);
    expect(owners(tier.balancer(targets, [], balancer))).toEqual(before);
    const other = owners(tier.balancer(targets, [5], balancer));
    expect(other).not.toEqual(before);
  });
});

test("more targets than places: those without one are there when the others are not", () => {
  const tier = new Tier({ kind: "MAGLEV", tableSize: 3 });
  const targets = tier.targets(6);
  const balancer = tier.balancer(targets);
  for (const only of targets) expect(balancer.pick(context({ hash: 5n, isAvailable: (target) => target === only }))).toBe(only);
});

test("a Maglev table is full, and weights decide how many places each has", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }), (weights) => {
      const table = maglevTable(
        weights.map((weight, index) => ({ key: `10.0.0.${index}:80`, weight })),
        251,
      );
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const [index, weight] of weights.entries()) {
        const places = table.filter((owner) => owner === index).length;
        expect(Math.abs(places - (251 * weight) / total)).toBeLessThanOrEqual(4);
      }
      expect(table.includes(-1)).toBe(false);
    }),
  );
});
