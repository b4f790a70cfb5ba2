/** What the mesh answers itself: in the form that the caller understands, and for limits that all of its proxies count together. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMesh, services } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, type Reply } from "./harness/traffic.ts";
import { type Mesh, startMesh, wayside } from "./harness/wayside.ts";

const project = "demo";
const direct = { directResponse: { status: 200, stringBody: "there" } };
let mesh: Mesh;

async function route(name: string, hostnames: readonly string[], rules: readonly object[]): Promise<void> {
  const meshes = [`projects/${project}/locations/global/meshes/mesh`];
  await must(mesh.api, "POST", `${services(project)}/httpRoutes?httpRouteId=${name}`, { hostnames, meshes, rules });
  for (const host of hostnames)
    await until(host, 10_000, async () => (await ask(mesh.mesh, { host })).headers["x-wayside-reason"] !== "no_service");
}

beforeAll(async () => {
  mesh = await startMesh();
  await createMesh(mesh.api, project);
});
afterAll(async () => {
  expect(mesh.output()).not.toContain("internal error");
  expect(await mesh.stop()).toBe(0);
});

describe("refusals", () => {
  const destinations = [{ serviceName: `projects/${project}/locations/global/backendServices/nobody` }];
  const origin = "https://shop.test";
  beforeAll(async () => {
    const corsPolicy = { allowOrigins: [origin], exposeHeaders: ["x-total"], allowCredentials: true };
    await must(mesh.api, "POST", `/compute/v1/projects/${project}/global/backendServices`, {
      name: "nobody",
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    });
    const faultInjectionPolicy = { abort: { httpStatus: 418, percentage: 100 } };
    await route(
      "own",
      ["own.test"],
      [
        { matches: [{ fullPathMatch: "/fault" }], action: { destinations, corsPolicy, faultInjectionPolicy } },
        { matches: [{ prefixMatch: "/" }], action: { destinations, corsPolicy } },
      ],
    );
  });
  const own = (path: string, headers: Record<string, string>): Promise<Reply> => ask(mesh.mesh, { host: "own.test", path, headers });

  it.each([
    ["/", 503, "no_healthy_endpoints"],
    ["/fault", 418, "fault_injected"],
  ])("of %s can be read by a page of an allowed origin, and by no other", async (path, status, reason) => {
    const { status: given, headers } = await own(path, { origin });
    expect([given, headers["x-wayside-reason"]]).toEqual([status, reason]);
    expect(headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      "access-control-expose-headers": "x-total",
      vary: "Origin",
    });
    expect((await own(path, { origin: "https://evil.test" })).headers).not.toHaveProperty("access-control-allow-origin");
    expect((await own(path, {})).headers).not.toHaveProperty("access-control-allow-origin");
  });

  it("are gRPC's to gRPC requests, and can be explained", async () => {
    const answer = await own("/shop.Cart/Add", { "content-type": "application/grpc+proto", te: "trailers" });
    const { "x-wayside-id": id = "", ...headers } = answer.headers;
    expect([answer.status, answer.body]).toEqual([200, ""]);
    expect(headers).toMatchObject({
      "content-type": "application/grpc+proto",
      "grpc-status": "14",
      "grpc-message": `wayside: no_healthy_endpoints: backend service nobody (httpRoutes/own rule 1) has no healthy instance (${id})`,
      "x-wayside-reason": "no_healthy_endpoints",
    });
    const { status, stdout } = await wayside(["explain", "--id", id, "--api", mesh.api]);
    expect([status, stdout]).toEqual([0, expect.stringContaining("answered  no_healthy_endpoints")]);
  });

  it("are gRPC's where no service or rule is there, too, and carry CORS for browsers", async () => {
    const type = { "content-type": "application/grpc-web" };
    expect((await ask(mesh.mesh, { host: "nowhere.test", headers: type })).headers).toMatchObject({
      "grpc-status": "12",
      "x-wayside-reason": "no_service",
    });
    expect((await own("/", { ...type, origin })).headers).toMatchObject({ "grpc-status": "14", "access-control-allow-origin": origin });
  });
});

describe("a rate limit of the mesh", () => {
  const policies = `/wayside/v1/projects/${project}/trafficPolicies`;
  const limited = (requests: number): object => ({ rateLimits: [{ scope: "MESH", requests, periodSec: 60, header: "X-User" }] });
  const hosts = ["one.limited.test", "two.limited.test"] as const;
  const statuses = async (user: string, count: number): Promise<number[]> => {
    const found: number[] = [];
    for (let index = 0; index < count; index++)
      found.push((await ask(mesh.mesh, { host: hosts[index % 2] ?? hosts[0], headers: { "x-user": user } })).status);
    return found;
  };
  const passed = (found: readonly number[]): number => found.filter((status) => status === 200).length;

  it("is one count for all proxies, by header, and follows an edit", { timeout: 60_000 }, async () => {
    await route("limited", hosts, [{ action: direct }]);
    await must(mesh.api, "POST", policies, { name: "limited", target: "httpRoutes/limited", ...limited(5) });
    for (const host of hosts) {
      const isOver = async (): Promise<boolean> => (await ask(mesh.mesh, { host, headers: { "x-user": "first" } })).status === 429;
      await until(`the limit at ${host}`, 15_000, isOver);
    }
    // Counts begin anew with each minute of the clock.
    await until("enough of a minute", 30_000, async () => Date.now() % 60_000 < 40_000);
    const ann = await statuses("ann", 12);
    expect([ann.slice(0, 5), passed(ann)]).toEqual([[200, 200, 200, 200, 200], 5]);
    expect(passed(await statuses("bob", 2))).toBe(2);
    const refused = await ask(mesh.mesh, { host: hosts[1], headers: { "x-user": "ann" } });
    expect(refused.headers).toMatchObject({ "retry-after": "60", "x-wayside-reason": "rate_limited" });
    expect(refused.body).toContain("httpRoutes/limited takes 5 requests in 60 s for each value of x-user, from the whole mesh");
    await must(mesh.api, "PATCH", `${policies}/limited`, limited(8));
    await until("the edit", 10_000, async () => (await statuses("ann", 1))[0] === 200);
    expect(passed(await statuses("ann", 6))).toBeLessThanOrEqual(2);
    const { proxies } = await must(mesh.api, "GET", `/wayside/v1/projects/${project}/status`);
    const rows = (proxies as { service: string; proxy?: string; warnings?: string[] }[]).filter(({ service }) =>
      hosts.includes(service as never),
    );
    expect(rows.map(({ service, warnings }) => [service, warnings])).toEqual([
      [hosts[0], undefined],
      [hosts[1], undefined],
    ]);
    expect(new Set(rows.map(({ proxy }) => proxy)).size).toBe(2);
  });
});
