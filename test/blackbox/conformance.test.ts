/** Vectors of other implementations, over real HTTP. Skipped where their folder is absent. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compute, createBackend, createMesh, echoScript, services, zone } from "./harness/resources.ts";
import { call, must, until } from "./harness/rest.ts";
import { ask } from "./harness/traffic.ts";
import { root, startMesh, type Mesh } from "./harness/wayside.ts";

const folder = join(root, "../shared/conformance");
const present = existsSync(folder);
if (!present) console.warn("conformance over HTTP is skipped: no vectors beside the checkout");

// oxlint-disable-next-line typescript/no-explicit-any -- vectors of other projects; each test reads the fields it checks
const vectors = (name: string): any => (present ? JSON.parse(readFileSync(join(folder, name), "utf8")) : {});

interface UrlMapCase {
  readonly request: { host: string; path: string; method: string; scheme: string; headers: [string, string][] };
  readonly expect: { service?: string; upstreamPath?: string; upstreamHost?: string; location?: string; redirectCode?: number };
  readonly weighted?: unknown;
}

interface RouteCase {
  readonly name: string;
  readonly request: { method: string; host: string; path: string; headers?: Record<string, string> };
  readonly expect: {
    status?: number[];
    backend?: string;
    upstream?: { path?: string; headers?: Record<string, string>; absentHeaders?: string[] };
    location?: { scheme?: string; hostname?: string; host?: string; path?: string; port?: string };
    mirroredTo?: { service: string }[];
  };
}

/** What the echo application tells of the request it got. */
interface Echo {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly group: string;
}

/** Answers everything with what it got and its group, and writes down what was mirrored to it. */
const groupScript = echoScript
  .replace("/echo", "/")
  .replace(
    'if (request.url === "/healthz")',
    'if (request.headers["x-forwarded-host"]?.endsWith("-shadow")) console.log(`mirrored ${request.url}`);\n  if (request.url === "/healthz")',
  )
  .replace("instance: INSTANCE_NAME", 'group: INSTANCE_NAME.replace(/-[^-]+$/, ""), instance: INSTANCE_NAME');

/** One backend service and a group of one for each name. */
async function createBackends(mesh: Mesh, project: string, names: readonly string[]): Promise<void> {
  await must(mesh.api, "POST", `${compute(project)}/global/instanceTemplates`, {
    name: "echo",
    properties: { metadata: { items: [{ key: "startup-script", value: groupScript }] } },
  });
  for (const name of names) {
    const group = name.replaceAll("_", "-");
    await must(mesh.api, "POST", `${compute(project)}/zones/${zone}/instanceGroupManagers`, {
      name: group,
      baseInstanceName: group,
      instanceTemplate: "global/instanceTemplates/echo",
      targetSize: 1,
      namedPorts: [{ name: "http", port: 8080 }],
    });
    await must(mesh.api, "POST", `${compute(project)}/global/backendServices`, {
      name: group,
      protocol: "HTTP",
      portName: "http",
      loadBalancingScheme: "INTERNAL_SELF_MANAGED",
      backends: [{ group: `projects/${project}/zones/${zone}/instanceGroups/${group}` }],
    });
  }
}

/** What the one instance of a group has written. */
async function logOf({ api }: Mesh, group: string): Promise<string> {
  const { instances } = (await must(api, "GET", "/wayside/v1/projects/demo/instances")) as { instances: { name: string }[] };
  const name = instances.find((instance) => instance.name.startsWith(`${group}-`))?.name ?? "";
  return (await fetch(`${api}/wayside/v1/projects/demo/instances/${name}/logs`)).text();
}

