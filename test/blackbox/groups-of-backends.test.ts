/** Which group of a backend service gets how much: detectors, capacities, places and drains, over real HTTP to real servers. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Backends, hold, of, project, reason, type Vm } from "./harness/backends.ts";
import { compute, createMesh, services, zone } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { watchFor } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

let mesh: Mesh;
let backends: Backends;

beforeAll(async () => {
  mesh = await startMesh(["--config-refresh", "250ms"]);
  backends = new Backends(mesh);
  await createMesh(mesh.api, project);
});

afterAll(async () => {
  expect(mesh.output()).not.toContain("internal error");
  expect(await mesh.stop()).toBe(0);
  await backends.close();
});

const patchService = (name: string, fields: object): Promise<unknown> =>
  must(mesh.api, "PATCH", `${compute(project)}/global/backendServices/${name}`, fields);

const patchLbPolicy = (name: string, fields: object): Promise<unknown> =>
  must(mesh.api, "PATCH", `${services(project)}/serviceLbPolicies/${name}?updateMask=${Object.keys(fields).join(",")}`, fields);

/** Waits until exactly these VMs answer of so many requests. */
const answered = (
  what: string,
  name: string,
  { answering, count = 24 }: { answering: readonly string[]; count?: number },
): Promise<unknown> =>
  until(`${what}: ${answering.join(", ")}`, 20_000, async () => {
    const seen = Object.keys(await backends.inTurn(name, count));
    return (
      seen.toSorted().join() ===
      answering
        .map((vm) => `200 ${vm}`)
        .toSorted()
        .join()
    );
  });

describe("outlier detection", () => {
  it("by gateway failures in a row, of which other errors are none", async () => {
    const outlierDetection = { consecutiveGatewayFailure: 3, baseEjectionTime: { seconds: 60 } };
    const groups = [{ name: "gateway", vms: ["gateway-0", "gateway-1", "gateway-2"] }];
    const vms = await backends.service("gateway", { groups, more: { outlierDetection } });
    (vms["gateway-1"] as Vm).status = 500;
    expect(of(await backends.inTurn("gateway", 60), /^500/)).toBe(20);
    (vms["gateway-1"] as Vm).status = 503;
    expect(of(await backends.inTurn("gateway", 60), /^503/)).toBe(3);
  });

  it("by a success rate that is far below the others'", async () => {
    const outlierDetection = {
      interval: { seconds: 1 },
      baseEjectionTime: { seconds: 60 },
      successRateMinimumHosts: 5,
      successRateRequestVolume: 10,
      successRateStdevFactor: 1500,
    };
    const names = Array.from({ length: 5 }, (_, index) => `rated-${index}`);
    const vms = await backends.service("rated", { groups: [{ name: "rated", vms: names }], more: { outlierDetection } });
    const sick = vms["rated-3"] as Vm;
    // Never two failures in a row.
    sick.status = () => (sick.requests % 2 === 0 ? 500 : 200);
    await answered("without the one", "rated", { answering: names.filter((name) => name !== "rated-3"), count: 100 });
    expect(sick.requests).toBeGreaterThan(10);
  });
});

describe("capacity", () => {
  it.each([
    ["in-flight", { balancingMode: "IN_FLIGHT", maxInFlightRequests: 3 }, 3],
    ["connection", { balancingMode: "CONNECTION", maxConnectionsPerInstance: 2 }, 4],
  ])("%s: what does not fit goes to the other group", async (name, backend, fitting) => {
    const groups = [
      { name: `${name}-a`, vms: [`${name}-a0`, `${name}-a1`], backend: { preference: "PREFERRED", ...backend } },
      { name: `${name}-b`, zone: "us-east1-b", vms: [`${name}-b0`] },
    ];
    const vms = await backends.service(name, { groups });
    const all = Object.values(vms);
    const held = hold(all);
    const answers = backends.atOnce(name, 10);
    await until("all are under way", 10_000, async () => all.reduce((sum, vm) => sum + vm.inFlight, 0) === 10);
    held.release();
    const seen = await answers;
    expect([of(seen, /-a\d$/), of(seen, /-b0$/)]).toEqual([fitting, 10 - fitting]);
    // One after the other, all fit.
    expect(of(await backends.inTurn(name, 10), /-a\d$/)).toBe(10);
  });

  it("by utilization: a group that reports more than it should is spared until it reports less", async () => {
    const groups = [
      { name: "used-a", vms: ["used-a0"], backend: { preference: "PREFERRED", balancingMode: "UTILIZATION", maxUtilization: 0.6 } },
      { name: "used-b", zone: "us-east1-b", vms: ["used-b0"] },
    ];
    const vms = await backends.service("used", { groups });
    const first = vms["used-a0"] as Vm;
    first.load = "TEXT cpu_utilization=0.3";
    await answered("below its limit", "used", { answering: ["used-a0"] });
    first.load = "TEXT cpu_utilization=0.9";
    await answered("above it", "used", { answering: ["used-b0"] });
    first.load = "TEXT cpu_utilization=0.3";
    await answered("below it again", "used", { answering: ["used-a0"] });
  });

  it("scaled, by capacityScaler, and nothing at 0", async () => {
    const groups = [
      { name: "scaled-a", vms: ["scaled-a0"] },
      { name: "scaled-b", vms: ["scaled-b0"], backend: { capacityScaler: 0.25 } },
    ];
    await backends.service("scaled", { groups });
    const seen = await backends.inTurn("scaled", 100);
    expect([of(seen, /a0$/), of(seen, /b0$/)]).toEqual([80, 20]);
    const group = (name: string): string => `zones/${zone}/instanceGroups/${name}`;
    await patchService("scaled", {
      backends: [{ group: group("scaled-a"), capacityScaler: 0 }, { group: group("scaled-b") }],
    });
    await answered("without the group", "scaled", { answering: ["scaled-b0"] });
  });
});

