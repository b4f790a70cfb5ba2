import { describe, expect, test } from "vitest";
import { seededRandom } from "#base/random.ts";
import type { Endpoint, EndpointGroup } from "#ir/cluster.ts";
import { type Admission, ClusterStates } from "#proxy/balance/clusters.ts";
import type { AttemptEnd } from "#proxy/balance/stats.ts";
import { cluster, group, ManualClock } from "../fixture.ts";
import { Bench, detection, failed, fresh, ok, patient, vms } from "./bench.ts";
import { everyPolicy } from "./setup.ts";

const sumOf = (seen: Record<string, number>, prefix: string): number =>
  Object.entries(seen).reduce((sum, [name, count]) => sum + (name.startsWith(prefix) ? count : 0), 0);

describe("outliers", () => {
  const ten = cluster("c", [group("g", vms("vm", 10))], { outlierDetection: detection });

  test("one of ten that fails is left out after five failures, and comes back after the base time", () => {
    const bench = new Bench(ten);
    const first = bench.run(200, (name) => (name === "vm-3" ? failed : ok), 1);
    expect(first["vm-3"]).toBe(5);
    bench.clock.nowMs += 31_000;
    expect(bench.run(100)["vm-3"]).toBe(10);
  });

  test("what is abandoned says nothing of the instance", () => {
    const bench = new Bench(ten);
    expect(bench.run(200, (name) => (name === "vm-3" ? { kind: "abandoned" } : ok))["vm-3"]).toBe(20);
  });

  test("an ejection outlives a configuration, and not the detection", () => {
    const bench = new Bench(ten);
    bench.run(100, (name) => (name === "vm-3" ? failed : ok));
    bench.configure(structuredClone(ten));
    expect(bench.run(90)["vm-3"]).toBeUndefined();
    bench.configure(cluster("c", [group("g", vms("vm", 10))]));
    expect(bench.run(100)["vm-3"]).toBe(10);
  });

  test("an attempt that began under the configuration before counts under the new one", () => {
    const bench = new Bench(ten);
    const begun = Array.from({ length: 50 }, () => bench.begin());
    bench.configure(structuredClone(ten));
    void bench.state;
    for (const { name, end } of begun) end(name === "vm-3" ? failed : ok);
    expect(bench.run(90)["vm-3"]).toBeUndefined();
  });

  test("when most have been ejected, all are asked again", () => {
    const most = cluster("c", [group("g", vms("vm", 4))], { outlierDetection: { ...detection, maxEjectionPercent: 100 } });
    const bench = new Bench(most);
    const seen = bench.run(200, (name) => (name === "vm-0" ? ok : failed));
    expect(Object.keys(seen)).toHaveLength(4);
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
    const strict = new Bench({ ...most, panicPercent: 0 });
    strict.run(200, () => failed);
    expect(strict.begin().name).toBe("none");
  });
});

describe("weights of endpoints", () => {
  const warm = (name: string, count: number): Endpoint[] => vms(name, count).map((each) => ({ ...each, weight: 0.01 }));

  test.each(Object.entries(everyPolicy))("%s: 1 %% of the share of its equals (20,000 requests, p > 0.001)", (_, policy) => {
    const bench = new Bench(cluster("c", [group("g", [...vms("run", 4), ...warm("warm", 1)])], { policy }));
    const seen = bench.run(20_000);
    // One in 401 is 50; where tables of hashes are small, one place of them is what there is to be had.
    const expected = policy.kind === "MAGLEV" ? 20_000 / 251 : 20_000 / 401;
    expect(Math.abs((seen["warm-0"] ?? 0) - expected)).toBeLessThan(3.3 * Math.sqrt(expected) + 4);
  });

  test("a whole group of little weight leaves its share to the others of the tier", () => {
    const bench = new Bench(cluster("c", [group("a", warm("a", 5)), group("b", vms("b", 5))]));
    expect(Math.abs(sumOf(bench.run(10_100), "a") - 100)).toBeLessThan(3);
  });

  test("alone they take everything; so they do in a panic", () => {
    expect(sumOf(new Bench(cluster("c", [group("a", warm("a", 2))])).run(100), "a")).toBe(100);
    const sick = new Bench(cluster("c", [group("a", [...warm("a", 1), ...vms("sick", 4, "UNHEALTHY")])]));
    expect(sumOf(sick.run(401), "a")).toBeLessThanOrEqual(2);
  });

  test("capacity goes with the weight: a full group hands on", () => {
    const capacity = { mode: "RATE", max: 1000, perEndpoint: false } as const;
    const bench = new Bench(
      cluster("c", [
        { ...group("a", warm("a", 2)), capacity },
        { ...group("b", vms("b", 2)), capacity },
      ]),
    );
    expect(sumOf(bench.run(101), "a")).toBeLessThanOrEqual(2);
  });
});

