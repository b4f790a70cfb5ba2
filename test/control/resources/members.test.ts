/** Members of unmanaged groups, attached endpoints, and VMs registered through our own API. */
import { beforeEach, describe, expect, it } from "vitest";
import { type Random, seededRandom } from "#base/random.ts";
import { compute, openHarness, project, zone, type Harness } from "./harness.ts";
import { createBase } from "./samples.ts";

const groups = `${compute}/${zone}/instanceGroups`;
const negs = `${compute}/${zone}/networkEndpointGroups`;
const vms = `${compute}/${zone}/instances`;
const registrations = `/wayside/v1/projects/${project}/instances`;
const link = (path: string): string => `https://www.googleapis.com${path}`;

let harness: Harness;

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
  await harness.must("POST", groups, { name: "legacy", namedPorts: [{ name: "http", port: 9000 }] });
  for (const [name, networkIP] of [
    ["vm-1", "127.0.0.5"],
    ["vm-2", "127.0.0.6"],
  ] as const) {
    await harness.must("POST", vms, { name, networkInterfaces: [{ networkIP }] });
  }
});

async function message(method: string, path: string, body: Parameters<Harness["send"]>[2]): Promise<[number, string]> {
  const answer = await harness.send(method, path, body);
  return [answer.status, answer.body.error?.message];
}

