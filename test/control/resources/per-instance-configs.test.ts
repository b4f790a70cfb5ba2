/** Per-instance configs: what is taken, refused and shown, held against what instances report. */
import { beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { compileGroup } from "#control/compiler/groups.ts";
import { inertWarnings } from "#control/compiler/inert.ts";
import type { ResourceView } from "#control/compiler/view.ts";
import type { GroupReport, InstanceReport } from "#instances/group/spec.ts";
import { compute, openHarness, project, zone, type Harness } from "./harness.ts";
import { createBase, instanceReport } from "./samples.ts";

const manager = `${compute}/${zone}/instanceGroupManagers/web`;
const metadata = (color: string): JsonObject => ({ preservedState: { metadata: { color } } });

let harness: Harness;
let sequence = 0;

function report(instances: readonly InstanceReport[], changes: Partial<GroupReport> = {}): void {
  const key = `${zone}/instanceGroups/web`;
  harness.store.putGroupReport({ key, specVersion: 1, sequence: ++sequence, isStable: true, instances, ...changes });
}

function view(): ResourceView {
  const { store } = harness;
  return {
    project,
    get: (key) => store.get(key)?.resource,
    list: (collection) => store.list(collection),
    groupReport: (key) => store.groupReport(key),
    secretVersion: () => null,
  };
}

/** What the group is told. */
const told = () => compileGroup(view(), `${zone}/instanceGroups/web`)?.spec.managed;
const revisionOf = (name: string): number => told()?.configs?.[name]?.revision ?? -1;

async function listed(): Promise<JsonObject[]> {
  return ((await harness.must("POST", `${manager}/listPerInstanceConfigs`, "")) as { items: JsonObject[] }).items;
}

async function stateful(): Promise<JsonObject> {
  return ((await harness.must("GET", manager)) as { status: { stateful: JsonObject } }).status.stateful;
}

const put = (verb: "patch" | "update", ...perInstanceConfigs: JsonObject[]) =>
  harness.send("POST", `${manager}/${verb}PerInstanceConfigs`, { perInstanceConfigs });

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
  await harness.must("POST", `${compute}/${zone}/instanceGroupManagers`, {
    name: "web",
    instanceTemplate: "global/instanceTemplates/base",
    targetSize: 2,
  });
  report([instanceReport("web-1"), instanceReport("web-2")]);
});

