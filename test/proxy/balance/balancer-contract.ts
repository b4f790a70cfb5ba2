/** What holds for every implementation of `Balancer`. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Cluster, Endpoint } from "#ir/cluster.ts";
import type { Balancer } from "#proxy/balance/balancer.ts";
import { cluster, endpoint, group } from "../fixture.ts";

const none: ReadonlySet<string> = new Set();

export function balancerContract(name: string, create: (cluster: Cluster) => Balancer): void {
  describe(`${name}, as every balancer`, () => {
    const health = fc.constantFrom<Endpoint["health"]>("HEALTHY", "UNHEALTHY", "DRAINING", "UNKNOWN");
    const arbitraryCluster = fc
      .array(fc.record({ scaler: fc.constantFrom(0, 0.1, 0.5, 1), health: fc.array(health, { maxLength: 5 }) }), { maxLength: 4 })
      .map((groups) =>
        cluster(
          "c",
          groups.map(({ scaler, health: states }, g) =>
            group(
              `g${g}`,
              states.map((state, i) => endpoint(`i${g}-${i}`, `10.0.${g}.${i}`, { health: state })),
              scaler,
            ),
          ),
        ),
      );

    const eligible = ({ groups }: Cluster): string[] =>
      groups.flatMap(({ capacityScaler, endpoints }) =>
        capacityScaler === 0 ? [] : endpoints.filter((each) => each.health === "HEALTHY").map((each) => each.instance),
      );

    test("picks only healthy endpoints of groups that take traffic, and one whenever there is one", () => {
      fc.assert(
        fc.property(arbitraryCluster, (given) => {
          const balancer = create(given);
          const allowed = eligible(given);
          for (let pick = 0; pick < 20; pick++) {
            const picked = balancer.pick(none);
            if (allowed.length === 0) expect(picked).toBeUndefined();
            else expect(allowed).toContain(picked?.endpoint.instance);
          }
        }),
      );
    });

    test("comes round to every endpoint when those that were tried are excluded, and then tries again", () => {
      fc.assert(
        fc.property(arbitraryCluster, (given) => {
          const balancer = create(given);
          const allowed = eligible(given);
          const tried = new Set<string>();
          const seen = allowed.map(() => {
            const picked = balancer.pick(tried);
            tried.add(picked?.key ?? "");
            return picked?.endpoint.instance;
          });
          expect(seen).toHaveLength(allowed.length);
          expect(new Set(seen)).toEqual(new Set(allowed));
          if (allowed.length > 0) expect(balancer.pick(tried)).toBeDefined();
        }),
      );
    });

    test("goes on under a newer configuration with its endpoints and no others", () => {
      fc.assert(
        fc.property(arbitraryCluster, arbitraryCluster, (before, after) => {
          const first = create(before);
          for (let pick = 0; pick < 3; pick++) first.pick(none);
          const second = first.next(after);
          const allowed = eligible(after);
          for (let pick = 0; pick < 20; pick++) {
            const picked = second.pick(none);
            if (allowed.length === 0) expect(picked).toBeUndefined();
            else expect(allowed).toContain(picked?.endpoint.instance);
          }
        }),
      );
    });

    test("writes addresses as they stand in a URL", () => {
      const six = create(cluster("c", [group("g", [endpoint("i", "fd00::1", { port: 80 })])])).pick(none);
      const four = create(cluster("c", [group("g", [endpoint("i", "10.0.0.1", { port: 80 })])])).pick(none);
      expect([six?.authority, four?.authority]).toEqual(["[fd00::1]:80", "10.0.0.1:80"]);
    });
  });
}
