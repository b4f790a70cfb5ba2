/** An empty mesh, driven over REST only: a service comes up, is resized under load, and loses a process. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compute, createBackend, createMesh, createRoute, zone } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, startLoad, watchFor } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const host = "web.shop.mesh";
const managed = `${compute(project)}/zones/${zone}/instanceGroupManagers/web`;

interface Managed {
  readonly instance: string;
  readonly instanceStatus: string;
  readonly currentAction: string;
}

let mesh: Mesh;

async function stable(size: number): Promise<Managed[]> {
  return until(`${size} instances, all running`, 30_000, async () => {
    const { managedInstances = [] } = (await must(mesh.api, "POST", `${managed}/listManagedInstances`)) as { managedInstances?: Managed[] };
    const settled = managedInstances.every((one) => one.instanceStatus === "RUNNING" && one.currentAction === "NONE");
    return managedInstances.length === size && settled && managedInstances;
  });
}

/** Names of the instances that answered `count` requests. */
async function answering(count: number): Promise<Set<string>> {
  const replies = await Promise.all(Array.from({ length: count }, () => ask(mesh.mesh, { host })));
  return new Set(replies.filter((reply) => reply.status === 200).map((reply) => reply.body));
}

describe("a service of one managed group", () => {
  beforeAll(async () => {
    mesh = await startMesh();
    await createBackend({ api: mesh.api, project, name: "web", size: 3 });
    await createMesh(mesh.api, project);
    await createRoute({ api: mesh.api, project, name: "web", host });
  });
  afterAll(async () => {
    expect(await mesh.stop()).toBe(0);
  });

  it("answers within 10 s of its route's creation, from all three instances", async () => {
    await until("an answer", 10_000, async () => (await ask(mesh.mesh, { host })).status === 200);
    await stable(3);
    await until("answers from all instances", 10_000, async () => (await answering(30)).size === 3);
  });

  it("is resized to 5 and back to 2 under 100 requests a second, and no request fails", async () => {
    const load = startLoad(mesh.mesh, { host }, 100);
    await must(mesh.api, "POST", `${managed}/resize?size=5`);
    await stable(5);
    await until("answers from all five", 10_000, async () => (await answering(50)).size === 5);
    await must(mesh.api, "POST", `${managed}/resize?size=2`);
    await stable(2);
    await watchFor(1_000);
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect(result.ok).toBe(result.sent);
    expect(result.sent).toBeGreaterThan(300);
  });

  it("loses a process to kill -9 under load: at least 99.5 % success over 20 s, and the instance is replaced", async () => {
    await must(mesh.api, "POST", `${managed}/resize?size=3`);
    await stable(3);
    await until("answers from all three", 10_000, async () => (await answering(30)).size === 3);
    const victim = JSON.parse((await ask(mesh.mesh, { host, path: "/echo" })).body) as { instance: string; pid: number };
    const before = await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances");
    const load = startLoad(mesh.mesh, { host }, 100);
    process.kill(victim.pid, "SIGKILL");
    await watchFor(20_000);
    const result = await load.stop();
    expect(result.ok / result.sent, JSON.stringify(result.failures)).toBeGreaterThanOrEqual(0.995);
    await stable(3);
    expect((await answering(60)).size).toBe(3);
    const idOf = (list: { instances: { name: string; id: string }[] }): string | undefined =>
      list.instances.find((one) => one.name === victim.instance)?.id;
    const after = await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances");
    expect(idOf(before)).toBeDefined();
    expect(idOf(after)).not.toBe(idOf(before));
  });

  it("deletes its instances with the group's deletion, once nothing refers to it", async () => {
    await must(mesh.api, "DELETE", `/v1/projects/${project}/locations/global/httpRoutes/web`);
    await must(mesh.api, "DELETE", `${compute(project)}/global/backendServices/web`);
    await must(mesh.api, "DELETE", managed);
    await until("no instances", 20_000, async () => {
      const { instances = [] } = (await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances")) as { instances?: unknown[] };
      return instances.length === 0;
    });
    const gone = await until("404 for the host", 5_000, async () => {
      const reply = await ask(mesh.mesh, { host });
      return reply.status === 404 && reply;
    });
    expect(gone.headers["x-wayside-reason"]).toBe("no_service");
  });
});