describe("a config", () => {
  it("is there for an instance of the group, and told to it", async () => {
    expect(await listed()).toEqual([]);
    expect(await stateful()).toEqual({ hasStatefulConfig: false, perInstanceConfigs: { allEffective: true } });
    const operation = (await put("update", { name: "web-1", ...metadata("blue") })).body;
    expect(operation).toMatchObject({ operationType: "compute.instanceGroupManagers.updatePerInstanceConfigs", status: "DONE" });
    expect(await listed()).toEqual([{ name: "web-1", ...metadata("blue"), status: "UNAPPLIED", fingerprint: expect.any(String) }]);
    expect(told()?.configs).toEqual({ "web-1": { revision: expect.any(Number), metadata: { color: "blue" } } });
    expect(await stateful()).toEqual({ hasStatefulConfig: true, perInstanceConfigs: { allEffective: false } });
    expect(harness.changes()).toEqual([]);
  });

  it.each([
    ["NONE", "RUNNING", "applied", "EFFECTIVE"],
    ["VERIFYING", "RUNNING", "applied", "EFFECTIVE"],
    ["NONE", "RUNNING", "none", "UNAPPLIED"],
    ["NONE", "RUNNING", "older", "UNAPPLIED"],
    ["NONE", "STOPPED", "none", "UNAPPLIED"],
    ["RESTARTING", "STOPPING", "none", "APPLYING"],
    ["RECREATING", "TERMINATED", "older", "APPLYING"],
    ["RECREATING", "STAGING", "applied", "APPLYING"],
    ["STARTING", "STAGING", "applied", "APPLYING"],
    ["RESUMING", "PROVISIONING", "none", "APPLYING"],
    ["CREATING", "STAGING", "applied", "APPLYING"],
  ] as const)("of an instance that is %s, %s, with its config %s is %s", async (action, status, applied, expected) => {
    await put("update", { name: "web-1", ...metadata("red") });
    const older = revisionOf("web-1");
    await put("update", { name: "web-1", ...metadata("blue") });
    const config = { applied: revisionOf("web-1"), none: undefined, older }[applied];
    report([instanceReport("web-1", { action, status, ...(config !== undefined && { config }) }), instanceReport("web-2")]);
    expect(await listed()).toMatchObject([{ name: "web-1", status: expected }]);
    expect((await stateful())["perInstanceConfigs"]).toEqual({ allEffective: expected === "EFFECTIVE" });
  });

  it.each([
    ["RUNNING", "NONE", "UNAPPLIED_DELETION"],
    ["STOPPING", "RESTARTING", "DELETING"],
  ] as const)("that is deleted goes when its instance has let go of it; %s/%s: %s", async (status, action, expected) => {
    await put("update", { name: "web-1", ...metadata("blue") });
    const config = revisionOf("web-1");
    report([instanceReport("web-1", { config, status, action })]);
    await harness.must("POST", `${manager}/deletePerInstanceConfigs`, { names: ["web-1"] });
    expect(told()).not.toHaveProperty("configs");
    expect(await listed()).toMatchObject([{ name: "web-1", ...metadata("blue"), status: expected }]);
    expect(await stateful()).toEqual({ hasStatefulConfig: false, perInstanceConfigs: { allEffective: false } });
    report([instanceReport("web-1")]);
    expect(await listed()).toEqual([]);
    expect(await stateful()).toEqual({ hasStatefulConfig: false, perInstanceConfigs: { allEffective: true } });
  });

  it("that nobody has is gone as soon as it is deleted", async () => {
    await put("update", { name: "web-1", ...metadata("blue") });
    await harness.must("POST", `${manager}/deletePerInstanceConfigs`, { names: ["web-1"] });
    expect(await listed()).toEqual([]);
  });

  it("goes with its instance, whoever ended that", async () => {
    await put("update", { name: "web-1", ...metadata("blue") }, { name: "web-2", ...metadata("green") });
    await harness.must("POST", `${manager}/deleteInstances`, { instances: [`${zone}/instances/web-1`] });
    expect(Object.keys(told()?.configs ?? {})).toEqual(["web-2"]);
    report([], { intentsDone: 1 });
    expect(await listed()).toEqual([]);
    expect(await stateful()).toMatchObject({ hasStatefulConfig: false });
    // Another of that name has nothing of it.
    await harness.must("POST", `${manager}/createInstances`, { instances: [{ name: "web-2" }] });
    expect(await listed()).toEqual([]);
    expect(told()).not.toHaveProperty("configs");
  });

  it("goes with its manager", async () => {
    await put("update", { name: "web-1", ...metadata("blue") });
    await harness.must("DELETE", manager);
    expect(harness.store.list("perInstanceConfigs")).toEqual([]);
  });

  it("comes with an instance that is made by name", async () => {
    await harness.must("POST", `${manager}/createInstances`, { instances: [{ name: "web-a", ...metadata("blue") }, { name: "web-b" }] });
    expect(await listed()).toMatchObject([{ name: "web-a", ...metadata("blue"), status: "APPLYING" }]);
    expect(told()).toMatchObject({ targetSize: 4, configs: { "web-a": { metadata: { color: "blue" } } } });
    const applied = instanceReport("web-a", { config: revisionOf("web-a") });
    report([instanceReport("web-1"), instanceReport("web-2"), applied, instanceReport("web-b")], { intentsDone: 1 });
    expect(await listed()).toMatchObject([{ name: "web-a", status: "EFFECTIVE" }]);
  });

  it("is patched field by field, and replaced whole by an update", async () => {
    const disks = { data: { source: "zones/us-central1-a/disks/d", mode: "READ_WRITE" } };
    await put("patch", { name: "web-1", preservedState: { metadata: { color: "blue", size: "xl" }, disks } });
    await put("patch", { name: "web-1", preservedState: { metadata: { size: null, shape: "round" } } });
    expect(await listed()).toMatchObject([{ preservedState: { metadata: { color: "blue", shape: "round" }, disks } }]);
    const revision = revisionOf("web-1");
    await put("patch", { name: "web-1" });
    expect(revisionOf("web-1")).toBe(revision);
    await put("update", { name: "web-1", ...metadata("red") });
    expect(await listed()).toMatchObject([{ preservedState: { metadata: { color: "red" } } }]);
    expect((await listed())[0]).not.toHaveProperty("preservedState.disks");
  });

  it("is shown with its instance as far as it has been applied", async () => {
    const statefulPolicy = { preservedState: { disks: { boot: { autoDelete: "NEVER" } } } };
    await harness.must("PATCH", manager, { statefulPolicy });
    await put("update", { name: "web-1", ...metadata("blue") });
    const config = revisionOf("web-1");
    const shown = async () => (await harness.must("POST", `${manager}/listManagedInstances`, "")).managedInstances;
    expect((await shown())[0]).not.toHaveProperty("preservedStateFromConfig");
    report([instanceReport("web-1", { config }), instanceReport("web-2")]);
    await put("update", { name: "web-1", ...metadata("red") });
    const [first, second] = await shown();
    expect(first).toMatchObject({
      preservedStateFromConfig: metadata("blue")["preservedState"],
      preservedStateFromPolicy: { disks: { boot: { autoDelete: "NEVER" } } },
    });
    expect(second).not.toHaveProperty("preservedStateFromConfig");
    expect(told()).toMatchObject({ stateful: true, update: { method: "RECREATE" } });
    expect(await stateful()).toMatchObject({ hasStatefulConfig: true });
  });

  it("keeps no more than a few states of itself, the one that its instance has among them", async () => {
    await put("update", { name: "web-1", ...metadata("first") });
    report([instanceReport("web-1", { config: revisionOf("web-1") })]);
    for (let count = 0; count < 10; count++) await put("update", { name: "web-1", ...metadata(`color-${count}`) });
    expect(harness.store.get(`${zone}/perInstanceConfigs/web`)?.resource["configs"]).toHaveLength(3);
    const { managedInstances } = await harness.must("POST", `${manager}/listManagedInstances`, "");
    expect(managedInstances[0].preservedStateFromConfig).toEqual(metadata("first")["preservedState"]);
  });

  it("is listed in pages", async () => {
    await put("update", { name: "web-1", ...metadata("blue") }, { name: "web-2", ...metadata("blue") });
    const first = await harness.must("POST", `${manager}/listPerInstanceConfigs?maxResults=1`, "");
    expect(first.items).toMatchObject([{ name: "web-1" }]);
    const second = await harness.must("POST", `${manager}/listPerInstanceConfigs?maxResults=1&pageToken=${first.nextPageToken}`, "");
    expect(second).toMatchObject({ items: [{ name: "web-2" }] });
    expect(second).not.toHaveProperty("nextPageToken");
  });

  it("says where it has no effect", async () => {
    await put("update", { name: "web-1", preservedState: { internalIPs: { nic0: { ipAddress: { literal: "10.0.0.7" } } } } });
    await harness.must("PATCH", manager, { statefulPolicy: { preservedState: { disks: { boot: { autoDelete: "NEVER" } } } } });
    expect(inertWarnings(view())).toEqual([
      "instanceGroupManagers/web.statefulPolicy.preservedState.disks is stored; it has no effect on instances",
      "instanceGroupManagers/web.perInstanceConfigs[web-1].preservedState.internalIPs is stored; it has no effect on instances",
    ]);
  });
});

