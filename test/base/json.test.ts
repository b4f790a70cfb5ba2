/** Equality of JSON is equality of its canonical text, found without making that text. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson, sameJson } from "#base/json.ts";

it.each<[unknown, unknown, boolean]>([
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: 1, b: undefined }, { a: 1 }, true],
  [{ a: 1, b: undefined }, { a: 1, c: 2 }, false],
  [[1, undefined], [1, null], true],
  [[1], [1, 2], false],
  [[], {}, false],
  [{ 0: 1 }, [1], false],
  [null, {}, false],
  ["1", 1, false],
])("%j and %j: %s", (a, b, same) => {
  expect([sameJson(a, b), sameJson(b, a)]).toEqual([same, same]);
  expect(canonicalJson(a) === canonicalJson(b)).toBe(same);
});

it("says of any two values what their texts say", () => {
  const small = fc.jsonValue({ maxDepth: 2 });
  fc.assert(
    fc.property(small, small, fc.string(), (a, b, key) => {
      expect(sameJson(a, b)).toBe(canonicalJson(a) === canonicalJson(b));
      expect(sameJson([a, { [key]: b }], [structuredClone(a), { [key]: structuredClone(b) }])).toBe(true);
      expect(sameJson([a, a], [a, b])).toBe(canonicalJson(a) === canonicalJson(b));
    }),
  );
});
