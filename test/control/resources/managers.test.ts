/** Instance group managers, the groups that come with them, and what their reports make of both. */
import { beforeEach, describe, expect, it } from "vitest";
import type { GroupReport, InstanceReport } from "#instances/group/spec.ts";
import { compute, openHarness, zone, type Harness } from "./harness.ts";
import { createBase, instanceReport } from "./samples.ts";

const managers = `${compute}/${zone}/instanceGroupManagers`;
const groups = `${compute}/${zone}/instanceGroups`;
const link = (path: string): string => `https://www.googleapis.com${path}`;

let harness: Harness;

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
  await harness.must("POST", managers, {
    name: "web",
    instanceTemplate: "global/instanceTemplates/base",
    targetSize: 2,
    namedPorts: [{ name: "http", port: 8080 }],
    autoHealingPolicies: [{ healthCheck: "global/healthChecks/base", initialDelaySec: 10 }],
  });
});

function report(instances: readonly InstanceReport[], changes: Partial<GroupReport> = {}): void {
  const key = `${zone}/instanceGroups/web`;
  harness.store.putGroupReport({ key, specVersion: 1, sequence: 1, isStable: true, instances, ...changes });
}

describe("a manager", () => {
  it("is unstable, with everything still to be created, before its group has said anything", async () => {
    const got = await harness.must("GET", `${managers}/web`);
    expect(got).toMatchObject({
      status: { isStable: false, versionTarget: { isReached: true } },
      currentActions: { none: 0, creating: 2, deleting: 0, recreating: 0, verifying: 0 },
      instanceGroup: link(`${groups}/web`),
      baseInstanceName: "web",
      versions: [{ instanceTemplate: "global/instanceTemplates/base", targetSize: { calculated: 2 } }],
    });
  });

  it("is stable once its group is and has the wanted size", async () => {
    report([instanceReport("web-1"), instanceReport("web-2")]);
    const got = await harness.must("GET", `${managers}/web`);
    expect(got).toMatchObject({ status: { isStable: true }, currentActions: { none: 2, creating: 0 } });
  });

  it("is unstable at once after resize, whatever the last report said", async () => {
    report([instanceReport("web-1"), instanceReport("web-2")]);
    const op = await harness.must("POST", `${managers}/web/resize?size=3`, "");
    expect(op).toMatchObject({ operationType: "compute.instanceGroupManagers.resize", targetLink: link(`${managers}/web`) });
    const got = await harness.must("GET", `${managers}/web`);
    expect(got).toMatchObject({ targetSize: 3, status: { isStable: false }, currentActions: { none: 2, creating: 1 } });
  });

  it.each([
    ["", "Required field 'size' not specified"],
    ["size=-1", "Invalid value for field 'size': '-1'. Must be greater than or equal to 0"],
    ["size=many", "Invalid value for field 'size': 'many'. Must be greater than or equal to 0"],
  ])("refuses resize?%s", async (query, message) => {
    const { status, body } = await harness.send("POST", `${managers}/web/resize?${query}`);
    expect({ status, message: body.error.message }).toEqual({ status: 400, message });
  });

  it("lists its instances with status, action, template, health and the last error", async () => {
    const starting = instanceReport("web-2", { status: "PROVISIONING", action: "CREATING", health: {}, lastError: "exit 1" });
    report([instanceReport("web-1"), starting], { isStable: false });
    const { managedInstances } = await harness.must("POST", `${managers}/web/listManagedInstances?maxResults=1`, "");
    expect(managedInstances).toEqual([
      {
        instance: link(`${compute}/${zone}/instances/web-1`),
        id: "77",
        name: "web-1",
        instanceStatus: "RUNNING",
        currentAction: "NONE",
        targetStatus: "RUNNING",
        version: { instanceTemplate: link(`${compute}/global/instanceTemplates/base`) },
        instanceHealth: [{ healthCheck: link(`${compute}/global/healthChecks/base`), detailedHealthState: "HEALTHY" }],
      },
      expect.objectContaining({
        instanceStatus: "PROVISIONING",
        currentAction: "CREATING",
        instanceHealth: [expect.objectContaining({ detailedHealthState: "UNKNOWN" })],
        lastAttempt: { errors: { errors: [{ code: "INSTANCE_FAILED", message: "exit 1" }] } },
      }),
    ]);
  });

  it("takes a new template by verb, by field and as a version, and says when instances are behind", async () => {
    await harness.must("POST", `${compute}/global/instanceTemplates`, { name: "next", properties: { machineType: "e2-small" } });
    report([instanceReport("web-1"), instanceReport("web-2")]);
    const next = "global/instanceTemplates/next";
    await harness.must("POST", `${managers}/web/setInstanceTemplate`, { instanceTemplate: next });
    const behind = await harness.must("GET", `${managers}/web`);
    expect(behind).toMatchObject({ instanceTemplate: next, status: { versionTarget: { isReached: false } } });
    await harness.must("PATCH", `${managers}/web`, { versions: [{ instanceTemplate: "global/instanceTemplates/base" }] });
    expect(await harness.must("GET", `${managers}/web`)).toMatchObject({ instanceTemplate: "global/instanceTemplates/base" });
    await harness.must("PATCH", `${managers}/web`, { instanceTemplate: next });
    expect(await harness.must("GET", `${managers}/web`)).toMatchObject({ versions: [{ instanceTemplate: next }] });
  });

  it("keeps target pools, and refuses what is no list of them", async () => {
    const pool = `${compute}/regions/us-central1/targetPools/old`;
    await harness.must("POST", `${managers}/web/setTargetPools`, { targetPools: [pool] });
    expect(await harness.must("GET", `${managers}/web`)).toMatchObject({ targetPools: [pool] });
    for (const body of [{}, { targetPools: [7] }, { targetPools: { x: 1 } }]) {
      expect(await harness.send("POST", `${managers}/web/setTargetPools`, body)).toMatchObject({ status: 400 });
    }
    expect(await harness.must("GET", `${managers}/web`)).toMatchObject({ targetPools: [pool] });
  });

  it("with named versions is not changed by what it answers", async () => {
    await harness.must("POST", `${compute}/global/instanceTemplates`, { name: "canary", properties: { machineType: "e2-small" } });
    await harness.must("PATCH", `${managers}/web`, {
      versions: [
        { name: "stable", instanceTemplate: "global/instanceTemplates/base" },
        { name: "canary", instanceTemplate: "global/instanceTemplates/canary", targetSize: { fixed: 1 } },
      ],
    });
    await harness.must("PATCH", `${managers}/web`, await harness.must("GET", `${managers}/web`));
    expect(harness.changes()).toEqual([]);
  });

  it("takes its group's report with it", async () => {
    report([instanceReport("web-1")]);
    await harness.must("DELETE", `${managers}/web`);
    expect(harness.store.groupReport(`${zone}/instanceGroups/web`)).toBeUndefined();
    expect((await harness.send("GET", `${groups}/web`)).status).toBe(404);
  });

  it("in a region has its instances in the zones that they report, else in its first one", async () => {
    const regional = `${compute}/regions/us-east1/instanceGroupManagers`;
    await harness.must("POST", regional, { name: "wide", instanceTemplate: "global/instanceTemplates/base", targetSize: 1 });
    harness.store.putGroupReport({
      key: "regions/us-east1/instanceGroups/wide",
      specVersion: 1,
      sequence: 1,
      isStable: true,
      instances: [instanceReport("wide-1", { zone: "us-east1-d" })],
    });
    const { managedInstances } = await harness.must("POST", `${regional}/wide/listManagedInstances`, "");
    const url = link(`${compute}/zones/us-east1-d/instances/wide-1`);
    expect(managedInstances[0].instance).toBe(url);
    expect((await harness.must("GET", `${compute}/zones/us-east1-d/instances/wide-1`)).selfLink).toBe(url);
    expect((await harness.send("GET", `${compute}/zones/us-east1-b/instances/wide-1`)).status).toBe(404);
    const group = `${compute}/regions/us-east1/instanceGroups/wide`;
    expect((await harness.must("POST", `${group}/listInstances`, {})).items).toMatchObject([{ instance: url }]);
    const registered = await harness.must("GET", "/wayside/v1/projects/demo/instances");
    expect(registered.instances).toMatchObject([{ name: "wide-1", zone: "us-east1-d" }]);
    expect(await harness.must("GET", `${regional}/wide`)).toMatchObject({
      distributionPolicy: {
        zones: ["b", "c", "d"].map((letter) => ({ zone: link(`${compute}/zones/us-east1-${letter}`) })),
        targetShape: "EVEN",
      },
      updatePolicy: { instanceRedistributionType: "PROACTIVE", maxSurge: { calculated: 3 }, maxUnavailable: { calculated: 3 } },
      region: link(`${compute}/regions/us-east1`),
      status: { isStable: true },
    });
  });
});