describe("health", () => {
  test("below the panic threshold all are asked, above it only the healthy", () => {
    const share = (sick: number): string[] => {
      const bench = new Bench(cluster("c", [group("g", [...vms("well", 4), ...vms("sick", sick, "UNHEALTHY")])]));
      return Object.keys(bench.run(100)).toSorted();
    };
    expect(share(4)).toEqual(["well-0", "well-1", "well-2", "well-3"]);
    expect(share(5)).toHaveLength(9);
  });

  test("none is healthy and health counts: nobody is asked", () => {
    const bench = new Bench(cluster("c", [group("g", vms("sick", 3, "UNHEALTHY"))], { panicPercent: 0 }));
    expect(bench.begin().name).toBe("none");
    expect(new Bench(cluster("c", [])).begin().name).toBe("none");
  });

  test("71 % of the preferred leave 1 % to the others (10,000 requests, p > 0.001)", () => {
    const preferred = { ...group("p", [...vms("p", 71), ...vms("sick", 29, "UNHEALTHY")]), preferred: true };
    const bench = new Bench(cluster("c", [preferred, group("d", vms("d", 2))]));
    const others = sumOf(bench.run(10_000), "d");
    // Binomial with 100 expected: a standard deviation of 10.
    expect(Math.abs(others - 100)).toBeLessThan(33);
  });

  test("equal requests go to one tier (10,000 callers)", () => {
    const preferred = { ...group("p", [...vms("p", 1), ...vms("sick", 1, "UNHEALTHY")]), preferred: true };
    const bench = new Bench(cluster("c", [preferred, group("d", vms("d", 1))]));
    const random = seededRandom(3);
    const hashes = Array.from({ length: 10_000 }, () => BigInt(Math.floor(random.float() * 2 ** 53)));
    const seen = hashes.map((hash) => {
      const [first, second] = [bench.begin({ ...fresh, hash }).name, bench.begin({ ...fresh, hash }).name];
      expect(second).toBe(first);
      return first;
    });
    // 70 % stay; a standard deviation of 46.
    expect(Math.abs(seen.filter((name) => name === "p-0").length - 7000)).toBeLessThan(152);
  });

  test("a retry goes to another tier when its own has nobody else", () => {
    const preferred = { ...group("p", vms("p", 1)), preferred: true };
    const bench = new Bench(cluster("c", [preferred, group("d", vms("d", 1))]));
    const { state } = bench;
    const first = state.admit(fresh, patient) as Extract<Admission, { kind: "admitted" }>;
    const second = state.admit({ tried: new Set([first.target.key]) }, patient) as Extract<Admission, { kind: "admitted" }>;
    expect([first.target.endpoint.instance, second.target.endpoint.instance]).toEqual(["p-0", "d-0"]);
    expect(bench.begin({ tried: new Set([first.target.key, second.target.key]) }).name).toBe("p-0");
  });
});

