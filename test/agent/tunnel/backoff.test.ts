import fc from "fast-check";
import { expect, it } from "vitest";
import { reconnectDelayMs } from "#agent/tunnel/backoff.ts";
import { seededRandom } from "#base/random.ts";

it.each([
  [1, 500],
  [2, 1_000],
  [4, 4_000],
  [6, 16_000],
  [7, 30_000],
  [1_000_000, 30_000],
])("after %d failures an agent waits up to %d ms", (failures, mostMs) => {
  const always = (share: number) => ({ ...seededRandom(1), float: () => share });
  expect(reconnectDelayMs(failures, always(0))).toBe(0);
  expect(reconnectDelayMs(failures, always(0.5))).toBe(mostMs / 2);
});

it("agents that lost their tunnels together come back spread over the whole of it", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seededRandom(seed);
      const delays = Array.from({ length: 500 }, () => reconnectDelayMs(5, random)).toSorted((a, b) => a - b);
      expect([delays[50] ?? 0, 8_000 - (delays[449] ?? 0)].every((edge) => edge < 8_000 / 4)).toBe(true);
    }),
    { numRuns: 20 },
  );
});
