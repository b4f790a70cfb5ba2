import { expect, test } from "vitest";
import { RetryBudget } from "#proxy/balance/retry-budget.ts";

function retriesAt(active: number): number {
  const budget = new RetryBudget();
  for (let request = 0; request < active; request++) budget.enter();
  let retries = 0;
  while (budget.retry()) retries += 1;
  return retries;
}

test.each([
  [0, 3],
  [1, 3],
  [19, 3],
  [20, 4],
  [500, 100],
])("%i requests that wait allow %i retries at a time", (active, retries) => expect(retriesAt(active)).toBe(retries));

test("what has ended is given back", () => {
  const budget = new RetryBudget();
  const ends = [budget.retry(), budget.retry(), budget.retry()];
  expect(budget.retry()).toBeUndefined();
  ends[0]?.();
  expect(budget.retry()).toBeDefined();
  const leave = Array.from({ length: 20 }, () => budget.enter());
  expect(budget.retry()).toBeDefined();
  for (const each of leave) each();
  expect(budget.retry()).toBeUndefined();
});
