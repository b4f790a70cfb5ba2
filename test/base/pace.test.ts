import { describe, expect, test } from "vitest";
import { Pace } from "#base/pace.ts";

const rate = { burst: 3, spacingMs: 500 };

/** Does it whenever it is wanted and due; returns when that was. */
function doneAt(wanted: readonly number[]): number[] {
  const pace = new Pace(rate);
  return wanted.filter((now) => {
    const isDue = pace.dueAtMs("cart") <= now;
    if (isDue) pace.spend("cart", now);
    return isDue;
  });
}

const everyTenMs = (forMs: number): number[] => Array.from({ length: forMs / 10 + 1 }, (_, index) => 10_000 + index * 10);

describe("the pace of something", () => {
  test.each([
    { name: "once: at once", wanted: [10_000], done: [10_000] },
    { name: "a burst: at once", wanted: [10_000, 10_000, 10_000], done: [10_000, 10_000, 10_000] },
    { name: "more than a burst: not", wanted: [10_000, 10_000, 10_000, 10_000, 10_499], done: [10_000, 10_000, 10_000] },
    { name: "each spacing gives back one", wanted: [10_000, 10_000, 10_000, 10_500, 10_500], done: [10_000, 10_000, 10_000, 10_500] },
    { name: "a pause gives back a burst, and no more", wanted: [10_000, ...Array(5).fill(90_000)], done: [10_000, 90_000, 90_000, 90_000] },
  ])("$name", ({ wanted, done }) => {
    expect(doneAt(wanted)).toEqual(done);
  });

  test("in the long run it is done once in the spacing", () => {
    expect(doneAt(everyTenMs(10_000))).toHaveLength(rate.burst + 10_000 / rate.spacingMs);
  });

  test("each thing has its own, and one that is forgotten begins anew", () => {
    const pace = new Pace({ burst: 1, spacingMs: 500 });
    pace.spend("cart", 10_000);
    expect(pace.dueAtMs("cart")).toBe(10_500);
    expect(pace.dueAtMs("web")).toBeLessThanOrEqual(10_000);
    pace.forget("cart");
    expect(pace.dueAtMs("cart")).toBeLessThanOrEqual(10_000);
  });

  test("what is done before it is due counts, too", () => {
    const pace = new Pace({ burst: 1, spacingMs: 500 });
    pace.spend("cart", 10_000);
    pace.spend("cart", 10_000);
    expect(pace.dueAtMs("cart")).toBe(11_000);
  });
});