describe("an unmanaged group", () => {
  it("takes instances in every spelling, counts them, lists them and lets them go", async () => {
    const add = { instances: [{ instance: link(`${vms}/vm-1`) }, { instance: `${zone}/instances/vm-2` }] };
    const op = await harness.must("POST", `${groups}/legacy/addInstances`, add);
    expect(op).toMatchObject({ operationType: "compute.instanceGroups.addInstances", targetLink: link(`${groups}/legacy`) });
    expect(harness.store.get(`${zone}/instanceGroupMembers/legacy`)?.resource).toEqual({
      members: [
        { name: "vm-1", address: "127.0.0.5", instance: `${zone}/instances/vm-1` },
        { name: "vm-2", address: "127.0.0.6", instance: `${zone}/instances/vm-2` },
      ],
    });
    expect((await harness.must("GET", `${groups}/legacy`)).size).toBe(2);
    await harness.must("POST", `${groups}/legacy/removeInstances`, { instances: { instance: "vm-1" } });
    const { items } = await harness.must("POST", `${groups}/legacy/listInstances`, "");
    expect(items).toEqual([{ instance: link(`${vms}/vm-2`), status: "RUNNING", namedPorts: [{ name: "http", port: 9000 }] }]);
  });

  it("loses an instance that is deleted", async () => {
    await harness.must("POST", `${groups}/legacy/addInstances`, { instances: [{ instance: "vm-1" }, { instance: "vm-2" }] });
    await harness.must("DELETE", `${vms}/vm-1`);
    expect(harness.changes()).toEqual([
      { key: `${zone}/instanceGroupMembers/legacy`, kind: "updated" },
      { key: `${zone}/instances/vm-1`, kind: "deleted" },
    ]);
    expect((await harness.must("GET", `${groups}/legacy`)).size).toBe(1);
  });

  it("takes its members with it, and leaves the instances", async () => {
    await harness.must("POST", `${groups}/legacy/addInstances`, { instances: [{ instance: "vm-1" }] });
    await harness.must("DELETE", `${groups}/legacy`);
    expect(harness.store.get(`${zone}/instanceGroupMembers/legacy`)).toBeUndefined();
    await harness.must("GET", `${vms}/vm-1`);
  });

  it("refuses what cannot be a member, and changes nothing", async () => {
    await harness.must("POST", `${groups}/legacy/addInstances`, { instances: [{ instance: "vm-1" }] });
    await harness.must("POST", `${compute}/zones/us-east1-b/instances`, { name: "far", networkInterfaces: [{ networkIP: "10.0.0.1" }] });
    const add = (instance: unknown): Promise<[number, string]> =>
      message("POST", `${groups}/legacy/addInstances`, { instances: [{ instance: instance as string }] });
    expect(await add("vm-1")).toEqual([
      400,
      `Instance 'projects/demo/${zone}/instances/vm-1' is already a member of 'projects/demo/${zone}/instanceGroups/legacy'.`,
    ]);
    expect(await add("vm-9")).toEqual([404, `The resource 'projects/demo/${zone}/instances/vm-9' was not found`]);
    expect((await add("zones/us-east1-b/instances/far"))[1]).toContain("The instance must be in the zone of the group, 'us-central1-a'.");
    expect(await add("no url at all")).toEqual([
      400,
      "Invalid value for field 'instances[0].instance': 'no url at all'. The URL is malformed.",
    ]);
    expect(await add(7)).toEqual([400, "Required field 'instances[0].instance' not specified"]);
    expect(await message("POST", `${groups}/legacy/addInstances`, {})).toEqual([400, "Required field 'instances' not specified"]);
    expect((await message("POST", `${groups}/legacy/removeInstances`, { instances: [{ instance: "vm-2" }] }))[1]).toContain(
      "is not a member of",
    );
    expect((await harness.must("GET", `${groups}/legacy`)).size).toBe(1);
  });

  it("keeps VMs that only their tunnels reach, by the host of the tunnel", async () => {
    const registered = await harness.must("POST", registrations, { name: "vm-7", group: "legacy", tunnel: true, port: 8080 });
    expect(registered).toMatchObject({ name: "vm-7", address: "vm-7.legacy.us-central1-a.tunnel", port: 8080 });
    await harness.must("POST", registrations, { name: "vm-8", group: "legacy", tunnel: true, address: "10.0.0.8" });
    expect(harness.store.get(`${zone}/instanceGroupMembers/legacy`)?.resource).toMatchObject({
      members: [
        { name: "vm-7", address: "vm-7.legacy.us-central1-a.tunnel", port: 8080 },
        { name: "vm-8", address: "vm-8.legacy.us-central1-a.tunnel" },
      ],
    });
    // Its agent says where it is again and again; it stays behind its tunnel until it is said to be no more.
    await harness.must("POST", registrations, { name: "vm-8", group: "legacy", address: "10.0.0.8", port: 81 });
    expect(harness.store.get(`${zone}/instanceGroupMembers/legacy`)?.resource).toMatchObject({
      members: [{ name: "vm-7" }, { name: "vm-8", address: "vm-8.legacy.us-central1-a.tunnel", port: 81 }],
    });
    expect((await harness.must("GET", `${vms}/vm-8`)).networkInterfaces).toEqual([{ networkIP: "10.0.0.8" }]);
    await harness.must("POST", registrations, { name: "vm-8", group: "legacy", address: "10.0.0.8", tunnel: false });
    expect(harness.store.get(`${zone}/instanceGroupMembers/legacy`)?.resource).toMatchObject({
      members: [{ name: "vm-7" }, { name: "vm-8", address: "10.0.0.8" }],
    });
    expect((await message("POST", registrations, { group: "legacy", tunnel: "yes" }))[1]).toBe(
      "Invalid value for field 'tunnel': 'yes'. It must be true or false.",
    );
    expect((await message("POST", registrations, { group: "legacy" }))[1]).toBe("Required field 'address' not specified");
  });

  it("exists in zones only", async () => {
    expect((await message("POST", `${compute}/regions/us-east1/instanceGroups`, { name: "g" }))[1]).toContain("must be in a zone");
  });
});

