/** Verbs of a manager about single instances: what they refuse, what they change, what they hand to the group. */
import { beforeEach, describe, expect, it } from "vitest";
import type { GroupIntents } from "#control/compiler/membership.ts";
import type { GroupReport } from "#instances/group/spec.ts";
import { compute, openHarness, zone, type Harness } from "./harness.ts";
import { createBase, instanceReport } from "./samples.ts";

const manager = `${compute}/${zone}/instanceGroupManagers/web`;
const url = (name: string): string => `https://www.googleapis.com${compute}/${zone}/instances/${name}`;

let harness: Harness;

function report(changes: Partial<GroupReport> = {}): void {
  const instances = [
    instanceReport("web-1"),
    instanceReport("web-2"),
    instanceReport("web-3", { status: "STOPPED" }),
    instanceReport("web-4", { status: "SUSPENDED" }),
  ];
  harness.store.putGroupReport({ key: `${zone}/instanceGroups/web`, specVersion: 1, sequence: 1, isStable: true, instances, ...changes });
}

const intents = (): GroupIntents["intents"] =>
  (harness.store.get(`${zone}/instanceGroupIntents/web`)?.resource as GroupIntents | undefined)?.intents ?? [];

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
  await harness.must("POST", `${compute}/${zone}/instanceGroupManagers`, {
    name: "web",
    instanceTemplate: "global/instanceTemplates/base",
    targetSize: 2,
    targetStoppedSize: 1,
    targetSuspendedSize: 1,
  });
  report();
});

describe("what is asked of instances", () => {
  it.each([
    [
      "recreateInstances",
      { instances: [url("web-1"), "zones/us-central1-a/instances/web-2"] },
      { kind: "recreate", names: ["web-1", "web-2"] },
      2,
      1,
      1,
    ],
    ["recreateInstances", { instances: [url("web-1"), url("web-1")] }, { kind: "recreate", names: ["web-1"] }, 2, 1, 1],
    ["deleteInstances", { instances: [url("web-1")] }, { kind: "delete", names: ["web-1"] }, 1, 1, 1],
    ["abandonInstances", { instances: [url("web-1"), url("web-2")] }, { kind: "abandon", names: ["web-1", "web-2"] }, 0, 1, 1],
    ["stopInstances", { instances: [url("web-1")] }, { kind: "stop", names: ["web-1"] }, 1, 2, 1],
    ["suspendInstances", { instances: [url("web-1")] }, { kind: "suspend", names: ["web-1"] }, 1, 1, 2],
    ["startInstances", { instances: [url("web-3")] }, { kind: "start", names: ["web-3"] }, 3, 0, 1],
    ["resumeInstances", { instances: [url("web-4")] }, { kind: "start", names: ["web-4"] }, 3, 1, 0],
    ["createInstances", { instances: [{ name: "web-a" }, { name: "web-b" }] }, { kind: "create", names: ["web-a", "web-b"] }, 4, 1, 1],
    [
      "applyUpdatesToInstances",
      { instances: [url("web-2")] },
      { kind: "update", names: ["web-2"], minimalAction: "NONE", mostDisruptive: "REPLACE" },
      2,
      1,
      1,
    ],
    [
      "applyUpdatesToInstances",
      { allInstances: true, minimalAction: "RESTART" },
      { kind: "update", minimalAction: "RESTART", mostDisruptive: "REPLACE" },
      2,
      1,
      1,
    ],
  ])("%s %j", async (...row) => {
    const [verb, body, intent, targetSize, targetStoppedSize, targetSuspendedSize] = row;
    const operation = await harness.must("POST", `${manager}/${verb}`, body);
    expect(operation).toMatchObject({ operationType: `compute.instanceGroupManagers.${verb}` });
    expect(intents()).toEqual([{ ...intent, id: 1 }]);
    const got = await harness.must("GET", manager);
    expect(got).toMatchObject({ targetSize, targetStoppedSize, targetSuspendedSize, status: { isStable: false } });
  });

  it("is kept until the group has done it, and counted on from there", async () => {
    await harness.must("POST", `${manager}/recreateInstances`, { instances: [url("web-1")] });
    await harness.must("POST", `${manager}/recreateInstances`, { instances: [url("web-2")] });
    expect(intents().map(({ id }) => id)).toEqual([1, 2]);
    report({ intentsDone: 1, sequence: 2 });
    await harness.must("POST", `${manager}/recreateInstances`, { instances: [url("web-1")] });
    expect(intents().map(({ id }) => id)).toEqual([2, 3]);
    report({ intentsDone: 3, sequence: 3 });
    expect(await harness.must("GET", manager)).toMatchObject({ status: { isStable: true } });
  });

  it("goes with the manager", async () => {
    await harness.must("POST", `${manager}/recreateInstances`, { instances: [url("web-1")] });
    await harness.must("DELETE", manager);
    expect(harness.store.get(`${zone}/instanceGroupIntents/web`)).toBeUndefined();
  });
});

