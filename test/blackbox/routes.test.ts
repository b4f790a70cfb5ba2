/** What the actions of a route make of requests and answers, over real HTTP: redirects, rewrites, weights, header modifiers. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApplication, type Application } from "./harness/application.ts";
import { createMesh } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask, type Ask, type Reply } from "./harness/traffic.ts";
import { createHostileService } from "./harness/upstream.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const host = "actions.test";
const service = (name: string) => ({ serviceName: `projects/${project}/locations/global/backendServices/${name}` });

let mesh: Mesh;
const apps: Record<string, Application> = {};

const get = (path: string, more: Partial<Ask> = {}): Promise<Reply> => ask(mesh.mesh, { host, path, ...more });
const last = (name: string) => (apps[name] as Application).last();
const values = (name: string, field: string): string[] => last(name).headers.flatMap(([known, value]) => (known === field ? [value] : []));

const redirects: [string, object, number, string][] = [
  ["/all", { hostRedirect: "b.test", pathRedirect: "/to" }, 301, "http://b.test/to?q=1"],
  ["/302", { pathRedirect: "/to", responseCode: "FOUND" }, 302, `http://${host}/to?q=1`],
  ["/303", { pathRedirect: "/to", responseCode: "SEE_OTHER" }, 303, `http://${host}/to?q=1`],
  ["/307", { pathRedirect: "/to", responseCode: "TEMPORARY_REDIRECT" }, 307, `http://${host}/to?q=1`],
  ["/308", { pathRedirect: "/to", responseCode: "PERMANENT_REDIRECT" }, 308, `http://${host}/to?q=1`],
  ["/https", { httpsRedirect: true }, 301, `https://${host}/https/x?q=1`],
  ["/port", { httpsRedirect: true, portRedirect: 8443 }, 301, `https://${host}:8443/port/x?q=1`],
  ["/prefix", { prefixRewrite: "/new" }, 301, `http://${host}/new/x?q=1`],
  ["/strip", { prefixRewrite: "/new", stripQuery: true }, 301, `http://${host}/new/x`],
];

const modifiers = {
  destinations: [
    {
      ...service("one"),
      weight: 90,
      requestHeaderModifier: { set: { "x-destination": "one" } },
      responseHeaderModifier: { set: { "x-answered": "one" } },
    },
    {
      ...service("two"),
      weight: 10,
      requestHeaderModifier: { set: { "x-destination": "two" } },
      responseHeaderModifier: { set: { "x-answered": "two" } },
    },
  ],
  requestHeaderModifier: { set: { "x-set": "new" }, add: { "x-add": "more" }, remove: ["x-remove"] },
  responseHeaderModifier: { set: { "x-app": "changed" }, add: { "x-more": "2" }, remove: ["x-hide"] },
};

const under = (prefixMatch: string, action: object): object => ({ matches: [{ prefixMatch }], action });

beforeAll(async () => {
  mesh = await startMesh();
  await createMesh(mesh.api, project);
  for (const name of ["one", "two"]) {
    const app = await startApplication((incoming, outgoing) => {
      if (incoming.url?.endsWith("/never") === true) return;
      const headers = { "x-app": name, "x-more": "1", "x-hide": "1" };
      incoming.resume().on("end", () => outgoing.writeHead(200, headers).end(name));
    });
    apps[name] = app;
    await createHostileService({ api: mesh.api, mesh: mesh.mesh, name, ports: [app.port] });
  }
  const nobody = await startApplication();
  await nobody.close();
  await createHostileService({ api: mesh.api, mesh: mesh.mesh, name: "nobody", ports: [nobody.port] });
  await must(mesh.api, "POST", `/v1/projects/${project}/locations/global/httpRoutes?httpRouteId=actions`, {
    hostnames: [host],
    meshes: [`projects/${project}/locations/global/meshes/mesh`],
    rules: [
      ...redirects.map(([path, redirect]) => under(path, { redirect })),
      under("/rewritten", {
        destinations: [service("one")],
        urlRewrite: { pathPrefixRewrite: "/inner", hostRewrite: "inner.test" },
      }),
      under("/modified", modifiers),
      under("/mirrored", { destinations: [service("one")], requestMirrorPolicy: { destination: service("nobody") } }),
      { matches: [{ regexMatch: "/(a+)+b" }], action: { destinations: [service("two")] } },
      { matches: [{ prefixMatch: "/one" }], action: { destinations: [service("one")] } },
    ],
  });
  await until("the route", 10_000, async () => (await get("/one")).status === 200);
});
afterAll(async () => {
  expect(mesh.output()).not.toContain("internal error");
  expect(await mesh.stop()).toBe(0);
  await Promise.all(Object.values(apps).map((app) => app.close()));
});

describe("redirects", () => {
  it.each(redirects)("%s %o: %i to %s", async (path, _, status, location) => {
    const reply = await get(`${path}/x?q=1`);
    expect([reply.status, reply.headers["location"]]).toEqual([status, location]);
  });
});

it("rewrites of prefix and host are what the application sees", async () => {
  expect(await get("/rewritten/a/b?q=1")).toMatchObject({ status: 200, body: "one" });
  expect([last("one").url, values("one", "x-forwarded-host")]).toEqual(["/inner/a/b?q=1", ["inner.test"]]);
});

it("headers are modified for the route, and for the destination alone that was drawn, by weight", async () => {
  const requests = 1_000;
  let atOne = 0;
  for (let sent = 0; sent < requests; sent += 20) {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => get("/modified", { headers: { "x-set": "old", "x-add": "one", "x-remove": "1" } })),
    );
    for (const { body, headers } of replies) {
      expect([headers["x-answered"], headers["x-app"], headers["x-more"], headers["x-hide"]]).toEqual([body, "changed", "1,2", undefined]);
      if (body === "one") atOne += 1;
    }
  }
  for (const name of ["one", "two"]) {
    expect([values(name, "x-destination"), values(name, "x-set"), values(name, "x-remove")]).toEqual([[name], ["new"], []]);
    expect(values(name, "x-add").join(", ")).toBe("one,more");
  }
  // 900 with a standard deviation of 9.5.
  expect(Math.abs(atOne - 900)).toBeLessThan(48);
});

it("a mirror where nobody listens costs the original neither its answer nor time", async () => {
  const begun = performance.now();
  const replies = await Promise.all(Array.from({ length: 40 }, () => get("/mirrored", { method: "POST", body: "x" })));
  expect(new Set(replies.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(["200 one"]));
  expect(performance.now() - begun).toBeLessThan(2_000);
});

it("an expression that backtracks elsewhere takes linear time", async () => {
  const path = `/${"a".repeat(16_000)}`;
  const begun = performance.now();
  expect((await get(path)).status).toBe(404);
  expect(performance.now() - begun).toBeLessThan(500);
  expect(await get(`${path}b`)).toMatchObject({ status: 200, body: "two" });
});

// A connection that is closed, not reset, workerd notices only once an answer is on its way; Cloudflare's edge notices both.
it("a caller who resets his connection before the answer ends the attempt at the application", async () => {
  const { hostname, port } = new URL(mesh.mesh);
  const outgoing = request({ hostname, port, path: "/one/never", headers: { host } });
  outgoing.on("error", () => undefined).end();
  await until("the application is asked", 5_000, async () => last("one").url === "/one/never");
  expect(last("one").isOver).toBe(false);
  outgoing.socket?.resetAndDestroy();
  await until("its connection is over", 5_000, async () => last("one").isOver);
});