describe("a regional manager refuses", () => {
  const fixed = (field: string): string =>
    `Fixed updatePolicy.${field} for regional managed instance group has to be either 0 or at least equal to the number of zones.`;
  it.each([
    [
      { distributionPolicy: { zones: [{ zone: "zones/europe-west1-b" }] } },
      "zones[0].zone': 'zones/europe-west1-b'. It must be a zone of the region",
    ],
    [
      { distributionPolicy: { zones: [{ zone: "zones/us-east1-b" }, {}] } },
      "zones[1].zone': ''. It must be a zone of the region 'us-east1'.",
    ],
    [{ distributionPolicy: { targetShape: "ROUND" } }, "'resource.distributionPolicy.targetShape'"],
    [{ updatePolicy: { instanceRedistributionType: "SOMETIMES" } }, "'resource.updatePolicy.instanceRedistributionType'"],
    [{ updatePolicy: { maxSurge: { fixed: 1 } } }, fixed("maxSurge")],
    [{ updatePolicy: { maxSurge: { fixed: 0 }, maxUnavailable: { fixed: 2 } } }, fixed("maxUnavailable")],
  ])("%j", async (changes, message) => {
    const body = { name: "wide", instanceTemplate: "global/instanceTemplates/base", targetSize: 1, ...changes };
    const refused = await harness.send("POST", `${compute}/regions/us-east1/instanceGroupManagers`, body);
    expect(refused.status).toBe(400);
    expect(refused.body.error.message).toContain(message);
  });

  it("but not as many as there are zones", async () => {
    const body = {
      name: "wide",
      instanceTemplate: "global/instanceTemplates/base",
      targetSize: 1,
      distributionPolicy: { zones: [{ zone: "zones/us-east1-b" }, { zone: "zones/us-east1-d" }] },
      updatePolicy: { maxSurge: { fixed: 2 }, maxUnavailable: { fixed: 0 } },
    };
    await harness.must("POST", `${compute}/regions/us-east1/instanceGroupManagers`, body);
  });
});

