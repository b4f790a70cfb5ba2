/** A managed group on its way from one version to another, under load, with real processes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compute, createBackend, createMesh, createRoute, echoScript, zone } from "./harness/resources.ts";
import { call, must, until } from "./harness/rest.ts";
import { ask, startLoad, watchFor } from "./harness/traffic.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const host = "web.shop.mesh";
const manager = `${compute(project)}/zones/${zone}/instanceGroupManagers/web`;
const requestsPerSecond = 200;

interface Listed {
  readonly name: string;
  readonly id: string;
  readonly instanceStatus: string;
  readonly currentAction: string;
  readonly version: { readonly instanceTemplate: string };
}

let mesh: Mesh;

async function listed(): Promise<Listed[]> {
  const { managedInstances = [] } = (await must(mesh.api, "POST", `${manager}/listManagedInstances`)) as { managedInstances?: Listed[] };
  return managedInstances;
}

/** Stable, on its versions, and routed to. */
async function settled(what: string): Promise<Listed[]> {
  await until(`${what}: stable`, 90_000, async () => {
    const { status } = await must(mesh.api, "GET", manager);
    return status.isStable === true && status.versionTarget.isReached === true;
  });
  return listed();
}

async function template(name: string, script: string): Promise<string> {
  await must(mesh.api, "POST", `${compute(project)}/global/instanceTemplates`, {
    name,
    properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: script }] } },
  });
  return `projects/${project}/global/instanceTemplates/${name}`;
}

/** The same application, which says its version. */
const saying = (version: string): string =>
  echoScript.replaceAll("response.end(INSTANCE_NAME)", `response.end("${version} " + INSTANCE_NAME)`);

