import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import { RoundRobin } from "#proxy/balance/round-robin.ts";
import { cluster, endpoint, group } from "../fixture.ts";
import { balancerContract } from "./balancer-contract.ts";

const create = (given: ReturnType<typeof cluster>): RoundRobin => new RoundRobin(given, seededRandom(3));
balancerContract("round robin", create);

const none: ReadonlySet<string> = new Set();
const vms = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => endpoint(`vm-${from + index}`, `10.0.0.${from + index}`));
const picks = (balancer: RoundRobin, count: number) =>
  Array.from({ length: count }, () => balancer.pick(none)?.endpoint.instance ?? "none");

function shares(names: readonly string[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
}

describe("within a group", () => {
  test("each has its turn before one has its second", () => {
    const balancer = create(cluster("c", [group("g", vms(5))]));
    for (let round = 0; round < 4; round++) expect(new Set(picks(balancer, 5)).size).toBe(5);
  });

  test("the turn goes on over a configuration that changes nothing here", () => {
    const given = cluster("c", [group("g", vms(3))]);
    const expected = picks(create(given), 7);
    let balancer = create(given);
    const seen = expected.map(() => {
      balancer = balancer.next(structuredClone(given));
      return balancer.pick(none)?.endpoint.instance;
    });
    expect(seen).toEqual(expected);
  });

  test("one that joins or leaves does not start the turn anew", () => {
    const balancer = create(cluster("c", [group("g", vms(3))]));
    const [first = "", second = "", third = ""] = picks(balancer, 3);
    balancer.pick(none);
    const without = balancer.next(
      cluster("c", [
        group(
          "g",
          vms(3).filter((vm) => vm.instance !== first),
        ),
      ]),
    );
    expect(picks(without, 2)).toEqual([second, third]);
  });

  test("proxies begin at different places", () => {
    const given = cluster("c", [group("g", vms(10))]);
    const firsts = new Set(
      Array.from({ length: 30 }, (_, seed) => new RoundRobin(given, seededRandom(seed)).pick(none)?.endpoint.instance),
    );
    expect(firsts.size).toBeGreaterThan(5);
  });
});

describe("between groups", () => {
  test("the share is capacityScaler times healthy endpoints", () => {
    const balancer = create(cluster("c", [group("a", vms(3), 1), group("b", vms(2, 10), 0.5)]));
    expect(shares(picks(balancer, 400))).toEqual({ "vm-0": 100, "vm-1": 100, "vm-2": 100, "vm-10": 50, "vm-11": 50 });
  });

  test("a scaler of 0 takes a group out", () => {
    const balancer = create(cluster("c", [group("a", vms(1), 0), group("b", vms(1, 10), 0.1)]));
    expect(new Set(picks(balancer, 20))).toEqual(new Set(["vm-10"]));
  });

  test("the smaller group's turns are spread, not bunched", () => {
    const balancer = create(cluster("c", [group("a", vms(1), 1), group("b", vms(1, 10), 0.25)]));
    const places = picks(balancer, 50).flatMap((name, place) => (name === "vm-10" ? [place] : []));
    for (const [index, place] of places.entries()) if (index > 0) expect(place - (places[index - 1] ?? 0)).toBe(5);
    expect(places).toHaveLength(10);
  });
});
