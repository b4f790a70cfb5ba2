import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { freeName, nextId } from "#instances/group/names.ts";

describe("names of instances", () => {
  test("are the base name, a hyphen and four letters or digits", () => {
    const random = seededRandom(1);
    for (let count = 0; count < 100; count++) expect(freeName("web", new Map(), random)).toMatch(/^web-[a-z0-9]{4}$/);
  });

  test("avoid taken ones even when randomness does not help", () => {
    const stuck = { float: () => 0.999999999, bytes: () => new Uint8Array() };
    const taken = new Map<string, unknown>();
    for (let count = 0; count < 50; count++) taken.set(freeName("web", taken, stuck), true);
    expect(taken.size).toBe(50);
    expect(taken.has("web-zzzz")).toBe(true);
    expect(taken.has("web-0000")).toBe(true);
  });
});

describe("ids of instances", () => {
  test.each([
    ["the first", "0", 0],
    ["at a usual time", "0", 1_800_000_000_000],
    ["with the clock set back", "1887436800000000000", 5],
    ["with a clock before the epoch", "12", -7],
  ])("%s: decimal, above the last, within 64 bits", (_, last, now) => {
    const id = nextId(last, now, seededRandom(3));
    expect(id).toMatch(/^\d+$/);
    expect(BigInt(id)).toBeGreaterThan(BigInt(last));
    expect(BigInt(id)).toBeLessThan(2n ** 64n);
  });

  test("grow whatever the clock does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4e12 }), { minLength: 2 }), fc.integer(), (times, seed) => {
        const random = seededRandom(seed);
        let last = "0";
        for (const now of times) {
          const id = nextId(last, now, random);
          expect(BigInt(id)).toBeGreaterThan(BigInt(last));
          last = id;
        }
      }),
    );
  });
});
