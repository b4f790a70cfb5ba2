/** What rules do to requests besides sending them on, over real HTTP: CORS, faults, mirrors, templates, variables, limits, loops. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApplication, type Application } from "./harness/application.ts";
import { compute, createMesh, services, zone } from "./harness/resources.ts";
import { call, must, until } from "./harness/rest.ts";
import { exchange } from "./harness/socket.ts";
import { ask, type Ask, type Reply } from "./harness/traffic.ts";
import { createHostileService } from "./harness/upstream.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
let mesh: Mesh;
const applications: Application[] = [];

async function application(answer?: Parameters<typeof startApplication>[0]): Promise<Application> {
  const started = await startApplication(answer);
  applications.push(started);
  return started;
}

async function service(name: string, app: { readonly port: number }, action: Record<string, unknown> = {}): Promise<void> {
  await createHostileService({ api: mesh.api, mesh: mesh.mesh, name, ports: [app.port], action });
}

const backend = (name: string): string => `projects/${project}/locations/global/backendServices/${name}`;
const send = (name: string, rest: Partial<Ask> = {}): Promise<Reply> => ask(mesh.mesh, { host: `${name}.test`, ...rest });
const reason = ({ status, headers }: Reply): [number, string | undefined] => [status, headers["x-wayside-reason"]];
const header = (app: Application, name: string): string | undefined => linesOf(app, name)[0];
const linesOf = (app: Application, name: string): string[] =>
  app.last().headers.flatMap(([known, value]) => (known === name ? [value] : []));

beforeAll(async () => {
  mesh = await startMesh();
  await createMesh(mesh.api, project);
});
afterAll(async () => {
  expect(mesh.output()).not.toContain("internal error");
  expect(await mesh.stop()).toBe(0);
  await Promise.all(applications.map((app) => app.close()));
});

describe("CORS", () => {
  let app: Application;
  beforeAll(async () => {
    app = await application();
    const corsPolicy = {
      allowOrigins: ["https://shop.test"],
      allowOriginRegexes: ["https://.*[.]shop[.]test"],
      allowMethods: ["GET", "PUT"],
      allowHeaders: ["x-cart"],
      exposeHeaders: ["x-total"],
      maxAge: "600",
      allowCredentials: true,
    };
    await service("cors", app, { corsPolicy });
  });

  it("preflights are answered by the mesh", async () => {
    const headers = { origin: "https://eu.shop.test", "access-control-request-method": "PUT" };
    const reply = await send("cors", { method: "OPTIONS", headers });
    expect(reply).toMatchObject({ status: 200, body: "" });
    expect(reply.headers).toMatchObject({
      "access-control-allow-origin": "https://eu.shop.test",
      "access-control-allow-methods": "GET, PUT",
      "access-control-allow-headers": "x-cart",
      "access-control-max-age": "600",
      "access-control-allow-credentials": "true",
      vary: "Origin",
    });
    expect(app.received).toHaveLength(0);
  });

  it("answers to allowed origins say so, others do not", async () => {
    const allowed = await send("cors", { headers: { origin: "https://shop.test" } });
    expect(allowed.headers).toMatchObject({
      "access-control-allow-origin": "https://shop.test",
      "access-control-expose-headers": "x-total",
    });
    const foreign = await send("cors", { headers: { origin: "https://shop.test.evil.test" } });
    expect([foreign.status, foreign.headers["access-control-allow-origin"]]).toEqual([200, undefined]);
  });
});

describe("fault injection", () => {
  it("aborts the share that it is told to, and sends none of it on", async () => {
    const app = await application();
    await service("half", app, {
      faultInjectionPolicy: { abort: { httpStatus: 418, percentage: 50 } },
      retryPolicy: { retryConditions: ["5xx"] },
    });
    const replies = await Promise.all(Array.from({ length: 400 }, () => send("half")));
    const aborted = replies.filter(({ status }) => status === 418);
    expect(aborted.every(({ headers }) => headers["x-wayside-reason"] === "fault_injected")).toBe(true);
    // 200 ± 10 standard deviations of 10: a right implementation fails once in a universe.
    expect(Math.abs(aborted.length - 200)).toBeLessThan(100);
    expect(app.received).toHaveLength(400 - aborted.length);
  });

  it("holds requests up before the route's time begins", async () => {
    const app = await application();
    await service("late", app, { faultInjectionPolicy: { delay: { fixedDelay: "0.4s", percentage: 100 } }, timeout: "0.3s" });
    const begun = performance.now();
    expect(await send("late")).toMatchObject({ status: 200, body: "ok" });
    const took = performance.now() - begun;
    expect(took).toBeGreaterThanOrEqual(395);
    expect(took).toBeLessThan(1_500);
  });
});

describe("mirroring", () => {
  it("copies requests and their bodies, and the answer is that of the original", async () => {
    const copy = await application((incoming, outgoing) => incoming.on("end", () => outgoing.writeHead(500).end("copy")));
    const app = await application();
    await service("copy", copy);
    await service("mirrored", app, { requestMirrorPolicy: { destination: { serviceName: backend("copy") } } });
    copy.received.length = 0;
    for (const [method, body, headers] of [
      ["GET", "", {}],
      ["POST", "said in advance", { "content-length": "15" }],
      ["POST", "in chunks", { "transfer-encoding": "chunked" }],
    ] as const) {
      const reply = await send("mirrored", { method, body, path: "/x?y=1", headers });
      expect(reply).toMatchObject({ status: 200, body: "ok" });
      await until("the copy", 5_000, async () => copy.received.at(-1)?.end === "whole" && copy.last().body.toString() === body);
      expect([copy.last().method, copy.last().url, header(copy, "x-forwarded-host")]).toEqual([method, "/x?y=1", "mirrored.test-shadow"]);
      expect(header(copy, "traceparent")).toMatch(/^00-/);
      copy.received.length = 0;
    }
  });

  it("a mirror that never answers, and bodies too large to be copied, cost the original nothing", async () => {
    const mute = await application(() => undefined);
    const app = await application();
    await service("mute", mute);
    await service("patient", app, {
      requestMirrorPolicy: { destination: { serviceName: backend("mute") }, mirrorPercent: 100 },
      timeout: "5s",
    });
    const begun = performance.now();
    const replies = await Promise.all(Array.from({ length: 20 }, () => send("patient")));
    expect(replies.every(({ status }) => status === 200)).toBe(true);
    expect(performance.now() - begun).toBeLessThan(2_000);
    await until("the copies", 5_000, async () => mute.received.length === 20);
    const body = "x".repeat(200_000);
    expect(await send("patient", { method: "POST", body, headers: { "transfer-encoding": "chunked" } })).toMatchObject({ status: 200 });
    expect(app.last().body.length).toBe(body.length);
    expect(mute.received).toHaveLength(20);
  });
});

describe("URL maps", () => {
  let app: Application;
  const maps = `${compute(project)}/global/urlMaps`;
  const map = (name: string, routeRules: readonly object[]): object => ({
    name,
    defaultService: `projects/${project}/global/backendServices/${name}`,
    hostRules: [{ hosts: [`${name}.map.test`], pathMatcher: "all" }],
    pathMatchers: [{ name: "all", defaultService: `projects/${project}/global/backendServices/${name}`, routeRules }],
  });
  const to = (name: string): { readonly service: string } => ({ service: `projects/${project}/global/backendServices/${name}` });

  /** Makes the map served; its backend service is that of the HttpRoute `NAME.test`. */
  async function serve(name: string, routeRules: readonly object[]): Promise<void> {
    await service(name, app);
    await must(mesh.api, "POST", maps, map(name, routeRules));
    await must(mesh.api, "POST", `${compute(project)}/global/targetHttpProxies`, { name, urlMap: `global/urlMaps/${name}` });
    await must(mesh.api, "POST", `${compute(project)}/global/forwardingRules`, {
      name,
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      IPAddress: "0.0.0.0",
      portRange: "80",
      target: `global/targetHttpProxies/${name}`,
    });
    await until(`${name}.map.test`, 10_000, async () => (await ask(mesh.mesh, { host: `${name}.map.test` })).status === 200);
  }

  beforeAll(async () => {
    app = await application();
    await must(mesh.api, "POST", `/wayside/v1/projects/${project}/meshSettings`, { name: "templates", proxyLabels: { stage: "beta" } });
    const filter = (value: string): object => ({ filterMatchCriteria: "MATCH_ALL", filterLabels: [{ name: "stage", value }] });
    await serve("templates", [
      {
        priority: 1,
        ...to("templates"),
        matchRules: [{ pathTemplateMatch: "/users/{id}/{rest=**}" }],
        routeAction: { urlRewrite: { pathTemplateRewrite: "/u/{rest}/of-{id}" } },
        headerAction: {
          requestHeadersToAdd: [{ headerName: "x-client", headerValue: "{client_ip_address};{client_encrypted};{client_region}" }],
        },
      },
      { priority: 2, matchRules: [{ prefixMatch: "/stage", metadataFilters: [filter("alpha")] }], urlRedirect: { pathRedirect: "/alpha" } },
      { priority: 3, matchRules: [{ prefixMatch: "/stage", metadataFilters: [filter("beta")] }], urlRedirect: { pathRedirect: "/beta" } },
    ]);
  });

  it("templates are matched and rewritten, and variables put in", async () => {
    expect((await ask(mesh.mesh, { host: "templates.map.test", path: "/users/7/a/b?q=1" })).status).toBe(200);
    expect(app.last().url).toBe("/u/a/b/of-7?q=1");
    expect(header(app, "x-client")).toBe("127.0.0.1;false;");
  });

  it("rules are for the proxies that their metadata filters mean", async () => {
    const reply = await ask(mesh.mesh, { host: "templates.map.test", path: "/stage" });
    expect([reply.status, reply.headers["location"]]).toEqual([301, "http://templates.map.test/beta"]);
  });

  it.each<[string, object, string]>([
    ["a template that is none", { pathTemplateMatch: "/a/{" }, "pathTemplateMatch"],
    ["an expression that looks ahead", { regexMatch: "/a(?=b)" }, "at position"],
    ["an expression that is too complex", { regexMatch: "/([a-z]{1,50}){1,20}" }, "program size"],
  ])("%s is refused in words", async (_, matchRule, words) => {
    const answer = await call(mesh.api, "POST", maps, map("wrong", [{ priority: 1, ...to("templates"), matchRules: [matchRule] }]));
    expect(answer.status).toBe(400);
    expect(answer.body.error.message).toContain(words);
  });

  it("a rewrite with a variable that the template does not have is refused", async () => {
    const rule = {
      priority: 1,
      ...to("templates"),
      matchRules: [{ pathTemplateMatch: "/a/{b}" }],
      routeAction: { urlRewrite: { pathTemplateRewrite: "/{c}" } },
    };
    const answer = await call(mesh.api, "POST", maps, map("wrong", [rule]));
    expect([answer.status, String(answer.body.error.message)]).toEqual([400, expect.stringContaining("no variable 'c'")]);
  });

  it("tests of a map run through templates", async () => {
    const tests = [
      { host: "templates.map.test", path: "/users/1/x", ...to("templates"), expectedOutputUrl: "http://templates.map.test/u/x/of-1" },
    ];
    const resource = (await call(mesh.api, "GET", `${maps}/templates`)).body as object;
    const right = await must(mesh.api, "POST", `${maps}/templates/validate`, { resource: { ...resource, tests } });
    expect(right.result).toEqual({ loadSucceeded: true, testPassed: true });
    const wrong = await must(mesh.api, "POST", `${maps}/templates/validate`, {
      resource: { ...resource, tests: [{ ...tests[0], expectedOutputUrl: "http://templates.map.test/u/x/of-2" }] },
    });
    expect(wrong.result).toMatchObject({ testPassed: false, testFailures: [{ actualOutputUrl: "http://templates.map.test/u/x/of-1" }] });
  });

  it("a service that leads back to itself ends with 508", async () => {
    const { port } = new URL(mesh.mesh);
    await must(mesh.api, "POST", `${compute(project)}/zones/${zone}/instanceGroups`, { name: "loop" });
    await must(mesh.api, "POST", `/wayside/v1/projects/${project}/instances`, {
      name: "loop-0",
      address: "127.0.0.1",
      port: Number(port),
      group: "loop",
      zone,
    });
    await must(mesh.api, "POST", `${compute(project)}/global/backendServices`, {
      name: "loop",
      protocol: "HTTP",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      backends: [{ group: `zones/${zone}/instanceGroups/loop` }],
    });
    // The host of the second round is the mesh's own address, which is no name: the map's default takes it.
    await must(mesh.api, "PATCH", `${maps}/templates`, { defaultService: `projects/${project}/global/backendServices/loop` });
    // The reason header is the mesh's own, which no proxy believes of what it takes for an application.
    await until("the loop", 10_000, async () => {
      const { status, body } = await ask(mesh.mesh, { host: "any.other" });
      return status === 508 && body.startsWith("wayside: loop_detected:");
    });
  });
});

