/** References, in-use protection, fingerprints, the tests of URL maps, unique hostnames: what needs more than one resource. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Json, JsonObject } from "#base/json.ts";
import { compute, openHarness, project, services, type Harness } from "./harness.ts";
import { createBase } from "./samples.ts";

const maps = `${compute}/global/urlMaps`;
const backend = (name: string): string => `global/backendServices/${name}`;

let harness: Harness;

beforeEach(async () => {
  harness = openHarness();
  await createBase(harness);
});

async function refused(method: string, path: string, body?: Json): Promise<{ status: number; message: string; reasons: string[] }> {
  const { status, body: answer } = await harness.send(method, path, body);
  return { status, message: answer.error?.message, reasons: (answer.error?.errors ?? []).map(({ reason }: { reason: string }) => reason) };
}

describe("sizes", () => {
  it("that patches add up to are bounded, as a row of the store is", async () => {
    const path = `${compute}/global/backendServices/base`;
    const text = "x".repeat(1_000_000);
    await harness.must("PATCH", path, { description: text });
    const { status, message } = await refused("PATCH", path, { customRequestHeaders: [`x-a: ${text}`] });
    expect([status, message]).toEqual([400, expect.stringContaining("A resource must be at most 1500000 bytes.")]);
    expect(harness.changes()).toEqual([]);
    expect(await harness.must("GET", path)).not.toHaveProperty("customRequestHeaders");
  });

  it("are counted in bytes", async () => {
    const path = `${compute}/global/backendServices/base`;
    const text = "€".repeat(300_000);
    await harness.must("PATCH", path, { description: text });
    const { status, message } = await refused("PATCH", path, { iap: { oauth2ClientId: text } });
    expect([status, message]).toEqual([400, expect.stringContaining("A resource must be at most 1500000 bytes.")]);
  });
});

describe("references", () => {
  it.each([
    "https://www.googleapis.com/compute/v1/projects/demo/global/backendServices/base",
    "https://compute.googleapis.com/compute/v1/projects/another-project/global/backendServices/base",
    "compute/v1/projects/demo/global/backendServices/base",
    "projects/demo/global/backendServices/base",
    "global/backendServices/base",
    "backendServices/base",
    "base",
  ])("as %s are found, kept as they were written, and protect", async (defaultService) => {
    await harness.must("POST", maps, { name: "m", defaultService });
    expect(await harness.must("GET", `${maps}/m`)).toMatchObject({ defaultService });
    expect(harness.store.referrers("global/backendServices/base")).toContain("global/urlMaps/m");
  });

  it("that lead nowhere are all named at once", async () => {
    const body = {
      name: "m",
      defaultService: backend("no-1"),
      hostRules: [{ hosts: ["*"], pathMatcher: "p" }],
      pathMatchers: [{ name: "p", defaultService: backend("no-2") }],
    };
    const { status, body: answer } = await harness.send("POST", maps, body);
    expect(status).toBe(404);
    expect(answer.error.errors).toMatchObject([
      {
        reason: "notFound",
        message: `The resource 'projects/${project}/global/backendServices/no-1' was not found`,
        location: "resource.defaultService",
      },
      {
        reason: "notFound",
        message: `The resource 'projects/${project}/global/backendServices/no-2' was not found`,
        location: "resource.pathMatchers[0].defaultService",
      },
    ]);
  });

  it("to a resource of another kind are refused", async () => {
    const { status, message } = await refused("POST", maps, { name: "m", defaultService: "global/healthChecks/base" });
    expect(status).toBe(400);
    expect(message).toContain(
      "Invalid value for field 'resource.defaultService': 'global/healthChecks/base'. It must name a resource of backendServices",
    );
  });

  it("to what is not served here are accepted", async () => {
    await harness.must("POST", maps, { name: "m", defaultService: "global/backendBuckets/static" });
  });

  it("protect what they name until they are gone", async () => {
    const used = await refused("DELETE", `${compute}/global/backendServices/base`);
    expect(used).toEqual({
      status: 400,
      message: `The backend_service resource 'projects/demo/global/backendServices/base' is already being used by 'projects/demo/global/urlMaps/base'`,
      reasons: ["resourceInUseByAnotherResource"],
    });
    await harness.must("POST", `${compute}/global/backendServices`, { name: "other", protocol: "HTTP" });
    await harness.must("PATCH", `${maps}/base`, { defaultService: backend("other") });
    await harness.must("DELETE", `${compute}/global/backendServices/base`);
  });

  it("of Network Services to compute's resources go by its own spelling of the scope", async () => {
    const rules = [{ action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/base` }] } }];
    await harness.must("POST", `${services}/httpRoutes?httpRouteId=r`, { hostnames: ["r.mesh"], rules });
    expect(harness.store.referrers("global/backendServices/base")).toContain("locations/global/httpRoutes/r");
  });
});

describe("fingerprints", () => {
  it("that are missing are no claim; wrong ones are refused and nothing is lost", async () => {
    const { fingerprint } = await harness.must("GET", `${maps}/base`);
    await harness.must("PATCH", `${maps}/base`, { description: "first" });
    const stale = await refused("PATCH", `${maps}/base`, { description: "second", fingerprint });
    expect(stale).toEqual({ status: 412, message: "Invalid fingerprint.", reasons: ["conditionNotMet"] });
    expect((await refused("PUT", `${maps}/base`, { name: "base", defaultService: backend("base"), fingerprint })).status).toBe(412);
    expect(await harness.must("GET", `${maps}/base`)).toMatchObject({ description: "first" });
  });

  it("let one of fifty concurrent writers win, and every other one know", async () => {
    const { fingerprint } = await harness.must("GET", `${maps}/base`);
    const writers = Array.from({ length: 50 }, (_, index) =>
      harness.send("PATCH", `${maps}/base`, { description: `writer ${index}`, fingerprint }),
    );
    const statuses = (await Promise.all(writers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(49);
    const winner = statuses.indexOf(200);
    expect(await harness.must("GET", `${maps}/base`)).toMatchObject({ description: `writer ${winner}` });
  });

  it("may come back in either alphabet of base64", async () => {
    for (let index = 0; index < 30; index += 1) {
      const { fingerprint } = await harness.must("GET", `${maps}/base`);
      const other = fingerprint.replaceAll("-", "+").replaceAll("_", "/");
      await harness.must("PATCH", `${maps}/base`, { description: String(index), fingerprint: index % 2 === 0 ? fingerprint : other });
    }
  });

  it("guard labels of forwarding rules", async () => {
    const rules = `${compute}/global/forwardingRules`;
    await harness.must("POST", rules, { name: "f", target: "global/targetHttpProxies/base", loadBalancingScheme: "INTERNAL_SELF_MANAGED" });
    const { labelFingerprint } = await harness.must("GET", `${rules}/f`);
    await harness.must("POST", `${rules}/f/setLabels`, { labels: { env: "prod" }, labelFingerprint });
    expect(await harness.must("GET", `${rules}/f`)).toMatchObject({ labels: { env: "prod" } });
    expect((await refused("POST", `${rules}/f/setLabels`, { labels: {}, labelFingerprint })).status).toBe(412);
  });
});

describe("PATCH", () => {
  it("merges objects, removes by null, replaces lists, and takes snake_case", async () => {
    await harness.must("PATCH", `${compute}/global/healthChecks/base`, {
      description: "d",
      http_health_check: { request_path: "/healthz" },
      timeout_sec: 1,
    });
    expect(await harness.must("GET", `${compute}/global/healthChecks/base`)).toMatchObject({
      description: "d",
      timeoutSec: 1,
      httpHealthCheck: { port: 80, requestPath: "/healthz" },
    });
    await harness.must("PATCH", `${compute}/global/healthChecks/base`, { description: null, httpHealthCheck: { requestPath: null } });
    const after = await harness.must("GET", `${compute}/global/healthChecks/base`);
    expect(after.description ?? "").toBe("");
    expect(after.httpHealthCheck.requestPath).toBe("/");
  });

  it("of Network Services replaces what the mask names, and everything without one", async () => {
    const path = `${services}/meshes/base`;
    await harness.must("PATCH", `${path}?updateMask=description,labels`, { description: "d", labels: { a: "b" }, interceptionPort: 1 });
    expect(await harness.must("GET", path)).toMatchObject({ description: "d", labels: { a: "b" }, interceptionPort: 15001 });
    await harness.must("PATCH", `${path}?update_mask=labels`, {});
    expect(await harness.must("GET", path)).not.toHaveProperty("labels");
    await harness.must("PATCH", path, { interceptionPort: 15002 });
    const whole = await harness.must("GET", path);
    expect(whole).toMatchObject({ interceptionPort: 15002 });
    expect(whole).not.toHaveProperty("description");
    expect((await refused("PATCH", `${path}?updateMask=nonsense`, {})).message).toBe(
      "Invalid value for field 'updateMask': 'nonsense'. There is no such field in Mesh.",
    );
  });

  it("does not rename", async () => {
    expect((await refused("PATCH", `${maps}/base`, { name: "other" })).message).toContain("The name of a resource cannot be changed");
    expect((await refused("PUT", `${maps}/base`, { name: "other", defaultService: backend("base") })).status).toBe(400);
  });

  it("that makes the resource wrong is refused and leaves it as it was", async () => {
    const before = await harness.must("GET", `${maps}/base`);
    expect((await refused("PATCH", `${maps}/base`, { defaultService: null })).status).toBe(400);
    expect((await refused("PATCH", `${maps}/base`, { defaultService: backend("none") })).status).toBe(404);
    expect(await harness.must("GET", `${maps}/base`)).toEqual(before);
  });
});

describe("target proxies and forwarding rules", () => {
  it("take a new map or target by verb, in both of Google's paths", async () => {
    await harness.must("POST", maps, { name: "next", defaultService: backend("base") });
    const op = await harness.must("POST", `${compute}/targetHttpProxies/base/setUrlMap`, { urlMap: "global/urlMaps/next" });
    expect(op).toMatchObject({ status: "DONE", targetLink: `https://www.googleapis.com${compute}/global/targetHttpProxies/base` });
    expect(await harness.must("GET", `${compute}/global/targetHttpProxies/base`)).toMatchObject({ urlMap: "global/urlMaps/next" });
    await harness.must("POST", `${compute}/global/targetHttpProxies/base/setUrlMap`, { urlMap: "global/urlMaps/base" });
    expect((await refused("POST", `${compute}/targetHttpProxies/base/setUrlMap`, {})).message).toBe(
      "Required field 'urlMap' not specified",
    );
    expect((await refused("POST", `${compute}/targetHttpProxies/base/setUrlMap`, { urlMap: "global/urlMaps/none" })).status).toBe(404);
  });
});

describe("the tests of a URL map", () => {
  const map = (tests: JsonObject[]): JsonObject => ({ name: "m", defaultService: backend("base"), tests });
  const wrong = { host: "a.example", path: "/x", service: backend("other") };

  beforeEach(() => harness.must("POST", `${compute}/global/backendServices`, { name: "other", protocol: "HTTP" }));

  it("must pass before it is kept, on insert and on update", async () => {
    const message =
      "Invalid value for field 'resource.tests': ''. Test failure: Expect URL 'a.example/x' to map to service 'global/backendServices/other', but actually mapped to 'global/backendServices/base'.";
    expect(await refused("POST", maps, map([wrong]))).toEqual({ status: 400, message, reasons: ["invalid"] });
    await harness.must("POST", maps, map([{ ...wrong, service: backend("base") }]));
    expect((await refused("PATCH", `${maps}/m`, { tests: [wrong] })).message).toBe(message);
  });

  it("are reported by validate, which needs neither the map nor what it names", async () => {
    const passed = await harness.must("POST", `${maps}/m/validate`, {
      resource: map([{ ...wrong, service: backend("base") }]),
      loadBalancingSchemes: ["INTERNAL_SELF_MANAGED"],
    });
    expect(passed).toEqual({ result: { loadSucceeded: true, testPassed: true } });
    const failed = await harness.must("POST", `${maps}/m/validate`, { resource: map([{ ...wrong, service: backend("elsewhere") }]) });
    expect(failed.result).toMatchObject({ loadSucceeded: true, testPassed: false, testFailures: [{ host: "a.example", path: "/x" }] });
    const broken = await harness.must("POST", `${maps}/m/validate`, { resource: { name: "m" } });
    expect(broken.result).toMatchObject({ loadSucceeded: false, testPassed: false });
    expect(broken.result.loadErrors).not.toEqual([]);
    expect((await refused("POST", `${maps}/m/validate`, {})).message).toBe("Required field 'resource' not specified");
    expect((await refused("POST", `${maps}/m/validate`, { resource: { nonsense: 1 } })).status).toBe(400);
    expect(harness.changes()).toEqual([]);
  });
});

describe("hostnames", () => {
  const route = (hostnames: string[], mesh = "meshes/base"): JsonObject => ({
    hostnames,
    meshes: [mesh],
    rules: [{ action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/base` }] } }],
  });

  it("are unique within a mesh, whatever their case and whichever kind of route", async () => {
    await harness.must("POST", `${services}/httpRoutes?httpRouteId=a`, route(["cart.mesh", "*.shop.mesh"]));
    const taken = await refused("POST", `${services}/httpRoutes?httpRouteId=b`, route(["Cart.mesh"]));
    expect(taken).toMatchObject({
      status: 400,
      message:
        "Invalid value for field 'resource.hostnames': 'cart.mesh'. The hostname is already used by 'projects/demo/locations/global/httpRoutes/a' on 'projects/demo/locations/global/meshes/base'.",
    });
    expect((await refused("POST", `${services}/grpcRoutes?grpcRouteId=g`, route(["cart.mesh"]))).status).toBe(400);
    await harness.must("POST", `${services}/httpRoutes?httpRouteId=b`, route(["cart.shop.mesh"]));
    await harness.must("PATCH", `${services}/httpRoutes/a?updateMask=description`, { description: "its own names are no conflict" });
  });

  it("may repeat on another mesh", async () => {
    await harness.must("POST", `${services}/meshes?meshId=second`, {});
    await harness.must("POST", `${services}/httpRoutes?httpRouteId=a`, route(["cart.mesh"]));
    await harness.must("POST", `${services}/httpRoutes?httpRouteId=b`, route(["cart.mesh"], "meshes/second"));
  });
});

describe("lists", () => {
  beforeEach(async () => {
    for (const [name, region] of [
      ["a", "us-east1"],
      ["b", "us-east1"],
      ["c", "us-west1"],
    ]) {
      await harness.must("POST", `${compute}/regions/${region}/healthChecks`, { name: name ?? "", type: "TCP", tcpHealthCheck: {} });
    }
  });

  it("are of one scope, filtered, paged", async () => {
    const path = `${compute}/regions/us-east1/healthChecks`;
    const first = await harness.must("GET", `${path}?maxResults=1`);
    expect(first).toMatchObject({
      kind: "compute#healthCheckList",
      id: "projects/demo/regions/us-east1/healthChecks",
      items: [{ name: "a" }],
    });
    const second = await harness.must("GET", `${path}?maxResults=1&pageToken=${first.nextPageToken}`);
    expect(second.items).toMatchObject([{ name: "b" }]);
    expect(second).not.toHaveProperty("nextPageToken");
    expect((await harness.must("GET", `${path}?filter=${encodeURIComponent("name eq .*b")}`)).items).toHaveLength(1);
  });

  it("over all scopes are maps with a warning where there is nothing", async () => {
    const { kind, items } = await harness.must(
      "GET",
      `${compute}/aggregated/healthChecks?includeAllScopes=True&returnPartialSuccess=True&alt=json`,
    );
    expect(kind).toBe("compute#healthCheckAggregatedList");
    expect(items["regions/us-east1"].healthChecks).toHaveLength(2);
    expect(items["global"].healthChecks).toHaveLength(1);
    expect(items["regions/europe-west4"].warning).toMatchObject({ code: "NO_RESULTS_ON_PAGE" });
    const one = await harness.must("GET", `${compute}/aggregated/healthChecks?filter=name%3Dc&maxResults=1`);
    expect(Object.entries(one.items).filter(([, scoped]) => "healthChecks" in (scoped as object))).toHaveLength(1);
  });

  it("of Network Services take every location at once", async () => {
    expect((await harness.must("GET", `/v1/projects/${project}/locations/-/meshes`)).meshes).toHaveLength(1);
    expect((await harness.send("POST", `/v1/projects/${project}/locations/-/meshes?meshId=x`, {})).status).toBe(400);
  });
});

describe("places", () => {
  it("are what Google's clients look for", async () => {
    expect(await harness.must("GET", compute)).toMatchObject({ kind: "compute#project", name: "demo" });
    expect((await harness.must("GET", `${compute}/zones`)).items.length).toBeGreaterThan(10);
    expect(await harness.must("GET", `${compute}/zones/us-central1-a`)).toMatchObject({ kind: "compute#zone", status: "UP" });
    expect(await harness.must("GET", `${compute}/regions/us-east1`)).toMatchObject({
      name: "us-east1",
      zones: expect.arrayContaining([expect.stringContaining("us-east1-b")]),
    });
    expect(await harness.must("GET", `${compute}/global/networks/default`)).toMatchObject({ name: "default" });
    expect(await harness.must("GET", `/compute/v1/projects/debian-cloud/global/images/family/debian-12`)).toMatchObject({
      family: "debian-12",
      status: "READY",
    });
    expect(await harness.must("GET", `${compute}/zones/us-central1-a/autoscalers`)).toMatchObject({ items: [] });
    expect((await harness.must("GET", `/v1/projects/${project}/locations`)).locations[0]).toMatchObject({ locationId: "global" });
  });

  it.each([
    ["GET", `${compute}/zones/nowhere`, 404, "The resource 'projects/demo/zones/nowhere' was not found"],
    ["GET", `${compute}/global/networks/other`, 404, "The resource 'projects/demo/global/networks/other' was not found"],
    ["GET", `${compute}/zones/nowhere/instanceGroups`, 400, "Invalid value for field 'zone': 'nowhere'. Unknown zone."],
    ["GET", `${compute}/regions/nowhere/urlMaps`, 400, "Invalid value for field 'region': 'nowhere'. Unknown region."],
  ])("%s %s: %i %s", async (...[method, path, status, message]) => {
    expect(await refused(method, path)).toMatchObject({ status, message });
  });
});