describe("the instance group of a manager", () => {
  it("is read like any other", async () => {
    report([instanceReport("web-1"), instanceReport("web-2", { status: "STAGING", action: "CREATING" })]);
    expect(await harness.must("GET", `${groups}/web`)).toMatchObject({
      kind: "compute#instanceGroup",
      size: 2,
      namedPorts: [{ name: "http", port: 8080 }],
    });
    expect((await harness.must("GET", groups)).items.map(({ name }: { name: string }) => name)).toEqual(["web"]);
    const all = await harness.must("POST", `${groups}/web/listInstances`, {});
    expect(all).toMatchObject({
      kind: "compute#instanceGroupsListInstances",
      items: [{ instance: link(`${compute}/${zone}/instances/web-1`), status: "RUNNING" }, { status: "STAGING" }],
    });
    expect((await harness.must("POST", `${groups}/web/listInstances`, { instanceState: "RUNNING" })).items).toHaveLength(1);
  });

  it("gets its named ports from either side", async () => {
    const { fingerprint } = await harness.must("GET", `${groups}/web`);
    const namedPorts = [{ name: "grpc", port: 9090 }];
    await harness.must("POST", `${groups}/web/setNamedPorts`, { namedPorts, fingerprint });
    expect(harness.changes()).toEqual([{ key: `${zone}/instanceGroupManagers/web`, kind: "updated" }]);
    expect(await harness.must("GET", `${managers}/web`)).toMatchObject({ namedPorts });
    expect((await harness.send("POST", `${groups}/web/setNamedPorts`, { namedPorts: [], fingerprint })).status).toBe(412);
  });

  it.each([
    [
      "POST",
      `${groups}/web/addInstances`,
      { instances: [{ instance: `${zone}/instances/vm` }] },
      400,
      /belongs to an instance group manager/,
    ],
    ["DELETE", `${groups}/web`, undefined, 400, /belongs to an instance group manager/],
    ["POST", groups, { name: "web" }, 409, /instanceGroupManagers\/web' already exists/],
  ])("refuses %s %s", async (...[method, path, body, status, message]) => {
    const answer = await harness.send(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toMatch(message);
  });

  it("keeps its name from a manager when it was there first", async () => {
    await harness.must("POST", groups, { name: "old" });
    const answer = await harness.send("POST", managers, { name: "old", instanceTemplate: "global/instanceTemplates/base", targetSize: 0 });
    expect(answer.status).toBe(409);
  });

  it("protects its manager while a backend service uses it", async () => {
    const backends = [{ group: link(`${groups}/web`) }];
    await harness.must("POST", `${compute}/global/backendServices`, {
      name: "b",
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      backends,
    });
    const { status, body } = await harness.send("DELETE", `${managers}/web`);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      message:
        "The instance_group_manager resource 'projects/demo/zones/us-central1-a/instanceGroupManagers/web' is already being used by 'projects/demo/global/backendServices/b'",
      errors: [{ reason: "resourceInUseByAnotherResource" }],
    });
  });
});