/** Shares of the versions in `count` answers. */
async function versions(count: number): Promise<Record<string, number>> {
  const replies = await Promise.all(Array.from({ length: count }, () => ask(mesh.mesh, { host })));
  const counts: Record<string, number> = {};
  for (const { body } of replies) {
    const version = body.split(" ").length > 1 ? (body.split(" ")[0] ?? "") : "v1";
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}

/** The process that an instance's application is. */
function pidOf(instance: string | undefined): Promise<number> {
  return until(`an answer of ${instance}`, 15_000, async () => {
    const said = JSON.parse((await ask(mesh.mesh, { host, path: "/echo" })).body) as { instance: string; pid: number };
    return said.instance === instance && said.pid;
  });
}

beforeAll(async () => {
  mesh = await startMesh();
  await createBackend({ api: mesh.api, project, name: "web", size: 6 });
  await createMesh(mesh.api, project);
  await createRoute({ api: mesh.api, project, name: "web", host });
  const updatePolicy = { type: "PROACTIVE", maxSurge: { fixed: 1 }, maxUnavailable: { fixed: 0 } };
  await must(mesh.api, "PATCH", manager, { updatePolicy });
  await until("an answer", 20_000, async () => (await ask(mesh.mesh, { host })).status === 200);
  await settled("the first version");
});
afterAll(async () => {
  expect(await mesh.stop()).toBe(0);
});

describe("under 200 requests a second no request fails", () => {
  it("while six instances go from v1 to v2, one more at a time and none fewer", async () => {
    const v2 = await template("web-v2", saying("v2"));
    const load = startLoad(mesh.mesh, { host }, requestsPerSecond);
    await must(mesh.api, "PATCH", manager, { versions: [{ instanceTemplate: v2 }] });
    let most = 0;
    await until("all on v2", 90_000, async () => {
      const instances = await listed();
      most = Math.max(most, instances.length);
      const { status } = await must(mesh.api, "GET", manager);
      return status.isStable === true && status.versionTarget.isReached === true;
    });
    await watchFor(500);
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect(result.ok).toBe(result.sent);
    expect(most).toBe(7);
    expect((await listed()).every(({ version }) => version.instanceTemplate.endsWith("/web-v2"))).toBe(true);
    expect(Object.keys(await versions(60))).toEqual(["v2"]);
  });

  it("while it grows to ten, a fifth of which becomes a canary, and shrinks again", async () => {
    const v3 = await template("web-v3", saying("v3"));
    const v2 = `projects/${project}/global/instanceTemplates/web-v2`;
    const load = startLoad(mesh.mesh, { host }, requestsPerSecond);
    await must(mesh.api, "POST", `${manager}/resize?size=10`);
    await settled("ten");
    const { lastBatch } = await must(mesh.api, "GET", `/wayside/v1/projects/${project}/groups/web`);
    expect(lastBatch).toMatchObject({ instances: 4 });
    expect(lastBatch.perSecond).toBeCloseTo(4 / lastBatch.seconds, 0);
    await must(mesh.api, "PATCH", manager, {
      versions: [
        { name: "stable", instanceTemplate: v2 },
        { name: "canary", instanceTemplate: v3, targetSize: { percent: 20 } },
      ],
    });
    const instances = await settled("the canary");
    expect(instances.filter(({ version }) => version.instanceTemplate.endsWith("/web-v3"))).toHaveLength(2);
    await until("a fifth of the answers", 10_000, async () => {
      const { v3: share = 0 } = await versions(100);
      return share >= 10 && share <= 30;
    });
    const shown = await must(mesh.api, "GET", manager);
    expect(shown.versions.map((version: { targetSize: { calculated: number } }) => version.targetSize.calculated)).toEqual([8, 2]);
    await must(mesh.api, "PATCH", manager, { versions: [{ instanceTemplate: v2 }] });
    await settled("without the canary");
    await must(mesh.api, "POST", `${manager}/resize?size=4`);
    await settled("four");
    await watchFor(500);
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect(result.ok).toBe(result.sent);
  });

  it("while a version that never becomes healthy stops, says why, and is taken back", async () => {
    const broken = await template("web-broken", echoScript.replace('response.end("ok")', "response.writeHead(500).end()"));
    const load = startLoad(mesh.mesh, { host }, requestsPerSecond);
    await must(mesh.api, "PATCH", manager, { versions: [{ instanceTemplate: broken }] });
    const wait = await until("a reason", 30_000, async () => {
      const { items = [] } = await must(mesh.api, "GET", `${manager}/listErrors`);
      return items.find(({ error }: { error: { message: string } }) => /UNHEALTHY/.test(error.message))?.error.message as
        | string
        | undefined;
    });
    expect(wait).toMatch(/^web-\w{4} of instanceTemplates\/web-broken is UNHEALTHY by .*healthChecks\/web-hc$/);
    const stuck = await listed();
    expect(stuck.filter(({ version }) => version.instanceTemplate.endsWith("/web-v2"))).toHaveLength(4);
    expect(stuck).toHaveLength(5);
    const env = { WAYSIDE_API: mesh.api };
    expect((await wayside(["describe", "group", "web"], { env })).stdout).toContain(wait);
    const back = await wayside(["group", "rollback", "web"], { env });
    expect(back).toMatchObject({ status: 0, stdout: "group web goes back to web-v2\n" });
    await settled("back on v2");
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect((await listed()).map(({ version }) => version.instanceTemplate.split("/").at(-1))).toEqual(
      Array.from({ length: 4 }, () => "web-v2"),
    );
  });

  it("while instances are recreated, stopped, started, suspended, resumed, made by name and deleted", async () => {
    const load = startLoad(mesh.mesh, { host }, requestsPerSecond);
    const [first, second] = await listed();
    const url = (name = ""): string => `zones/${zone}/instances/${name}`;
    await must(mesh.api, "POST", `${manager}/recreateInstances`, { instances: [url(first?.name)] });
    const recreated = await settled("recreated");
    expect(recreated.find(({ name }) => name === first?.name)?.id).not.toBe(first?.id);
    await must(mesh.api, "POST", `${manager}/stopInstances`, { instances: [url(second?.name)] });
    await until("stopped", 30_000, async () => (await listed()).find(({ name }) => name === second?.name)?.instanceStatus === "STOPPED");
    expect(await must(mesh.api, "GET", manager)).toMatchObject({ targetSize: 3, targetStoppedSize: 1 });
    await must(mesh.api, "POST", `${manager}/startInstances`, { instances: [url(second?.name)] });
    await settled("started");
    const before = await pidOf(second?.name);
    await must(mesh.api, "POST", `${manager}/suspendInstances`, { instances: [url(second?.name)] });
    await until(
      "suspended",
      30_000,
      async () => (await listed()).find(({ name }) => name === second?.name)?.instanceStatus === "SUSPENDED",
    );
    await must(mesh.api, "POST", `${manager}/resumeInstances`, { instances: [url(second?.name)] });
    await settled("resumed");
    expect(await pidOf(second?.name), "the same process, with its memory").toBe(before);
    await must(mesh.api, "POST", `${manager}/createInstances`, { instances: [{ name: "web-by-name" }] });
    expect((await settled("made by name")).map(({ name }) => name)).toContain("web-by-name");
    await must(mesh.api, "POST", `${manager}/deleteInstances`, { instances: [url("web-by-name")] });
    expect((await settled("deleted")).map(({ name }) => name)).not.toContain("web-by-name");
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect(result.ok).toBe(result.sent);
  });
});

it("loses one process in ten to kill -9 under 200 requests a second: at least 99.9 % success", async () => {
  await must(mesh.api, "POST", `${manager}/resize?size=10`);
  await settled("ten");
  const { pid } = JSON.parse((await ask(mesh.mesh, { host, path: "/echo" })).body) as { pid: number };
  const load = startLoad(mesh.mesh, { host }, requestsPerSecond);
  await watchFor(2_000);
  process.kill(pid, "SIGKILL");
  await settled("ten again");
  await watchFor(5_000);
  const result = await load.stop();
  expect(result.ok / result.sent, JSON.stringify(result.failures)).toBeGreaterThanOrEqual(0.999);
  expect(result.sent).toBeGreaterThan(1_000);
});

describe("refusals change nothing and name the field", () => {
  it.each([
    ["recreateInstances", { instances: ["zones/us-central1-a/instances/nobody"] }, "instances[0]"],
    ["recreateInstances", {}, "instances"],
    ["createInstances", { instances: [{ name: "Not-A-Name" }] }, "instances[0].name"],
    ["applyUpdatesToInstances", { allInstances: true, minimalAction: "EXPLODE" }, "minimalAction"],
    ["applyUpdatesToInstances", { allInstances: true, minimalAction: "REPLACE", mostDisruptiveAllowedAction: "REFRESH" }, "minimalAction"],
  ])("%s %j", async (verb, body, field) => {
    const before = await must(mesh.api, "GET", manager);
    const refused = await call(mesh.api, "POST", `${manager}/${verb}`, body);
    expect(refused.status).toBe(400);
    expect(refused.body.error.message).toContain(`'${field}'`);
    expect(await must(mesh.api, "GET", manager)).toEqual(before);
  });
});