describe("endpoints", () => {
  it("are attached by hundreds, each of them once, and without waiting long for it", async () => {
    await harness.must("POST", negs, { name: "many", networkEndpointType: "NON_GCP_PRIVATE_IP_PORT", defaultPort: 80 });
    const attach = `${negs}/many/attachNetworkEndpoints`;
    const endpoints = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ ipAddress: `10.0.${(from + index) >> 8}.${(from + index) & 255}` }));
    const [got, why] = await message("POST", attach, { networkEndpoints: endpoints(0, 501) });
    expect([got, why]).toEqual([400, expect.stringContaining("At most 500 are taken in one request.")]);
    for (let from = 0; from < 10_000; from += 500) await harness.must("POST", attach, { networkEndpoints: endpoints(from, 500) });
    await harness.must("POST", attach, { networkEndpoints: endpoints(9_700, 300) });
    const [status, refusal] = await message("POST", attach, { networkEndpoints: endpoints(10_000, 1) });
    expect([status, refusal]).toEqual([400, expect.stringContaining("A network endpoint group has at most 10000.")]);
  });

  it("of private addresses are attached once, listed with their health, and detached", async () => {
    await harness.must("POST", negs, { name: "n", networkEndpointType: "NON_GCP_PRIVATE_IP_PORT", defaultPort: 8080 });
    const attach = `${negs}/n/attachNetworkEndpoints`;
    await harness.must("POST", attach, {
      networkEndpoints: [
        { ipAddress: "10.0.0.1", port: 80 },
        { ipAddress: "10.0.0.2", annotations: { a: "b" } },
      ],
    });
    await harness.must("POST", attach, { networkEndpoints: [{ ipAddress: "10.0.0.1", port: 80 }] });
    expect(harness.changes()).toEqual([]);
    expect((await harness.must("GET", `${negs}/n`)).size).toBe(2);
    await harness.must("POST", `${compute}/global/backendServices`, {
      name: "b",
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      backends: [{ group: `${zone}/networkEndpointGroups/n`, balancingMode: "RATE", maxRatePerEndpoint: 5 }],
      healthChecks: ["global/healthChecks/base"],
    });
    harness.store.putGroupReport({
      key: `${zone}/networkEndpointGroups/n`,
      specVersion: 1,
      sequence: 1,
      isStable: true,
      instances: [
        {
          name: "10.0.0.1",
          id: "1",
          address: "10.0.0.1",
          port: 80,
          status: "RUNNING",
          action: "NONE",
          health: { "global/healthChecks/base@80": "HEALTHY" },
          createdAtMs: 0,
        },
      ],
    });
    const shown = await harness.must("POST", `${negs}/n/listNetworkEndpoints`, { healthStatus: "SHOW" });
    const backendService = { backendService: link(`${compute}/global/backendServices/b`) };
    expect(shown).toMatchObject({
      kind: "compute#networkEndpointGroupsListNetworkEndpoints",
      items: [
        { networkEndpoint: { ipAddress: "10.0.0.1", port: 80 }, healths: [{ backendService, healthState: "HEALTHY" }] },
        {
          networkEndpoint: { ipAddress: "10.0.0.2", port: 8080, annotations: { a: "b" } },
          healths: [{ backendService, healthState: "UNKNOWN" }],
        },
      ],
    });
    await harness.must("POST", `${negs}/n/detachNetworkEndpoints`, { networkEndpoints: [{ ipAddress: "10.0.0.1", port: 80 }] });
    const { items } = await harness.must("POST", `${negs}/n/listNetworkEndpoints`, "");
    expect(items).toEqual([{ networkEndpoint: { ipAddress: "10.0.0.2", port: 8080, annotations: { a: "b" } } }]);
    expect(
      (await message("POST", `${negs}/n/detachNetworkEndpoints`, { networkEndpoints: [{ ipAddress: "10.9.9.9", port: 1 }] }))[1],
    ).toContain("is not attached to");
  });

  it("on VMs get the VM's address and go with the VM", async () => {
    await harness.must("POST", negs, { name: "n", networkEndpointType: "GCE_VM_IP_PORT" });
    await harness.must("POST", `${negs}/n/attachNetworkEndpoints`, { networkEndpoints: [{ instance: link(`${vms}/vm-1`), port: 80 }] });
    const { items } = await harness.must("POST", `${negs}/n/listNetworkEndpoints`, {});
    expect(items).toEqual([{ networkEndpoint: { instance: "vm-1", ipAddress: "127.0.0.5", port: 80 } }]);
    await harness.must("DELETE", `${vms}/vm-1`);
    expect((await harness.must("GET", `${negs}/n`)).size).toBe(0);
  });

  it.each<[string, Record<string, string | number>, number, string]>([
    ["GCE_VM_IP_PORT", { ipAddress: "10.0.0.1", port: 80 }, 400, "Required field 'networkEndpoints[0].instance' not specified"],
    ["GCE_VM_IP_PORT", { instance: "vm-9", port: 80 }, 404, `The resource 'projects/demo/${zone}/instances/vm-9' was not found`],
    ["GCE_VM_IP_PORT", { instance: "vm-1", ipAddress: "10.1.1.1", port: 80 }, 400, "It must be an address of the instance, '127.0.0.5'."],
    ["NON_GCP_PRIVATE_IP_PORT", { port: 80 }, 400, "Required field 'networkEndpoints[0].ipAddress' not specified"],
    ["NON_GCP_PRIVATE_IP_PORT", { ipAddress: "10.0.0.1" }, 400, "Required field 'networkEndpoints[0].port' not specified"],
    ["NON_GCP_PRIVATE_IP_PORT", { ipAddress: "10.0.0.1", port: 70000 }, 400, "It must be a port number, 1 to 65535."],
    ["NON_GCP_PRIVATE_IP_PORT", { ipAddress: "169.254.169.254", port: 80 }, 400, "It must be a unicast address; it is linkLocal."],
    ["INTERNET_FQDN_PORT", { ipAddress: "10.0.0.1", port: 80 }, 400, "Required field 'networkEndpoints[0].fqdn' not specified"],
    ["INTERNET_FQDN_PORT", { fqdn: "metadata.google.internal", port: 80 }, 400, "It is the name of a metadata server."],
    [
      "NON_GCP_PRIVATE_IP_PORT",
      { ipAddress: "10.0.0.1", port: 80, nonsense: 1 },
      400,
      "Unknown name \"nonsense\" at 'networkEndpoints[0]'",
    ],
  ])("of type %s are refused: %j", async (...[networkEndpointType, endpoint, status, text]) => {
    await harness.must("POST", negs, { name: "n", networkEndpointType });
    const [got, why] = await message("POST", `${negs}/n/attachNetworkEndpoints`, { networkEndpoints: [endpoint] });
    expect(got).toBe(status);
    expect(why).toContain(text);
  });
});