describe("circuit breakers", () => {
  test("per backend service, bodies included", () => {
    const bench = new Bench(cluster("c", [group("g", vms("vm", 2))], { circuitBreakers: { maxRequests: 3 } }));
    const begun = [bench.begin(), bench.begin(), bench.begin()];
    expect(bench.begin().name).toBe("overflow");
    begun[0]?.end();
    expect(bench.begin().name).toMatch(/^vm-/);
  });

  test("per endpoint: another one is asked, and when all are at their limit nobody", () => {
    const bench = new Bench(cluster("c", [group("g", vms("vm", 2))], { circuitBreakers: { maxRequestsPerEndpoint: 2 } }));
    const begun = Array.from({ length: 4 }, () => bench.begin());
    expect(begun.map(({ name }) => name).toSorted()).toEqual(["vm-0", "vm-0", "vm-1", "vm-1"]);
    expect(bench.begin().name).toBe("overflow");
    begun[2]?.end();
    expect(bench.begin().name).toBe(begun[2]?.name);
  });

  test("what found nobody takes no place", () => {
    const bench = new Bench(cluster("c", [group("g", vms("vm", 1))], { circuitBreakers: { maxRequests: 2, maxRequestsPerEndpoint: 1 } }));
    const first = bench.begin();
    for (let attempt = 0; attempt < 5; attempt++) expect(bench.begin().name).toBe("overflow");
    first.end();
    expect(bench.begin().name).toBe("vm-0");
  });

  test("whoever waits for a connection gets the endpoint of the moment when there is one", async () => {
    const bench = new Bench(cluster("c", [group("g", vms("vm", 1))], { circuitBreakers: { maxConnections: 1 } }));
    const first = bench.begin();
    const waits = bench.state.admit(fresh, { ended: undefined, sleep: () => new Promise((resolve) => setTimeout(resolve, 5)) });
    first.end();
    expect(await waits).toMatchObject({ kind: "admitted", target: { endpoint: { instance: "vm-0" } } });
  });

  test("maxRetries takes the place of the retry budget", () => {
    const bench = new Bench(cluster("c", [], { circuitBreakers: { maxRetries: 1 } }));
    const retry = bench.state.budget.retry();
    expect([retry === undefined, bench.state.budget.retry()]).toEqual([false, undefined]);
  });
});

describe("capacity", () => {
  const rated = (name: string, max: number, more: Partial<EndpointGroup> = {}): EndpointGroup => ({
    ...group(name, vms(name, 2)),
    capacity: { mode: "RATE", max, perEndpoint: false },
    ...more,
  });

  test("a full group's excess goes to the next tier, and comes back with the room", () => {
    const bench = new Bench(cluster("c", [rated("p", 20, { preferred: true }), rated("d", 1000)]));
    // 100 requests a second for ten seconds: 20 of each hundred find room, and a burst of two.
    expect(
      sumOf(
        bench.run(1000, () => ok, 10),
        "p",
      ),
    ).toBeGreaterThanOrEqual(200);
    expect(
      sumOf(
        bench.run(1000, () => ok, 10),
        "p",
      ),
    ).toBeLessThanOrEqual(203);
    bench.clock.nowMs += 1000;
    expect(
      sumOf(
        bench.run(100, () => ok, 100),
        "p",
      ),
    ).toBe(100);
  });

  test("below its capacity the first tier takes everything", () => {
    const bench = new Bench(cluster("c", [rated("p", 120, { preferred: true }), rated("d", 1000)]));
    expect(
      sumOf(
        bench.run(1000, () => ok, 10),
        "d",
      ),
    ).toBe(0);
  });

  test("when all are full, requests go by what each can take (10,000 requests, p > 0.001)", () => {
    const bench = new Bench(cluster("c", [rated("p", 10, { preferred: true }), rated("d", 30)]));
    bench.run(100);
    const share = sumOf(bench.run(10_000), "d");
    // Binomial with 7,500 expected: a standard deviation of 43.
    expect(Math.abs(share - 7500)).toBeLessThan(143);
  });

  test("within a tier the share is that of the capacity, and a full group's part goes to the others", () => {
    const bench = new Bench(cluster("c", [rated("a", 100), rated("b", 300)]));
    expect(
      Math.round(
        sumOf(
          bench.run(4000, () => ok, 4),
          "a",
        ) / 100,
      ),
    ).toBe(10);
    const uneven = new Bench(cluster("c", [rated("a", 10), { ...rated("b", 1000), endpoints: vms("b", 1) }]));
    expect(
      sumOf(
        uneven.run(1000, () => ok, 2),
        "a",
      ),
    ).toBeLessThanOrEqual(22);
  });

  test("in flight: as many as fit, the others go on", () => {
    const first: EndpointGroup = {
      ...group("p", vms("p", 2)),
      preferred: true,
      capacity: { mode: "IN_FLIGHT", max: 2, perEndpoint: true },
    };
    const bench = new Bench(
      cluster("c", [first, { ...group("d", vms("d", 2)), capacity: { mode: "IN_FLIGHT", max: 100, perEndpoint: false } }]),
    );
    const begun = Array.from({ length: 6 }, () => bench.begin());
    expect(begun.map(({ name }) => name[0]).join("")).toBe("ppppdd");
    begun[0]?.end();
    expect(bench.begin().name).toMatch(/^p/);
  });

  test("utilization: as the endpoints report it, and no limit while they do not", () => {
    const first: EndpointGroup = {
      ...group("p", vms("p", 2)),
      preferred: true,
      capacity: { mode: "UTILIZATION", max: 0.8, perEndpoint: false },
    };
    const bench = new Bench(cluster("c", [first, group("d", vms("d", 2))]));
    const reporting =
      (utilization: number) =>
      (name: string): AttemptEnd =>
        name.startsWith("p")
          ? { kind: "response", status: 200, headers: new Headers({ "endpoint-load-metrics": `TEXT cpu_utilization=${utilization}` }) }
          : ok;
    expect(sumOf(bench.run(100), "p")).toBe(100);
    bench.run(10, reporting(0.9), 300);
    expect(sumOf(bench.run(20), "d")).toBe(20);
    // What is not asked reports nothing; after a while it is given another chance.
    bench.clock.nowMs += 20_000;
    expect(sumOf(bench.run(10, reporting(0.5), 300), "p")).toBe(10);
  });
});

