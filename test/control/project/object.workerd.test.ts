import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "#base/json.ts";
import { sha256Hex } from "#base/hash.ts";
import { seededRandom } from "#base/random.ts";
import type { BusEntrypoint } from "#control/bus.ts";
import type { Command } from "#control/command.ts";
import type { ControlEnv } from "#control/env.ts";
import type { ProjectObject } from "#control/project/object.ts";
import { Project } from "#control/project/project.ts";
import worker from "#control/worker.ts";
import type { Pointer, Snapshot } from "#ir/snapshot.ts";

const bindings = env as unknown as ControlEnv;
const projects = (env as unknown as { PROJECT: DurableObjectNamespace<ProjectObject> }).PROJECT;
const bus = (exports as unknown as { Bus: BusEntrypoint }).Bus;

async function api(method: string, path: string, body?: JsonObject): Promise<{ status: number; body: JsonObject }> {
  const init = { method, ...(body && { body: JSON.stringify(body) }) };
  const response = await worker.fetch(new Request(`http://127.0.0.1${path}`, init), { ...bindings, DEV: "1" });
  return { status: response.status, body: await response.json() };
}

/** Polls until a value is there; the deadline is the test's own. */
async function eventually<T>(read: () => Promise<T | null | undefined>): Promise<T> {
  for (;;) {
    const value = await read();
    if (value !== null && value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function createRoute(project: string, host: string, target = "x.test"): Promise<void> {
  const base = `/v1/projects/${project}/locations/global`;
  await api("POST", `${base}/meshes?meshId=m`, {});
  const route = await api("POST", `${base}/httpRoutes?httpRouteId=${host.replaceAll(".", "-")}`, {
    hostnames: [host],
    meshes: [`projects/${project}/locations/global/meshes/m`],
    rules: [{ action: { redirect: { hostRedirect: target } } }],
  });
  expect(route).toMatchObject({ status: 200, body: { done: true } });
}

const pointerOf = (project: string, service: string) => bindings.BUS.get<Pointer>(`ptr/${project}/${service}`, "json");

describe("ProjectObject", () => {
  it("brings resources from the API to KV: snapshot and pointer, readable by the version probe", async () => {
    await createRoute("p1", "cart.shop.mesh");
    const pointer = await eventually(() => pointerOf("p1", "cart.shop.mesh"));
    const bytes = await bindings.BUS.get(`snap/p1/cart.shop.mesh/${pointer.digest}`, "arrayBuffer");
    expect(await sha256Hex(new Uint8Array(bytes ?? new ArrayBuffer()))).toBe(pointer.digest);
    expect(await bus.pointers("p1", ["cart.shop.mesh", "other.mesh"])).toEqual({ "cart.shop.mesh": pointer });
    await bus.report("p1", [
      { service: "cart.shop.mesh", generation: pointer.generation, digest: pointer.digest, confirmedAtMs: Date.now(), droppedSpans: 0 },
    ]);
    expect((await api("GET", "/wayside/v1/projects/p1/status")).body).toMatchObject({
      proxies: [{ service: "cart.shop.mesh", state: "SYNCED", wantedGeneration: pointer.generation, appliedDigest: pointer.digest }],
    });
  });

  it("keeps projects apart", async () => {
    await createRoute("p2", "only.in.two");
    await eventually(() => pointerOf("p2", "only.in.two"));
    expect(await bus.pointers("p3", ["only.in.two"])).toEqual({});
    expect((await api("GET", "/v1/projects/p3/locations/global/httpRoutes")).body).not.toHaveProperty("httpRoutes.0");
  });

  it("explains, and refuses what is no URL with the field's name", async () => {
    await createRoute("p4", "old.shop.mesh", "new.shop.mesh");
    const explain = (body: JsonObject) => api("POST", "/wayside/v1/projects/p4/explain", body);
    expect(await explain({ method: "GET", url: "http://old.shop.mesh/a?b=c" })).toMatchObject({
      status: 200,
      body: {
        service: "old.shop.mesh",
        matched: true,
        action: "redirect",
        redirect: { location: "http://new.shop.mesh/a?b=c", code: 301 },
      },
    });
    expect((await explain({ url: "http://nobody.mesh/" })).body).toMatchObject({
      matched: false,
      action: "none",
      trace: [{ why: expect.stringContaining("nobody.mesh") }],
    });
    const refused = await explain({ url: "not a url" });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain("'url'");
  });

  it("publishes after a crash between commit and publication", async () => {
    const stub = projects.getByName("crashed");
    await runInDurableObject(stub, async (_instance: ProjectObject, state: DurableObjectState) => {
      const dying = new Project({
        project: "crashed",
        database: state.storage,
        bus: { put: () => new Promise(() => {}), delete: () => new Promise(() => {}) },
        group: () => ({ configure: () => new Promise(() => {}) }),
        lease: () => ({ apply: () => new Promise(() => {}) }),
        clock: { now: () => Date.now() },
        random: seededRandom(1),
        loopbackAllowed: true,
        setAlarm: () => {},
        background: () => {},
        log: () => {},
      });
      const command: Omit<Command, "collection" | "query"> = { project: "crashed", scope: "locations/global", verb: "insert", user: "ada" };
      await dying.run({ ...command, collection: "meshes", query: { meshId: "m" }, body: {} });
      const body = { hostnames: ["late.mesh"], meshes: ["meshes/m"], rules: [{ action: { redirect: { hostRedirect: "x.test" } } }] };
      await dying.run({ ...command, collection: "httpRoutes", query: { httpRouteId: "late" }, body });
    });
    expect(await pointerOf("crashed", "late.mesh")).toBeNull();
    await evictDurableObject(stub);
    // Waking finds the outbox not empty and sets the alarm; the runtime may fire it before the test does.
    await stub.pointers([]);
    await runDurableObjectAlarm(stub);
    const pointer = await eventually(() => pointerOf("crashed", "late.mesh"));
    const snapshot = await bindings.BUS.get<Snapshot>(`snap/crashed/late.mesh/${pointer.digest}`, "json");
    expect(snapshot?.service).toBe("late.mesh");
  });

  it("remembers everything over an eviction, its own name included", async () => {
    await createRoute("evicted", "a.mesh");
    const before = await eventually(() => pointerOf("evicted", "a.mesh"));
    await evictDurableObject(projects.getByName("evicted"));
    await createRoute("evicted", "b.mesh");
    await eventually(() => pointerOf("evicted", "b.mesh"));
    expect(await pointerOf("evicted", "a.mesh")).toEqual(before);
    expect((await api("GET", "/wayside/v1/projects/evicted/status")).body).toMatchObject({
      proxies: [{ service: "a.mesh" }, { service: "b.mesh" }],
    });
  });

  it("lets one of many writers with the same fingerprint win", async () => {
    const path = "/compute/v1/projects/race/global/urlMaps";
    await api("POST", path, { name: "map", defaultUrlRedirect: { hostRedirect: "x.test", stripQuery: false } });
    const { fingerprint } = (await api("GET", `${path}/map`)).body;
    const writers = Array.from({ length: 20 }, (_, index) =>
      api("PATCH", `${path}/map`, { fingerprint: fingerprint ?? "", description: `writer ${index}` }),
    );
    const statuses = (await Promise.all(writers)).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(19);
  });

  it("says what is missing when secrets have no master key", async () => {
    await api("POST", "/v1/projects/keyless/secrets?secretId=s", { replication: { automatic: {} } });
    const answer = await api("POST", "/v1/projects/keyless/secrets/s:addVersion", { payload: { data: btoa("x") } });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { status: "FAILED_PRECONDITION", message: expect.stringContaining("MASTER_KEY") } },
    });
  });

  it("shows an id and nothing else when something of ours breaks", async () => {
    await createRoute("broken", "a.mesh");
    const stub = projects.getByName("broken");
    await runInDurableObject(stub, (_instance: ProjectObject, state: DurableObjectState) => {
      state.storage.sql.exec("DROP TABLE reported_proxies; DROP TABLE audit;");
    });
    const report = { service: "a.mesh", generation: 1, digest: "", confirmedAtMs: 0, droppedSpans: 0 };
    let thrown: unknown;
    try {
      await bus.report("broken", [report]);
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toMatch(/internal error [0-9a-f]{16}$/);
    const audit = await api("GET", "/wayside/v1/projects/broken/audit");
    expect(audit.status).toBe(500);
    expect(JSON.stringify(audit.body)).not.toContain("no such table");
  });

  it("hands groups over to their objects and takes their reports", async () => {
    const base = "/compute/v1/projects/grouped";
    await api("POST", `${base}/global/instanceTemplates`, { name: "t", properties: { machineType: "e2-small" } });
    const group = { name: "web", baseInstanceName: "web", targetSize: 2, instanceTemplate: "global/instanceTemplates/t" };
    await api("POST", `${base}/zones/us-central1-a/instanceGroupManagers`, group);
    const listed = await eventually(async () => {
      const { body } = await api("POST", `${base}/zones/us-central1-a/instanceGroupManagers/web/listManagedInstances`);
      const instances = body["managedInstances"];
      return Array.isArray(instances) && instances.length === 2 ? instances : undefined;
    });
    expect(listed).toMatchObject([{ currentAction: "CREATING" }, { currentAction: "CREATING" }]);
  });
});
