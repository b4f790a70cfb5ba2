/** Instances out of traffic and kept alive: what is kept of them beside their groups, and what is forgotten with whom. */
import { beforeEach, describe, expect, it } from "vitest";
import { compute, openHarness, project, zone, type Harness } from "./harness.ts";
import { createBase, instanceReport } from "./samples.ts";

const own = `/wayside/v1/projects/${project}`;
const drainedKey = `${zone}/drainedInstances/web`;
const statesKey = `${zone}/instanceServingStates/web`;

let harness: Harness;

function report(...names: string[]): void {
  const instances = names.map((name) => instanceReport(name));
  harness.store.putGroupReport({ key: `${zone}/instanceGroups/web`, specVersion: 1, sequence: 1, isStable: true, instances });
}

const stored = (key: string): unknown => harness.store.get(key)?.resource;

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
  await harness.must("POST", `${compute}/${zone}/instanceGroupManagers`, {
    name: "web",
    baseInstanceName: "web",
    targetSize: 2,
    instanceTemplate: "global/instanceTemplates/base",
  });
  report("web-1", "web-2");
});

describe("instances of a managed group", () => {
  it("are kept alive and run again one by one, and nothing is stored where all run", async () => {
    expect(await harness.must("POST", `${own}/instances/web-1/keepalive`)).toMatchObject({ servingState: "KEEPALIVE" });
    expect(stored(statesKey)).toEqual({ state: "RUNNING", others: ["web-1"] });
    expect(harness.changes()).toEqual([{ key: statesKey, kind: "created" }]);
    await harness.must("POST", `${own}/instances/web-1/keepalive`);
    expect(harness.changes()).toEqual([]);
    expect(await harness.must("POST", `${own}/instances/web-1:run`)).toMatchObject({ servingState: "RUNNING" });
    expect(stored(statesKey)).toBeUndefined();
  });

  it("have the state of their group, which the next word about one of them is an exception from", async () => {
    expect(await harness.must("POST", `${own}/groups/web/keepalive`)).toEqual({
      name: "web",
      groupKey: `${zone}/instanceGroups/web`,
      zone: "us-central1-a",
      servingState: "KEEPALIVE",
    });
    await harness.must("POST", `${own}/instances/web-2/run`);
    expect(await harness.must("GET", `${own}/groups/web?zone=us-central1-a`)).toMatchObject({ others: ["web-2"] });
    const { instances } = await harness.must("GET", `${own}/instances`);
    expect(instances.map(({ servingState }: { servingState: string }) => servingState)).toEqual(["KEEPALIVE", "RUNNING"]);
    report("web-1", "web-2", "web-new");
    expect(await harness.must("GET", `${own}/instances/web-new`)).toMatchObject({ servingState: "KEEPALIVE" });
    await harness.must("POST", `${own}/groups/web/run`);
    expect(stored(statesKey)).toBeUndefined();
  });

  it("that are gone are forgotten when something is written", async () => {
    await harness.must("POST", `${own}/instances/web-1/keepalive`);
    await harness.must("POST", `${own}/instances/web-1/drain`);
    report("web-2", "web-3");
    await harness.must("POST", `${own}/instances/web-2/keepalive`);
    await harness.must("POST", `${own}/instances/web-3/drain`);
    expect([stored(statesKey), stored(drainedKey)]).toEqual([{ state: "RUNNING", others: ["web-2"] }, { names: ["web-3"] }]);
  });

  it("take it along when their manager goes", async () => {
    await harness.must("POST", `${own}/groups/web/keepalive`);
    await harness.must("POST", `${own}/instances/web-1/drain`);
    await harness.must("DELETE", `${compute}/${zone}/instanceGroupManagers/web`);
    expect([stored(statesKey), stored(drainedKey)]).toEqual([undefined, undefined]);
  });
});

describe("VMs and endpoints that nobody manages", () => {
  it("are kept alive by name, and forgotten when they are deregistered", async () => {
    await harness.must("POST", `${compute}/${zone}/instanceGroups`, { name: "plain" });
    for (const [name, address] of [
      ["vm-1", "127.0.0.5"],
      ["vm-2", "127.0.0.6"],
    ]) {
      await harness.must("POST", `${own}/instances`, { group: "plain", name: name ?? "", address: address ?? "", port: 80 });
    }
    await harness.must("POST", `${own}/instances/vm-1/keepalive`);
    await harness.must("POST", `${own}/instances/vm-2/keepalive`);
    expect(stored(`${zone}/instanceServingStates/plain`)).toEqual({ state: "RUNNING", others: ["vm-1", "vm-2"] });
    await harness.must("DELETE", `${own}/instances/vm-1`);
    expect(stored(`${zone}/instanceServingStates/plain`)).toEqual({ state: "RUNNING", others: ["vm-2"] });
  });

  it("are endpoints as well", async () => {
    await harness.must("POST", `${compute}/${zone}/networkEndpointGroups`, { name: "neg", networkEndpointType: "NON_GCP_PRIVATE_IP_PORT" });
    const networkEndpoints = [{ ipAddress: "10.0.0.1", port: 80 }];
    await harness.must("POST", `${compute}/${zone}/networkEndpointGroups/neg/attachNetworkEndpoints`, { networkEndpoints });
    await harness.must("POST", `${own}/instances/10.0.0.1/keepalive?group=neg`);
    expect(stored(`${zone}/endpointServingStates/neg`)).toEqual({ state: "RUNNING", others: ["10.0.0.1"] });
    expect(await harness.must("POST", `${own}/groups/neg/keepalive`)).toMatchObject({ servingState: "KEEPALIVE" });
  });
});

describe("is refused, and changes nothing", () => {
  it.each([
    ["POST", "groups/nobody/keepalive", 404],
    ["POST", "groups/web/keepalive?region=us-central1", 404],
    ["POST", "groups/web/explode", 404],
    ["PUT", "groups/web/keepalive", 405],
    ["POST", "instances/nobody/keepalive", 404],
    ["POST", "groupSwitches/none/return", 404],
    ["POST", "groupSwitches/none/advance", 404],
  ])("%s %s", async (method, path, status) => {
    expect((await harness.send(method, `${own}/${path}`)).status).toBe(status);
    expect(stored(statesKey)).toBeUndefined();
  });
});