describe.skipIf(!present)("trace context over HTTP", () => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await startMesh();
    await createBackend({ api: mesh.api, project: "demo", name: "traced", size: 1 });
    await createMesh(mesh.api, "demo");
    await must(mesh.api, "POST", `${services("demo")}/httpRoutes?httpRouteId=traced`, {
      hostnames: ["traced.test"],
      meshes: ["projects/demo/locations/global/meshes/mesh"],
      rules: [{ action: { destinations: [{ serviceName: "projects/demo/locations/global/backendServices/traced" }] } }],
    });
    await until("an answer", 15_000, async () => (await ask(mesh.mesh, { host: "traced.test" })).status === 200);
  });
  afterAll(() => mesh.stop());

  it.each(
    (
      (vectors("w3c-trace-context.json").vectors ?? []) as {
        test: string;
        headers: [string, string][];
        expect: Record<string, string | null>;
      }[]
    ).map((vector, index) => [index, vector.test, vector] as const),
  )("%i %s", async (_, __, vector) => {
    const headers: Record<string, string[]> = {};
    for (const [name, value] of vector.headers) (headers[name.toLowerCase()] ??= []).push(value.trim());
    const reply = await ask(mesh.mesh, { host: "traced.test", path: "/echo", headers });
    const seen = (JSON.parse(reply.body) as Echo).headers;
    const [, trace, parent] = (seen["traceparent"] ?? "").split("-");
    const [, givenTrace, givenParent] = (headers["traceparent"]?.[0] ?? "").split("-");
    expect(trace).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
    expect(trace === givenTrace ? "inherited" : "new").toBe(vector.expect["traceId"]);
    expect(parent === givenParent ? "inherited" : "new").toBe("new");
    expect(seen["tracestate"] ?? null).toBe(vector.expect["tracestate"]);
  });
});

