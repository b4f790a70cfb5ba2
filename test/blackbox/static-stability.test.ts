/** The mesh keeps serving while what it is configured from fails, and says how old its configuration is. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBackend, createMesh, createRoute } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, type LoadResult, startLoad, watchFor } from "./harness/traffic.ts";
import { httpUpstream, type Upstream } from "./harness/upstream.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const faults = "/wayside/v1/dev/faults";

interface ProxyStatus {
  readonly service: string;
  readonly state: string;
  readonly ageSeconds: number;
  readonly appliedGeneration: number;
  readonly wantedGeneration: number;
  readonly droppedSpans: number;
  readonly waitedRequests: number;
}

/** Takes spans; away, it lets everybody wait for an error. */
const collector = { isAway: false, asked: 0 };
const awayMs = 2_000;
let collecting: Upstream;
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
  collecting = await httpUpstream((incoming, outgoing) => {
    collector.asked += 1;
    if (collector.isAway) setTimeout(() => outgoing.writeHead(500).end(), awayMs);
    else incoming.resume().on("end", () => outgoing.end("{}"));
  });
  mesh = await startMesh(["--otlp", `http://127.0.0.1:${collecting.port}`]);
  await createMesh(mesh.api, project);
  await createBackend({ api: mesh.api, project, name: "steady", size: 2 });
  await createRoute({ api: mesh.api, project, name: "steady", host: "steady.shop.mesh" });
  await until("an answer", 15_000, async () => (await ask(mesh.mesh, { host: "steady.shop.mesh" })).status === 200);
});
afterAll(async () => {
  await mesh.stop();
  await collecting.close();
});

describe.each([
  ["KV reads fail", { kv: { failReads: true } }],
  ["the control Worker does not answer the proxies", { control: { fail: true } }],
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

describe("when KV, the control Worker and the collector all fail at once, and only after two seconds", () => {
  const p99 = ({ latencies }: LoadResult): number => latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? Infinity;

  it("requests are as fast as before, none fails, and none has waited for any of them", async () => {
    const before = await synced("steady.shop.mesh");
    expect(before.waitedRequests).toBeTypeOf("number");
    const healthy = startLoad(mesh.mesh, { host: "steady.shop.mesh" }, 50);
    await watchFor(10_000);
    const usual = await healthy.stop();
    const load = startLoad(mesh.mesh, { host: "steady.shop.mesh" }, 50);
    await must(mesh.api, "POST", faults, { kv: { failReads: true, latencyMs: awayMs }, control: { fail: true, latencyMs: awayMs } });
    collector.isAway = true;
    const asked = collector.asked;
    await watchFor(20_000);
    await must(mesh.api, "DELETE", faults);
    collector.isAway = false;
    const result = await load.stop();
    expect(collector.asked).toBeGreaterThan(asked);
    expect([usual.failures, result.failures]).toEqual([{}, {}]);
    expect(result.sent).toBeGreaterThan(900);
    // A busy machine makes a few requests slow; whatever waited for one of the three would take two seconds.
    expect(p99(result)).toBeLessThan(Math.min(3 * p99(usual) + 200, awayMs / 2));
    const after = await synced("steady.shop.mesh");
    expect(after.droppedSpans).toBeGreaterThan(before.droppedSpans);
    expect(after.waitedRequests).toBe(before.waitedRequests);
    console.info(`p99 ${p99(usual).toFixed(1)} ms before, ${p99(result).toFixed(1)} ms while all of them were away`);
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
