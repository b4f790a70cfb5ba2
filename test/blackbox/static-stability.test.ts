/** The mesh keeps serving while what it is configured from fails, and says how old its configuration is. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBackend, createMesh, createRoute } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, startLoad, watchFor } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const faults = "/wayside/v1/dev/faults";

interface ProxyStatus {
  readonly service: string;
  readonly state: string;
  readonly ageSeconds: number;
  readonly appliedGeneration: number;
  readonly wantedGeneration: number;
}

let mesh: Mesh;

async function statusOf(service: string): Promise<ProxyStatus> {
  const { proxies } = (await must(mesh.api, "GET", `/wayside/v1/projects/${project}/status`)) as { proxies: ProxyStatus[] };
  const found = proxies.find((proxy) => proxy.service === service);
  if (found === undefined) throw new Error(`no proxy for ${service}`);
  return found;
}

async function synced(service: string): Promise<ProxyStatus> {
  return until(`${service} is synced`, 15_000, async () => {
    const status = await statusOf(service);
    return status.state === "SYNCED" && status.appliedGeneration === status.wantedGeneration && status.ageSeconds < 5 && status;
  });
}

beforeAll(async () => {
  mesh = await startMesh();
  await createMesh(mesh.api, project);
  await createBackend({ api: mesh.api, project, name: "steady", size: 2 });
  await createRoute({ api: mesh.api, project, name: "steady", host: "steady.shop.mesh" });
  await until("an answer", 15_000, async () => (await ask(mesh.mesh, { host: "steady.shop.mesh" })).status === 200);
});
afterAll(() => mesh.stop());

describe.each([
  ["KV reads fail", { kv: { failReads: true } }],
  ["the control Worker does not answer the proxies", { control: { fail: true } }],
  ["both fail", { kv: { failReads: true }, control: { fail: true } }],
])("when %s for 20 s under load", (_, fault) => {
  it("fails no request, and the age grows", async () => {
    await synced("steady.shop.mesh");
    const load = startLoad(mesh.mesh, { host: "steady.shop.mesh" }, 50);
    await must(mesh.api, "POST", faults, fault);
    await watchFor(20_000);
    const status = await statusOf("steady.shop.mesh");
    await must(mesh.api, "DELETE", faults);
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect(result.sent).toBeGreaterThan(900);
    expect(status.ageSeconds).toBeGreaterThan(15);
    await synced("steady.shop.mesh");
  });
});

describe("a stale KV", () => {
  it("does not hold back a change, since the proxies also ask the control Worker", async () => {
    await must(mesh.api, "POST", faults, { kv: { staleMs: 60_000 } });
    await must(mesh.api, "PATCH", `/v1/projects/${project}/locations/global/httpRoutes/steady?updateMask=rules`, {
      rules: [{ action: { directResponse: { status: 200, stringBody: "changed" } } }],
    });
    await until("the change is served", 10_000, async () => (await ask(mesh.mesh, { host: "steady.shop.mesh" })).body === "changed");
    await must(mesh.api, "DELETE", faults);
  });
});

describe("a new service", () => {
  it("is up within 2 s while another is under load, which fails no request", async () => {
    const load = startLoad(mesh.mesh, { host: "steady.shop.mesh" }, 100);
    for (const name of ["new-a", "new-b", "new-c"]) {
      const host = `${name}.shop.mesh`;
      await createRoute({ api: mesh.api, project, name, host }, [
        { action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/steady` }] } },
      ]);
      await until(`${host} answers`, 2_000, async () => (await ask(mesh.mesh, { host })).status === 200);
    }
    const result = await load.stop();
    expect(result.failures).toEqual({});
    expect(result.ok).toBe(result.sent);
  });
});
