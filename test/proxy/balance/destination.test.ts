import { expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { pickDestination } from "#proxy/balance/destination.ts";

const destinations = (...weights: number[]) =>
  weights.map((weight, index) => ({ cluster: `c${index}`, weight, requestHeaders: [], responseHeaders: [] }));

test("90 to 10 is 90 to 10 within chance (chi-square, p > 0.001)", () => {
  const random = seededRandom(11);
  const seen = [0, 0];
  for (let pick = 0; pick < 10_000; pick++) {
    const index = pickDestination(destinations(900, 100), 1000, random)?.cluster === "c0" ? 0 : 1;
    seen[index] = (seen[index] ?? 0) + 1;
  }
  const [first = 0, second = 0] = seen;
  expect((first - 9000) ** 2 / 9000 + (second - 1000) ** 2 / 1000).toBeLessThan(10.83);
});

test("weight 0 is never picked, wherever it stands and whatever the dice say", () => {
  for (const float of [0, 0.5, 1 - 2 ** -53]) {
    const random = { ...seededRandom(1), float: () => float };
    expect(pickDestination(destinations(0, 1, 0), 1, random)?.cluster).toBe("c1");
  }
});

test("no weight at all is no destination", () => {
  expect(pickDestination(destinations(0, 0), 0, seededRandom(1))).toBeUndefined();
  expect(pickDestination([], 0, seededRandom(1))).toBeUndefined();
});
