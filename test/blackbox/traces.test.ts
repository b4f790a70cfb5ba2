/** One trace over proxy and application; a dead collector changes nothing but the count of lost spans. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCollector, type Collector } from "./harness/collector.ts";
import { createBackend, createMesh, createRoute } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, type Reply } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const host = "traced.shop.mesh";
const server = 2;
const client = 3;

async function startService(mesh: Mesh): Promise<void> {
  await createBackend({ api: mesh.api, project: "demo", name: "traced", size: 1 });
  await createMesh(mesh.api, "demo");
  await createRoute({ api: mesh.api, project: "demo", name: "traced", host });
  await until("an answer", 15_000, async () => (await ask(mesh.mesh, { host })).status === 200);
}

function echoed(reply: Reply): { headers: Record<string, string> } {
  return JSON.parse(reply.body) as { headers: Record<string, string> };
}

/** The sampled flag of the trace that the application was given. */
function sampled(reply: Reply): boolean {
  const flags = echoed(reply).headers["traceparent"]?.split("-")[3];
  return (Number.parseInt(flags ?? "", 16) & 1) === 1;
}

describe("with a collector", () => {
  let collector: Collector;
  let mesh: Mesh;
  beforeAll(async () => {
    collector = await startCollector();
    mesh = await startMesh(["--otlp", collector.url]);
    await startService(mesh);
  });
  afterAll(async () => {
    await mesh.stop();
    await collector.close();
  });

  it("gives the application the CLIENT span, and the collector both spans within 5 s", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const caller = "b7ad6b7169203331";
    const headers = { traceparent: `00-${traceId}-${caller}-01`, tracestate: "vendor=value" };
    const { headers: seen } = echoed(await ask(mesh.mesh, { host, path: "/echo?secret=x", headers }));
    const [, seenTrace, seenSpan, flags] = (seen["traceparent"] ?? "").split("-");
    expect([seenTrace, flags]).toEqual([traceId, "01"]);
    expect(seen["tracestate"]).toBe("vendor=value");

    const spans = await until("both spans", 5_000, async () => {
      const found = collector.spans.filter((span) => span.traceId === traceId);
      return found.length === 2 && found;
    });
    const inbound = spans.find((span) => span.kind === server);
    const outbound = spans.find((span) => span.kind === client);
    expect(inbound?.parentSpanId).toBe(caller);
    expect(outbound?.parentSpanId).toBe(inbound?.spanId);
    expect(outbound?.spanId).toBe(seenSpan);
    expect(inbound?.attributes).toMatchObject({
      "http.request.method": "GET",
      "http.response.status_code": 200,
      "url.path": "/echo",
      "wayside.service": host,
    });
    expect(outbound?.attributes).toMatchObject({ "wayside.backend_service": "traced" });
    expect(String(outbound?.attributes["wayside.instance"])).toMatch(/^traced-/);
    expect(Number(inbound?.attributes["wayside.generation"])).toBeGreaterThan(0);
  });

  it("records as the mesh's sampling ratio says, and as the caller decided", async () => {
    await must(mesh.api, "POST", "/wayside/v1/projects/demo/meshSettings", { name: "mesh", tracing: { samplingRatio: 0 } });
    await until("new traces are unsampled", 10_000, async () => !sampled(await ask(mesh.mesh, { host, path: "/echo" })));
    const headers = { traceparent: "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    expect(sampled(await ask(mesh.mesh, { host, path: "/echo", headers }))).toBe(true);
  });
});

describe("with a collector that is down", () => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await startMesh(["--otlp", "http://127.0.0.1:9"]);
    await startService(mesh);
  });
  afterAll(() => mesh.stop());

  it("answers as ever and counts the spans it lost", async () => {
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask(mesh.mesh, { host })));
    expect(replies.every((reply) => reply.status === 200)).toBe(true);
    await until("lost spans are counted", 15_000, async () => {
      const { proxies } = (await must(mesh.api, "GET", "/wayside/v1/projects/demo/status")) as { proxies: { droppedSpans?: number }[] };
      return proxies.some((proxy) => (proxy.droppedSpans ?? 0) > 0);
    });
  });
});
