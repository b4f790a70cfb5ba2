import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Endpoint } from "#ir/cluster.ts";
import type { AttemptEnd } from "#proxy/balance/stats.ts";
import { cluster, endpoint, group } from "../fixture.ts";
import { Bench, detection, failed, ok } from "./bench.ts";

describe("whatever the configuration and the answers are", () => {
  const health = fc.constantFrom<Endpoint["health"]>("HEALTHY", "UNHEALTHY", "DRAINING", "UNKNOWN");
  const capacity = fc.record({
    mode: fc.constantFrom("RATE", "CONNECTION", "IN_FLIGHT", "UTILIZATION"),
    max: fc.double({ min: 0.1, max: 20, noNaN: true }),
    perEndpoint: fc.boolean(),
  });
  const arbitraryGroup = fc.record(
    {
      scaler: fc.constantFrom(0, 0.1, 1),
      zone: fc.constantFrom("us-central1-a", "us-central1-b", "us-east1-a", "asia-east1-a"),
      states: fc.array(health, { maxLength: 4 }),
      preferred: fc.boolean(),
      capacity,
    },
    { requiredKeys: ["scaler", "zone", "states"] },
  );
  const extras = fc.record(
    {
      panicPercent: fc.integer({ min: 0, max: 100 }),
      outlierDetection: fc.constant({ ...detection, consecutiveErrors: 1, consecutiveGatewayFailure: 1 }),
      circuitBreakers: fc.record({ maxRequests: fc.integer({ min: 1, max: 5 }), maxRequestsPerEndpoint: fc.integer({ min: 1, max: 3 }) }),
      locality: fc.record(
        {
          algorithm: fc.constantFrom("WATERFALL_BY_REGION", "WATERFALL_BY_ZONE", "SPRAY_TO_REGION", "SPRAY_TO_WORLD"),
          zone: fc.constant("us-central1-a"),
          failoverHealthThreshold: fc.integer({ min: 1, max: 99 }),
          autoCapacityDrain: fc.boolean(),
          isolation: fc.constantFrom("NEAREST", "STRICT"),
        },
        { requiredKeys: ["algorithm", "failoverHealthThreshold", "autoCapacityDrain"] },
      ),
    },
    { requiredKeys: [] },
  );
  const arbitraryCluster = fc.tuple(fc.array(arbitraryGroup, { maxLength: 4 }), extras).map(([groups, more]) =>
    cluster(
      "c",
      groups.map(({ scaler, zone, states, ...rest }, g) => ({
        ...group(
          `g${g}`,
          states.map((state, i) => endpoint(`i${g}-${i}`, `10.0.${g}.${i}`, { zone, health: state })),
          scaler,
        ),
        ...rest,
      })),
      more,
    ),
  );
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom<"begin" | AttemptEnd>("begin", "begin", ok, failed, { kind: "failure" }, { kind: "abandoned" }),
    },
    { weight: 1, arbitrary: arbitraryCluster },
  );

  test("nobody who must not be asked is asked, limits hold, and what began ends", () => {
    fc.assert(
      fc.property(arbitraryCluster, fc.array(step, { maxLength: 80 }), (first, steps) => {
        let given = first;
        const bench = new Bench(given);
        const open: ((how?: AttemptEnd) => void)[] = [];
        for (const each of steps) {
          bench.clock.nowMs += 137;
          if (each === "begin") {
            const { name, end } = bench.begin();
            if (name === "none" || name === "overflow") continue;
            open.push(end);
            const askable = given.groups.flatMap(({ capacityScaler, endpoints }) => (capacityScaler === 0 ? [] : endpoints));
            const health = askable.find(({ instance }) => instance === name)?.health;
            expect(given.panicPercent === 0 ? ["HEALTHY"] : ["HEALTHY", "UNHEALTHY"]).toContain(health);
            expect(bench.state.observation.active).toBeLessThanOrEqual(bench.state.observation.limit ?? Infinity);
          } else if ("groups" in each) {
            given = each;
            bench.configure(given);
          } else open.shift()?.(each);
        }
        for (const end of open) end();
        expect(bench.state.observation.active).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