describe("places", () => {
  it("one after the other or all at once, as the algorithm says", async () => {
    const groups = [
      { name: "near", zone: "us-central1-a", vms: ["near-0"] },
      { name: "region", zone: "us-central1-b", vms: ["region-0"] },
      { name: "world", zone: "europe-west1-b", vms: ["world-0"] },
    ];
    const lbPolicy = { loadBalancingAlgorithm: "WATERFALL_BY_ZONE" };
    await backends.service("sprayed", { groups, lbPolicy, policy: { zone: "us-central1-a" } });
    await answered("by zone", "sprayed", { answering: ["near-0"] });
    await patchLbPolicy("sprayed", { loadBalancingAlgorithm: "WATERFALL_BY_REGION" });
    await answered("by region", "sprayed", { answering: ["near-0", "region-0"] });
    await patchLbPolicy("sprayed", { loadBalancingAlgorithm: "SPRAY_TO_WORLD" });
    await answered("everywhere", "sprayed", { answering: ["near-0", "region-0", "world-0"] });
    await patchLbPolicy("sprayed", { loadBalancingAlgorithm: "SPRAY_TO_REGION" });
    await answered("over the region", "sprayed", { answering: ["near-0", "region-0"] });
  });

  it("hand on what their health does not allow, by failoverHealthThreshold, and nothing where they are isolated", async () => {
    const groups = [
      { name: "own", zone: "us-central1-a", vms: ["own-0", "own-1"] },
      { name: "other", zone: "us-east1-b", vms: ["other-0"] },
    ];
    const lbPolicy = { loadBalancingAlgorithm: "WATERFALL_BY_REGION", failoverConfig: { failoverHealthThreshold: 50 } };
    const policy = { zone: "us-central1-a", panicPercent: 0 };
    const vms = await backends.service("failover", { groups, lbPolicy, policy, isChecked: true });
    (vms["own-0"] as Vm).isHealthy = false;
    await answered("half is enough", "failover", { answering: ["own-1"], count: 40 });
    await patchLbPolicy("failover", { failoverConfig: { failoverHealthThreshold: 99 } });
    await answered("half is not enough", "failover", { answering: ["other-0", "own-1"], count: 40 });
    (vms["own-1"] as Vm).isHealthy = false;
    await answered("none is left", "failover", { answering: ["other-0"] });
    await patchLbPolicy("failover", { isolationConfig: { isolationGranularity: "REGION", isolationMode: "STRICT" } });
    await until("isolated", 20_000, async () => reason(await backends.get("failover")) === "503 no_healthy_endpoints");
  });

  it("autoCapacityDrain takes out a group of which hardly anybody is well", async () => {
    const names = Array.from({ length: 5 }, (_, index) => `drained-a${index}`);
    const groups = [
      { name: "drained-a", vms: names },
      { name: "drained-b", vms: ["drained-b0"] },
    ];
    const vms = await backends.service("drained", { groups, lbPolicy: {}, policy: { panicPercent: 0 }, isChecked: true });
    for (const name of names.slice(1)) (vms[name] as Vm).isHealthy = false;
    await answered("the healthy", "drained", { answering: ["drained-a0", "drained-b0"] });
    await patchLbPolicy("drained", { autoCapacityDrain: { enable: true } });
    await answered("the other group", "drained", { answering: ["drained-b0"] });
  });
});

describe("an instance that leaves", () => {
  it("finishes what it has and gets nothing new", async () => {
    const groups = [{ name: "leaving", vms: ["leaving-0", "leaving-1"] }];
    const vms = await backends.service("leaving", { groups, more: { connectionDraining: { drainingTimeoutSec: 30 } } });
    const first = vms["leaving-0"] as Vm;
    const second = vms["leaving-1"] as Vm;
    const held = hold([first, second]);
    const answers = backends.atOnce("leaving", 6);
    await until("three at each", 10_000, async () => first.inFlight === 3 && second.inFlight === 3);
    second.held = undefined;
    await must(mesh.api, "POST", `${compute(project)}/zones/${zone}/instanceGroups/leaving/removeInstances`, {
      instances: [{ instance: `zones/${zone}/instances/leaving-0` }],
    });
    const alone = async (): Promise<boolean> => {
      const before = second.requests;
      // What the first one got would wait, and so would this.
      const reply = await Promise.race([backends.get("leaving"), watchFor(500)]);
      return reply !== undefined && second.requests === before + 1;
    };
    await until("the proxy has taken it out", 10_000, async () => (await alone()) && (await alone()));
    const { requests } = first;
    expect(await backends.inTurn("leaving", 20)).toEqual({ "200 leaving-1": 20 });
    expect([first.requests, first.inFlight >= 3]).toEqual([requests, true]);
    held.release();
    expect(await answers).toEqual({ "200 leaving-0": 3, "200 leaving-1": 3 });
  });
});