describe("instances of a manager", () => {
  it("are instances like any other, and are changed through the manager alone", async () => {
    report([instanceReport("web-1")]);
    const path = `${compute}/${zone}/instances/web-1`;
    expect(await harness.must("GET", path)).toMatchObject({
      kind: "compute#instance",
      id: "77",
      status: "RUNNING",
      networkInterfaces: [{ networkIP: "127.10.0.1" }],
    });
    expect((await harness.must("GET", `${compute}/${zone}/instances`)).items).toHaveLength(1);
    expect((await harness.send("DELETE", path)).status).toBe(400);
  });
});

describe("health of a backend", () => {
  it("is told for each instance, with its address and port; what is not healthy is unhealthy", async () => {
    const group = `${zone}/instanceGroups/web`;
    const service = {
      name: "b",
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      backends: [{ group }],
      healthChecks: ["global/healthChecks/base"],
    };
    await harness.must("POST", `${compute}/global/backendServices`, service);
    const health = `${compute}/global/backendServices/b/getHealth`;
    expect(await harness.must("POST", health, { group: link(`${groups}/web`) })).toEqual({ kind: "compute#backendServiceGroupHealth" });
    report([
      instanceReport("web-1"),
      instanceReport("web-2", { address: "127.10.0.2", health: { "global/healthChecks/base@80": "TIMEOUT" } }),
    ]);
    expect(await harness.must("POST", health, { group: link(`${groups}/web`) })).toEqual({
      kind: "compute#backendServiceGroupHealth",
      healthStatus: [
        { instance: link(`${compute}/${zone}/instances/web-1`), ipAddress: "127.10.0.1", port: 8080, healthState: "HEALTHY" },
        { instance: link(`${compute}/${zone}/instances/web-2`), ipAddress: "127.10.0.2", port: 8080, healthState: "UNHEALTHY" },
      ],
    });
  });

  it.each([
    [{}, 400, "Required field 'resource.group' not specified"],
    [{ group: `${zone}/instanceGroups/none` }, 404, `The resource 'projects/demo/${zone}/instanceGroups/none' was not found`],
    [
      { group: `${zone}/instanceGroups/web` },
      400,
      `Invalid value for field 'resource.group': '${zone}/instanceGroups/web'. The group is not a backend of the backend service 'base'.`,
    ],
  ])("is refused for %j", async (body, status, message) => {
    const answer = await harness.send("POST", `${compute}/global/backendServices/base/getHealth`, body);
    expect({ status: answer.status, message: answer.body.error.message }).toEqual({ status, message });
  });
});