describe.skipIf(!present)("URL maps over HTTP", () => {
  const maps = (vectors("gcp-urlmaps.json").maps ?? []) as { name: string; urlMap: Record<string, unknown>; cases: UrlMapCase[] }[];
  const short = (url: string): string => (url.split("/").pop() ?? "").replaceAll("_", "-");
  let mesh: Mesh;
  const current: Record<string, unknown> = {};
  beforeAll(async () => {
    mesh = await startMesh();
    const names = new Set(
      maps.flatMap((map) => [...JSON.stringify(map.urlMap).matchAll(/backendServices\/([^"]+)/g)].map((match) => match[1] ?? "")),
    );
    await createBackends(mesh, "demo", [...names]);
  });
  afterAll(() => mesh.stop());

  it.each(maps.map((map) => [map.name, map] as const))("%s", async (_, map) => {
    const base = `${compute("demo")}/global`;
    const text = JSON.stringify(map.urlMap).replaceAll(
      /projects\/[^/]+\/global\/backendServices\/([^"]+)/g,
      (__, name: string) => `projects/demo/global/backendServices/${name.replaceAll("_", "-")}`,
    );
    const urlMap = { ...(JSON.parse(text) as Record<string, unknown>), name: "under-test" };
    if (current["urlMap"] === undefined) {
      await must(mesh.api, "POST", `${base}/urlMaps`, urlMap);
      await must(mesh.api, "POST", `${base}/targetHttpProxies`, { name: "under-test", urlMap: "global/urlMaps/under-test" });
      await must(mesh.api, "POST", `${base}/forwardingRules`, {
        name: "under-test",
        loadBalancingScheme: "INTERNAL_SELF_MANAGED",
        IPAddress: "0.0.0.0",
        portRange: "80",
        target: "global/targetHttpProxies/under-test",
      });
    } else await must(mesh.api, "PUT", `${base}/urlMaps/under-test`, urlMap);
    current["urlMap"] = map.name;
    await until("the map is applied", 10_000, async () => {
      const { proxies } = await must(mesh.api, "GET", "/wayside/v1/projects/demo/status");
      return proxies.length > 0 && (proxies as { state: string }[]).every((proxy) => proxy.state === "SYNCED");
    });
    for (const one of map.cases) {
      const headers = Object.fromEntries(one.request.headers.filter(([name]) => !name.startsWith(":")));
      const reply = await until(`an answer for ${one.request.path}`, 10_000, async () => {
        const answer = await ask(mesh.mesh, { host: one.request.host, path: one.request.path, method: one.request.method, headers });
        return answer.status !== 503 && answer;
      });
      const label = `${one.request.method} ${one.request.host}${one.request.path} ${JSON.stringify(headers)}`;
      // The mesh is entered over plain HTTP here: what a caller over HTTPS would be sent to keeps its own scheme.
      const location = one.request.scheme === "https" ? one.expect.location?.replace("https:", "http:") : one.expect.location;
      if (location !== undefined) expect(reply.headers["location"], label).toBe(location);
      if (one.expect.redirectCode !== undefined) expect(reply.status, label).toBe(one.expect.redirectCode);
      if (one.expect.service !== undefined) {
        const echo = JSON.parse(reply.body) as Echo;
        // Of a weighted split, whichever the dice chose of those that the same request may get.
        const fitting = one.weighted === undefined ? [one] : map.cases.filter((other) => other.request.host === one.request.host);
        expect(
          fitting.map(({ expect: { service } }) => short(service ?? "")),
          label,
        ).toContain(echo.group);
        if (one.expect.upstreamPath !== undefined) expect(echo.url, label).toBe(one.expect.upstreamPath);
        if (one.expect.upstreamHost !== undefined) expect(echo.headers["x-forwarded-host"], label).toBe(one.expect.upstreamHost);
      }
    }
  });
});

describe.skipIf(!present)("HttpRoutes over HTTP", () => {
  const tests = (vectors("gcp-httproutes.json").tests ?? []) as {
    name: string;
    httpRoutes: Record<string, unknown>[];
    cases: RouteCase[];
  }[];
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await startMesh();
    const names = new Set([...JSON.stringify(tests).matchAll(/"serviceName":"([^"]+)"/g)].map((match) => match[1]?.split("/").pop() ?? ""));
    await createBackends(mesh, "demo", [...names]);
    await createMesh(mesh.api, "demo");
  });
  afterAll(() => mesh.stop());

  it.each(tests.map((test) => [test.name, test] as const))("%s", async (_, test) => {
    for (const route of test.httpRoutes) {
      await must(mesh.api, "POST", `${services("demo")}/httpRoutes?httpRouteId=${String(route["name"])}`, {
        ...(JSON.parse(
          JSON.stringify(route).replaceAll(
            /"serviceName":"([^"/]+)"/g,
            '"serviceName":"projects/demo/locations/global/backendServices/$1"',
          ),
        ) as object),
        name: `projects/demo/locations/global/httpRoutes/${String(route["name"])}`,
        meshes: ["projects/demo/locations/global/meshes/mesh"],
      });
    }
    for (const one of test.cases) {
      const label = `${one.request.method} ${one.request.path} ${JSON.stringify(one.request.headers ?? {})}`;
      const wanted = one.expect.status ?? [200];
      const reply = await until(label, 10_000, async () => {
        const answer = await ask(mesh.mesh, one.request);
        return wanted.includes(answer.status) && answer;
      });
      if (one.expect.backend !== undefined) {
        const echo = JSON.parse(reply.body) as Echo;
        expect(echo.group, label).toBe(one.expect.backend);
        if (one.expect.upstream?.path !== undefined) expect(echo.url, label).toBe(one.expect.upstream.path);
        for (const [name, value] of Object.entries(one.expect.upstream?.headers ?? {}))
          expect(echo.headers[name.toLowerCase()], label).toBe(value);
        for (const name of one.expect.upstream?.absentHeaders ?? []) expect(echo.headers[name.toLowerCase()], label).toBeUndefined();
      }
      for (const { service } of one.expect.mirroredTo ?? [])
        await until(`the copy of ${label}`, 10_000, async () => (await logOf(mesh, service)).includes(`mirrored ${one.request.path}\n`));
      if (one.expect.location?.path !== undefined)
        expect(new URL(reply.headers["location"] ?? "", `http://${one.request.host}`).pathname, label).toBe(one.expect.location.path);
    }
    for (const route of test.httpRoutes) await must(mesh.api, "DELETE", `${services("demo")}/httpRoutes/${String(route["name"])}`);
  });
});

describe.skipIf(!present)("Terraform's samples", () => {
  let mesh: Mesh;
  beforeAll(async () => {
    mesh = await startMesh();
  });
  afterAll(() => mesh.stop());

  // One sample is a template that only Terraform can fill in (`${each.key}`): no API would take it as it stands.
  const samples = (
    (vectors("terraform-samples.json").samples ?? []) as {
      file: string;
      resources: { collection: string; resource: Record<string, unknown> }[];
    }[]
  ).filter((sample) => !JSON.stringify(sample).includes("${each.key}"));
  it.each(samples.map((sample, index) => [sample.file.split("/").pop() ?? "", index, sample] as const))("%s", async (_, index, sample) => {
    const project = `sample-${index}`;
    const own = new Set(sample.resources.map(({ collection, resource }) => `${collection}/${String(resource["name"])}`));
    // Its own resources come in an order of its own: those that others refer to go first.
    const ordered = sample.resources.toSorted((a, b) => Number(refersTo(a.resource, own)) - Number(refersTo(b.resource, own)));
    for (const { collection, resource } of ordered) {
      await createReferenced(mesh.api, { project, resource, own });
      const answer = await roundTrip(mesh.api, project, { collection, resource: expanded(resource) });
      expect(answer, JSON.stringify(answer)).toEqual({ posted: true, read: true, unchanged: true });
    }
  });
});

const computeCollections = new Set(["backendServices", "urlMaps"]);
const securityCollections: Record<string, string> = { serviceLbPolicies: "serviceLbPolicyId" };

function paths(project: string, collection: string, resource: Record<string, unknown>): { list: string; create: string } {
  if (computeCollections.has(collection)) {
    const scope = typeof resource["region"] === "string" ? `regions/${resource["region"]}` : "global";
    const list = `${compute(project)}/${scope}/${collection}`;
    return { list, create: list };
  }
  const list = `${services(project)}/${collection}`;
  const singular =
    securityCollections[collection] ?? `${collection === "meshes" ? "mesh" : collection.replace(/ies$/, "y").replace(/s$/, "")}Id`;
  return { list, create: `${list}?${singular}=${String(resource["name"])}` };
}

/** POST, GET holds all that was given, PATCH with what GET returned changes nothing. References are made to resources that exist. */
async function roundTrip(
  api: string,
  project: string,
  { collection, resource }: { collection: string; resource: Record<string, unknown> },
): Promise<object> {
  const { list, create } = paths(project, collection, resource);
  const posted = await call(api, "POST", create, resource);
  if (posted.status >= 300) return { posted: posted.body };
  const name = String(resource["name"]).split("/").pop();
  const got = await must(api, "GET", `${list}/${name}`);
  const { region: _, name: __, ...given } = resource;
  const read = Object.entries(given)
    .filter(([key, value]) => !contains(got[key], value))
    .map(([key]) => key);
  const before = JSON.stringify(got);
  await must(api, "PATCH", `${list}/${name}`, given);
  const after = JSON.stringify(await must(api, "GET", `${list}/${name}`));
  return { posted: true, read: read.length === 0 || read, unchanged: before === after };
}

/** Whether `actual` has everything that `expected` has; a reference may be written out. */
function contains(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected))
    return Array.isArray(actual) && actual.length === expected.length && expected.every((item, index) => contains(actual[index], item));
  if (typeof expected === "object" && expected !== null)
    return (
      typeof actual === "object" &&
      actual !== null &&
      Object.entries(expected).every(([key, value]) => contains((actual as Record<string, unknown>)[key], value))
    );
  return actual === expected;
}

const referencePattern = /"(\w+)\/([a-z0-9-]+)"/g;

function refersTo(resource: Record<string, unknown>, names: ReadonlySet<string>): boolean {
  return [...JSON.stringify(resource).matchAll(referencePattern)].some(([, collection, name]) => names.has(`${collection}/${name}`));
}

/** Tests of the samples with HTTP filters fail at Google, too: they are left out. */
function expanded(resource: Record<string, unknown>): Record<string, unknown> {
  const { tests, ...rest } = resource;
  return tests === undefined || JSON.stringify(rest).includes("httpFilter") ? rest : { ...rest, tests };
}

async function createReferenced(
  api: string,
  { project, resource, own }: { project: string; resource: Record<string, unknown>; own: ReadonlySet<string> },
): Promise<void> {
  const bodies: Record<string, (name: string) => Record<string, unknown>> = {
    backendServices: (name) => ({ name, loadBalancingScheme: "INTERNAL_SELF_MANAGED" }),
    healthChecks: (name) => ({ name, type: "TCP", tcpHealthCheck: { port: 80 } }),
    meshes: () => ({}),
    gateways: () => ({ type: "OPEN_MESH", ports: [80], scope: "default" }),
  };
  for (const [, collection = "", name = ""] of JSON.stringify(resource).matchAll(referencePattern)) {
    if (own.has(`${collection}/${name}`)) continue;
    const body = bodies[collection]?.(name);
    if (body === undefined) continue;
    const global = collection === "backendServices" || collection === "healthChecks";
    const target = global
      ? `${compute(project)}/global/${collection}`
      : `${services(project)}/${collection}?${collection === "meshes" ? "mesh" : "gateway"}Id=${name}`;
    const made = await call(api, "POST", target, body);
    if (made.status >= 300 && made.status !== 409) throw new Error(`${collection}/${name}: ${JSON.stringify(made.body)}`);
  }
}
