/** Reported load, from the header to the weight. */
import { describe, expect, test } from "vitest";
import { cluster } from "../fixture.ts";
import { noteLoad, readLoad } from "#proxy/balance/load-report.ts";
import type { Balancer } from "#proxy/balance/balancer.ts";
import { everyPolicy, picks, shares, Tier } from "./setup.ts";

describe("Endpoint-Load-Metrics", () => {
  test.each([
    ["TEXT application_utilization=0.5", { utilization: 0.5 }],
    ["TEXT cpu_utilization=0.3,rps_fractional=100,eps=2", { utilization: 0.3, requestsPerSecond: 100, errorsPerSecond: 2 }],
    ["TEXT cpu_utilization = 0.3 , application_utilization = 1.2", { utilization: 1.2 }],
    ['JSON {"cpu_utilization": 0.3, "rps_fractional": 7}', { utilization: 0.3, requestsPerSecond: 7 }],
    ['JSON {"applicationUtilization": 0.25, "cpuUtilization": 0.9}', { utilization: 0.25 }],
    ["TEXT cpu_utilization=1e-2", { utilization: 0.01 }],
    ["TEXT mem_utilization=0.5", undefined],
    ["TEXT cpu_utilization=-1", undefined],
    ["TEXT cpu_utilization=NaN", undefined],
    ["TEXT cpu_utilization=", undefined],
    ["JSON {", undefined],
    ["JSON [1]", undefined],
    ['JSON {"cpu_utilization": "0.3"}', undefined],
    ["cpu_utilization=0.3", undefined],
    ["", undefined],
    [`TEXT ${"a=1,".repeat(2000)}cpu_utilization=0.3`, undefined],
  ])("%s", (value, load) => expect(readLoad(value)).toEqual(load));

  test.each([
    ["TEXT named_metrics.queue=0.8,cpu_utilization=0.2", ["named_metrics.queue"], 0.8],
    ['JSON {"named_metrics": {"queue": 0.8, "disk": 0.9}}', ["named_metrics.queue", "named_metrics.disk"], 0.9],
    ["TEXT cpu_utilization=0.2", ["named_metrics.queue"], undefined],
    ["TEXT cpu_utilization=0.2,application_utilization=0.4", ["cpu_utilization"], 0.2],
  ])("%s by %j", (value, metrics, utilization) => expect(readLoad(value, metrics)?.utilization).toBe(utilization));
});

describe("WEIGHTED_ROUND_ROBIN", () => {
  const ofPolicy = cluster("c", [], { policy: everyPolicy.WEIGHTED_ROUND_ROBIN });

  /** Each target of a tier reports what stands there, twice, with the blackout in between. */
  const reporting = (values: readonly (string | undefined)[]) => {
    const tier = new Tier(everyPolicy.WEIGHTED_ROUND_ROBIN);
    const targets = tier.targets(values.length);
    const report = (): void => {
      for (const [index, value] of values.entries()) {
        const target = targets[index];
        if (value === undefined || !target) continue;
        const headers = new Headers({ "endpoint-load-metrics": value });
        noteLoad(ofPolicy, target, { end: { kind: "response", status: 200, headers }, now: tier.clock.now() });
      }
    };
    report();
    return { tier, balancer: tier.balancer(targets), report };
  };

  /** Turns that were planned before weights changed are taken as planned. */
  const settle = (balancer: Balancer) => picks(balancer, 60);

  test("an endpoint gets what it can take: its rate by its utilization", () => {
    const { tier, balancer, report } = reporting(["TEXT cpu_utilization=0.9,rps=100", "TEXT cpu_utilization=0.3,rps=100"]);
    tier.clock.nowMs += 10_000;
    report();
    settle(balancer);
    expect(shares(picks(balancer, 400))).toEqual({ "vm-0": 100, "vm-1": 300 });
  });

  test("one that fails counts as busier", () => {
    const values = ["TEXT cpu_utilization=0.3,rps=100,eps=30", "TEXT cpu_utilization=0.3,rps=100"];
    const { tier, balancer, report } = reporting(values);
    tier.clock.nowMs += 10_000;
    report();
    settle(balancer);
    expect(shares(picks(balancer, 300))).toEqual({ "vm-0": 100, "vm-1": 200 });
  });

  test("one without a report gets the average of the others", () => {
    const { tier, balancer, report } = reporting(["TEXT cpu_utilization=1,rps=100", "TEXT cpu_utilization=1,rps=300", undefined]);
    tier.clock.nowMs += 10_000;
    report();
    settle(balancer);
    expect(shares(picks(balancer, 600))).toEqual({ "vm-0": 100, "vm-1": 300, "vm-2": 200 });
  });

  test("nothing is made of reports in the first ten seconds, of a single endpoint's, and of old ones", () => {
    const { tier, balancer, report } = reporting(["TEXT cpu_utilization=0.9,rps=100", "TEXT cpu_utilization=0.3,rps=100"]);
    expect(shares(picks(balancer, 40))).toEqual({ "vm-0": 20, "vm-1": 20 });
    tier.clock.nowMs += 10_000;
    report();
    settle(balancer);
    expect(shares(picks(balancer, 40))).toEqual({ "vm-0": 10, "vm-1": 30 });
    tier.clock.nowMs += 180_001;
    settle(balancer);
    expect(shares(picks(balancer, 40))).toEqual({ "vm-0": 20, "vm-1": 20 });
    const single = reporting(["TEXT cpu_utilization=0.9,rps=100", undefined]);
    single.tier.clock.nowMs += 10_000;
    expect(shares(picks(single.balancer, 40))).toEqual({ "vm-0": 20, "vm-1": 20 });
  });

  test("without a rate of its own an endpoint is given this proxy's", () => {
    const { tier, balancer, report } = reporting(["TEXT cpu_utilization=0.8", "TEXT cpu_utilization=0.2"]);
    for (const target of tier.targets(2)) {
      for (let request = 0; request < 50; request++) target.stats.began(tier.clock.now() + 200 * request);
    }
    tier.clock.nowMs += 10_000;
    report();
    settle(balancer);
    expect(shares(picks(balancer, 500))).toEqual({ "vm-0": 100, "vm-1": 400 });
  });

  test("only this policy reads the header, and only of answers", () => {
    const tier = new Tier(everyPolicy.ROUND_ROBIN);
    const target = tier.target(0);
    const headers = new Headers({ "endpoint-load-metrics": "TEXT cpu_utilization=1" });
    noteLoad(cluster("c", []), target, { end: { kind: "response", status: 200, headers }, now: 0 });
    noteLoad(ofPolicy, target, { end: { kind: "failure" }, now: 0 });
    expect(target.stats.load(0)).toBeUndefined();
  });
});