describe("what is refused", () => {
  it.each([
    ["recreateInstances", {}, "Required field 'instances' not specified"],
    ["deleteInstances", { instances: [] }, "Required field 'instances' not specified"],
    ["abandonInstances", { instances: [7] }, "Required field 'instances[0]' not specified"],
    ["stopInstances", { instances: [url("web-9")] }, "instances[0]"],
    ["startInstances", { instances: [url("web-1")] }, "The instance is RUNNING, not STOPPED."],
    ["resumeInstances", { instances: [url("web-3")] }, "The instance is STOPPED, not SUSPENDED."],
    ["createInstances", { instances: [{ name: "web-1" }] }, "An instance of that name is there already."],
    ["createInstances", { instances: [{ name: "web-a" }, { name: "web-a" }] }, "instances[1].name"],
    ["createInstances", { instances: [{}] }, "Required field 'instances[0].name' not specified"],
    ["applyUpdatesToInstances", { allInstances: true, instances: [url("web-1")] }, "cannot be set together with 'instances'"],
    ["applyUpdatesToInstances", { allInstances: true, mostDisruptiveAllowedAction: "EXPLODE" }, "mostDisruptiveAllowedAction"],
  ])("%s %j", async (verb, body, message) => {
    const refused = await harness.send("POST", `${manager}/${verb}`, body);
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain(message);
    expect(intents()).toEqual([]);
    expect(await harness.must("GET", manager)).toMatchObject({ targetSize: 2 });
  });
});

describe("rollback", () => {
  it("needs a version to go back to", async () => {
    report({ goodTemplates: ["instanceTemplates/base"] });
    const refused = await harness.send("POST", `${manager}/rollback`);
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain("has no version to go back to");
  });

  it("goes to the last good one, and tells an opportunistic group to update", async () => {
    const properties = { machineType: "e2-small" };
    await harness.must("POST", `${compute}/global/instanceTemplates`, { name: "next", properties });
    await harness.must("PATCH", manager, { versions: [{ instanceTemplate: "global/instanceTemplates/next" }] });
    report({ goodTemplates: ["instanceTemplates/base"] });
    await harness.must("POST", `${manager}/rollback`);
    expect((await harness.must("GET", manager))["instanceTemplate"]).toMatch(/\/global\/instanceTemplates\/base$/);
    expect(intents()).toEqual([{ id: 1, kind: "update", minimalAction: "NONE", mostDisruptive: "REPLACE" }]);
  });
});

describe("listErrors", () => {
  it("has what befell instances, and what an update waits for", async () => {
    const instances = [instanceReport("web-1", { lastError: "exit code 1" }), instanceReport("web-2")];
    report({ instances, update: { updated: 1, size: 2, waits: ["web-2 of instanceTemplates/base is UNHEALTHY by healthChecks/hc"] } });
    expect(await harness.must("GET", `${manager}/listErrors`)).toMatchObject({
      items: [
        { error: { code: "INSTANCE_FAILED", message: "exit code 1" }, instanceActionDetails: { action: "NONE", instance: url("web-1") } },
        { error: { code: "UPDATE_WAITS", message: "web-2 of instanceTemplates/base is UNHEALTHY by healthChecks/hc" } },
      ],
    });
  });
});

describe("updatePolicy", () => {
  it.each([
    [{ maxSurge: { percent: 20 } }, "Percent is allowed only for groups with at least 10 instances."],
    [{ maxSurge: { fixed: 0 }, maxUnavailable: { fixed: 0 } }, "At least one of maxSurge and maxUnavailable must be greater than 0."],
    [{ replacementMethod: "RECREATE", maxSurge: { fixed: 1 } }, "maxSurge must be equal to 0 when replacement method is set to RECREATE"],
    [{ minimalAction: "REPLACE", mostDisruptiveAllowedAction: "RESTART" }, "The most disruptive allowed action, RESTART, is less than it."],
  ])("%j is refused", async (updatePolicy, message) => {
    const refused = await harness.send("PATCH", manager, { updatePolicy });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain(message);
  });

  it("allInstancesConfig is effective once no instance lacks it", async () => {
    const shown = async (): Promise<unknown> => (await harness.must("GET", manager))["status"];
    expect(await shown()).toMatchObject({ allInstancesConfig: { effective: true } });
    await harness.must("PATCH", manager, { allInstancesConfig: { properties: { labels: { tier: "gold" } } } });
    report({ outdated: 2 });
    expect(await shown()).toMatchObject({ allInstancesConfig: { effective: false } });
    report({ sequence: 2 });
    expect(await shown()).toMatchObject({ allInstancesConfig: { effective: true } });
  });

  it("answers what its limits come to", async () => {
    await harness.must("PATCH", manager, { targetSize: 15, updatePolicy: { type: "PROACTIVE", maxSurge: { percent: 10 } } });
    expect((await harness.must("GET", manager))["updatePolicy"]).toMatchObject({
      maxSurge: { percent: 10, calculated: 2 },
      maxUnavailable: { calculated: 1 },
    });
  });
});