describe("registration", () => {
  it("makes an instance and a member in one call, and comes back with another address", async () => {
    const body = { group: "legacy", name: "app-1", address: "127.0.0.7", port: 7000 };
    expect(await harness.must("POST", registrations, body)).toEqual({
      name: "app-1",
      group: "legacy",
      zone: "us-central1-a",
      address: "127.0.0.7",
      port: 7000,
    });
    expect(await harness.must("GET", `${vms}/app-1`)).toMatchObject({ status: "RUNNING", networkInterfaces: [{ networkIP: "127.0.0.7" }] });
    await harness.must("POST", registrations, body);
    expect(harness.changes()).toEqual([]);
    await harness.must("POST", registrations, { ...body, address: "127.0.0.8" });
    const { instances } = await harness.must("GET", registrations);
    expect(instances).toMatchObject([
      {
        name: "app-1",
        group: "legacy",
        groupKey: "zones/us-central1-a/instanceGroups/legacy",
        zone: "us-central1-a",
        address: "127.0.0.8",
        networkInterfaces: [{ networkIP: "127.0.0.8" }],
        port: 7000,
        drained: false,
        status: "RUNNING",
        action: "NONE",
        health: "UNKNOWN",
      },
    ]);
  });

  it("gives a VM that has no name one that nobody has", async () => {
    const seeded = seededRandom(1);
    const drawn = [1, 1, 2];
    const bytes: Random["bytes"] = (length) => (length === 3 ? Uint8Array.from([0, 0, drawn.shift() ?? 9]) : seeded.bytes(length));
    harness = openHarness({ random: { ...seeded, bytes } });
    await harness.must("POST", groups, { name: "legacy" });
    const names = [];
    for (const address of ["127.0.0.7", "127.0.0.8"]) {
      names.push((await harness.must("POST", registrations, { group: "legacy", address })).name);
    }
    expect(names).toEqual(["legacy-000001", "legacy-000002"]);
  });

  it("keeps the labels that a VM brings until it brings others", async () => {
    const body = { group: "legacy", zone: "us-central1-a", name: "app-1", address: "127.0.0.7" };
    await harness.must("POST", registrations, { ...body, labels: { color: "blue" } });
    await harness.must("POST", registrations, { ...body, address: "127.0.0.8" });
    expect(await harness.must("GET", `${vms}/app-1`)).toMatchObject({ labels: { color: "blue" } });
    await harness.must("POST", registrations, { ...body, labels: { color: "green" } });
    expect(await harness.must("GET", `${vms}/app-1`)).toMatchObject({ labels: { color: "green" } });
    for (const labels of ["blue", ["blue"], { color: 1 }]) {
      expect(await message("POST", registrations, { ...body, labels: labels as unknown as string })).toEqual([
        400,
        expect.stringContaining("Invalid value for field 'labels'"),
      ]);
    }
  });

  it("names an instance that brings no name after its group", async () => {
    const { name } = await harness.must("POST", registrations, { group: "legacy", zone: "us-central1-a", address: "127.0.0.9" });
    expect(name).toMatch(/^legacy-[0-9a-f]{6}$/);
  });

  it.each<[Record<string, string | number>, number, string]>([
    [{ address: "10.0.0.1" }, 400, "Required field 'group' not specified"],
    [{ group: "legacy" }, 400, "Required field 'address' not specified"],
    [{ group: "legacy", address: 7 }, 400, "Invalid value for field 'address': '7'."],
    [{ group: "legacy", address: "169.254.169.254" }, 400, "It must be a unicast address; it is linkLocal."],
    [{ group: "legacy", address: "localhost" }, 400, "It must be an IPv4 address"],
    [{ group: "legacy", address: "10.0.0.1", port: 0 }, 400, "It must be a port number, 1 to 65535."],
    [{ group: "legacy", address: "10.0.0.1", name: "Not A Name" }, 400, "Invalid value for field 'resource.name': 'Not A Name'."],
    [{ group: "none", address: "10.0.0.1" }, 404, "instanceGroups/none' was not found"],
    [{ group: "legacy", zone: "us-east1-b", address: "10.0.0.1" }, 404, "zones/us-east1-b/instanceGroups/legacy' was not found"],
    [{ group: "managed", address: "10.0.0.1" }, 400, "a managed group makes its own"],
  ])("is refused: %j", async (body, status, text) => {
    await harness.must("POST", `${compute}/${zone}/instanceGroupManagers`, {
      name: "managed",
      instanceTemplate: "global/instanceTemplates/base",
      targetSize: 0,
    });
    const [got, why] = await message("POST", registrations, body);
    expect(why).toContain(text);
    expect(got).toBe(status);
    expect(harness.changes()).toEqual([]);
  });

  it("refuses this machine's addresses where it is deployed", async () => {
    harness = openHarness({ loopbackAllowed: false });
    await harness.must("POST", groups, { name: "g" });
    expect(await message("POST", registrations, { group: "g", name: "x", address: "127.0.0.1" })).toEqual([
      400,
      "Invalid value for field 'resource.networkInterfaces[0].networkIP': '127.0.0.1'. It must be a unicast address; it is loopback.",
    ]);
  });
});