describe("limits", () => {
  let app: Application;
  beforeAll(async () => {
    app = await application((incoming, outgoing) => {
      for (let index = 0; incoming.url === "/many" && index < 200; index++) outgoing.setHeader(`x-${index}`, "1");
      incoming.on("end", () => outgoing.end("ok"));
    });
    await must(mesh.api, "POST", `/wayside/v1/projects/${project}/meshSettings`, { name: "mesh", limits: { requestBodyBytes: 100_000 } });
    await service("limits", app);
  });

  const lines = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, "1"]));

  it.each<[string, Partial<Ask>, number, string | undefined]>([
    ["90 headers", { headers: lines(90) }, 200, undefined],
    ["101 headers", { headers: lines(101) }, 431, "headers_too_large"],
    ["12 KB in headers", { headers: { a: "x".repeat(6_000), b: "x".repeat(6_000) } }, 200, undefined],
    ["61 KiB in headers", { headers: { a: "x".repeat(31_000), b: "x".repeat(31_000) } }, 431, "headers_too_large"],
    ["a URL of 16 KB", { path: `/${"a".repeat(16_000)}` }, 200, undefined],
    ["a URL of 17 KB", { path: `/${"a".repeat(17_000)}` }, 414, "uri_too_long"],
    ["a body of its limit", { method: "POST", body: "x".repeat(100_000), headers: { "content-length": "100000" } }, 200, undefined],
    ["a larger one", { method: "POST", body: "x".repeat(100_001), headers: { "content-length": "100001" } }, 413, "body_too_large"],
    [
      "a larger one in chunks",
      { method: "POST", body: "x".repeat(300_000), headers: { "transfer-encoding": "chunked" } },
      413,
      "body_too_large",
    ],
    ["an answer of 200 headers", { path: "/many" }, 502, "upstream_headers_too_large"],
  ])("%s", async (...row) => {
    const [, what, status, why] = row;
    expect(reason(await send("limits", what))).toEqual([status, why]);
  });

  it("the body that was too large never was a whole one", () => {
    expect(app.received.filter(({ body, end }) => body.length > 100_000 && end === "whole")).toEqual([]);
  });

  it.each([
    ["OPTIONS", "0", 200, "max_forwards"],
    ["OPTIONS", "3", 200, undefined],
  ])("%s with Max-Forwards %s", async (method, value, status, why) => {
    const before = app.received.length;
    expect(reason(await send("limits", { method, headers: { "max-forwards": value } }))).toEqual([status, why]);
    expect(app.received.length - before).toBe(why === undefined ? 1 : 0);
    if (why === undefined) expect(header(app, "max-forwards")).toBe("2");
  });

  it("paths that could be read in two ways are refused, others arrive as every rule saw them", async () => {
    const raw = (target: string): Promise<{ readonly status: number; readonly text: string }> =>
      exchange(mesh.mesh, `GET ${target} HTTP/1.1\r\nHost: limits.test\r\nConnection: close\r\n\r\n`);
    for (const target of ["/%00", "/%c0%af", "/x%2f..%2fadmin"]) {
      const answer = await raw(target);
      expect([target, answer.status, answer.text.includes("x-wayside-reason: path_refused")]).toEqual([target, 400, true]);
    }
    await raw("/%2e%2e/a%2fb//c;d/E");
    expect(app.last().url).toBe("/a%2fb//c;d/E");
  });

  it("what only the mesh may say is not believed from outside", async () => {
    const headers = {
      "x-wayside-reason": "spoofed",
      "x-forwarded-client-cert": "By=spiffe://x",
      "x-forwarded-host": "evil",
      "x-forwarded-proto": "https",
      forwarded: "for=1.2.3.4",
    };
    await send("limits", { headers });
    const names = app.last().headers.map(([name]) => name);
    expect(names).not.toContain("x-wayside-reason");
    expect(names).not.toContain("x-forwarded-client-cert");
    expect([header(app, "x-forwarded-host"), header(app, "x-forwarded-proto")]).toEqual(["limits.test", "http"]);
    expect(linesOf(app, "forwarded").join(", ")).toBe('for=1.2.3.4, for=127.0.0.1;host="limits.test";proto=http');
  });
});

describe("GrpcRoutes", () => {
  it("route methods as paths", async () => {
    const app = await application();
    await service("grpc", app);
    await must(mesh.api, "POST", `${services(project)}/grpcRoutes?grpcRouteId=grpc`, {
      hostnames: ["grpc.mesh.test"],
      meshes: [`projects/${project}/locations/global/meshes/mesh`],
      rules: [
        {
          matches: [{ method: { grpcService: "shop.Cart", grpcMethod: "Get" } }],
          action: { destinations: [{ serviceName: backend("grpc") }] },
        },
      ],
    });
    const get = { host: "grpc.mesh.test", method: "POST", path: "/shop.Cart/Get" };
    await until("the route", 10_000, async () => (await ask(mesh.mesh, get)).status === 200);
    expect(reason(await ask(mesh.mesh, { ...get, path: "/shop.Cart/List" }))).toEqual([404, "no_route"]);
  });
});