describe("a fingerprint", () => {
  it("that is up to date, or not given, lets a change pass, and one of an older state does not", async () => {
    await put("update", { name: "web-1", ...metadata("blue"), fingerprint: "ignored" });
    const [{ fingerprint: old = "" } = {}] = await listed();
    expect((await put("patch", { name: "web-1", ...metadata("red"), fingerprint: old })).status).toBe(200);
    const refused = await put("patch", { name: "web-1", ...metadata("green"), fingerprint: old });
    expect(refused).toMatchObject({ status: 412, body: { error: { errors: [{ reason: "conditionNotMet" }] } } });
    expect(await listed()).toMatchObject([metadata("red")]);
    expect((await put("update", { name: "web-1", ...metadata("green") })).status).toBe(200);
  });
});

describe("refusals change nothing and name the field", () => {
  const one = { name: "web-1", ...metadata("blue") };
  it.each([
    ["updatePerInstanceConfigs", {}, "Required field 'perInstanceConfigs' not specified"],
    ["updatePerInstanceConfigs", { perInstanceConfigs: [] }, "Required field 'perInstanceConfigs' not specified"],
    ["patchPerInstanceConfigs", { perInstanceConfigs: [{}] }, "Required field 'perInstanceConfigs[0].name' not specified"],
    ["patchPerInstanceConfigs", { perInstanceConfigs: ["web-1"] }, "'perInstanceConfigs[0]'"],
    [
      "patchPerInstanceConfigs",
      { perInstanceConfigs: [one, { name: "nobody" }] },
      "'perInstanceConfigs[1].name': 'nobody'. It is not managed by",
    ],
    [
      "updatePerInstanceConfigs",
      { perInstanceConfigs: [one, one] },
      "'perInstanceConfigs[1].name': 'web-1'. The instance is named more than once.",
    ],
    ["updatePerInstanceConfigs", { perInstanceConfigs: [{ ...one, colour: 1 }] }, "Unknown name \"colour\" at 'perInstanceConfigs[0]'"],
    [
      "updatePerInstanceConfigs",
      { perInstanceConfigs: [{ name: "web-1", preservedState: { metadata: { color: 7 } } }] },
      "'perInstanceConfigs[0].preservedState.metadata.color'",
    ],
    [
      "updatePerInstanceConfigs",
      { perInstanceConfigs: [{ name: "web-1", preservedState: "all" }] },
      "'perInstanceConfigs[0].preservedState'",
    ],
    ["deletePerInstanceConfigs", {}, "Required field 'names' not specified"],
    ["deletePerInstanceConfigs", { names: ["web-2"] }, "'names[0]': 'web-2'. There is no per-instance config"],
    ["deletePerInstanceConfigs", { names: ["web-1", "web-1"] }, "'names[1]': 'web-1'. The instance is named more than once."],
    [
      "createInstances",
      { instances: [{ name: "web-x", preservedState: { disk: {} } }] },
      "Unknown name \"disk\" at 'instances[0].preservedState'",
    ],
    [
      "createInstances",
      { instances: [{ name: "web-x" }, { name: "web-x" }] },
      "'instances[1].name': 'web-x'. The instance is named more than once.",
    ],
  ])("%s %j", async (verb, body, message) => {
    await put("update", { name: "web-1", ...metadata("first") });
    const before = [await listed(), await harness.must("GET", manager)];
    const refused = await harness.send("POST", `${manager}/${verb}`, body as JsonObject);
    expect(refused.status).toBe(400);
    expect(refused.body.error.message).toContain(message);
    expect([await listed(), await harness.must("GET", manager)]).toEqual(before);
  });

  it.each(["__proto__", "constructor", "toString"])("a name such as %s is a name like any other", async (name) => {
    const refused = await harness.app.request(`${manager}/updatePerInstanceConfigs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"perInstanceConfigs":[{"name":"${name}"}]}`,
    });
    expect(await refused.text()).toContain("It is not managed by");
    expect(told()).not.toHaveProperty("configs");
  });
});