test("an adaptive limit refuses what is over it", () => {
  const bench = new Bench(cluster("c", [group("g", vms("vm", 2))], { adaptiveConcurrency: { minConcurrency: 3, maxConcurrency: 3 } }));
  const begun = [bench.begin(), bench.begin(), bench.begin()];
  expect(bench.begin().name).toBe("overflow");
  begun[0]?.end();
  expect(bench.begin().name).toMatch(/^vm-/);
});

test("a part of the endpoints has health and tiers of its own", () => {
  const all = [group("g", [...vms("blue", 4), ...vms("green", 4, "UNHEALTHY")])];
  const part = [group("g", vms("blue", 4))];
  const bench = new Bench(cluster("c", all));
  const seen = new Set(Array.from({ length: 40 }, () => bench.begin({ ...fresh, groups: part }).name));
  expect([...seen].toSorted()).toEqual(["blue-0", "blue-1", "blue-2", "blue-3"]);
  expect(bench.begin({ ...fresh, groups: [] }).name).toBe("none");
});

test("backend services that a configuration has no more are forgotten", () => {
  const states = new ClusterStates(seededRandom(1), new ManualClock());
  const with1 = new Map([["a", cluster("a", [], { circuitBreakers: { maxRequests: 1 } })]]);
  const before = states.of(with1, "a");
  expect(states.of(with1, "a")).toBe(before);
  expect(states.of(new Map(), "a")).toBeUndefined();
  expect(states.of(with1, "a")).not.toBe(before);
});

describe("observations", () => {
  test("count the attempts sent to each group, for as long as it is configured", () => {
    const bench = new Bench(cluster("c", [group("g", vms("vm", 2)), group("h", vms("other", 2))]));
    bench.run(40);
    const [first = 0, second = 0, ...others] = Object.values(bench.state.observation.requests ?? {});
    expect([first > 0, second > 0, first + second, others]).toEqual([true, true, 40, []]);
    const key = group("g", []).group;
    const before = bench.state.observation.requests?.[key] ?? 0;
    bench.configure(cluster("c", [group("g", vms("vm", 2))]));
    bench.run(10);
    expect(bench.state.observation.requests).toEqual({ [key]: before + 10 });
  });
});
