/** Which endpoint a request goes to: every policy and affinity over real HTTP, to servers of the test that the mesh knows as VMs. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compute, createMesh, createRoute, zone } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { type Ask, ask, type Reply, watchFor } from "./harness/traffic.ts";
import { httpUpstream, type Upstream } from "./harness/upstream.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const project = "demo";
const waysideApi = `/wayside/v1/projects/${project}`;

/** An application: answers with its name, after `delayMs` and with `load` as `Endpoint-Load-Metrics`. */
interface Vm {
  readonly delayMs?: number;
  readonly load?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

interface Service {
  readonly name: string;
  readonly vms: readonly Vm[];
  /** Fields of the backend service. */
  readonly backendService?: object;
  /** A traffic policy for it. */
  readonly policy?: object;
  /** Of the route's action, besides its destination. */
  readonly action?: object;
}

let mesh: Mesh;
const servers: Upstream[] = [];

async function addVm(group: string, index: number, { delayMs = 0, load, labels }: Vm): Promise<void> {
  const name = `${group}-${index}`;
  const server = await httpUpstream((_, response) => {
    if (load !== undefined) response.setHeader("endpoint-load-metrics", load);
    setTimeout(() => response.end(name), delayMs);
  });
  servers.push(server);
  const place = { group, zone, address: "127.0.0.1", port: server.port };
  await must(mesh.api, "POST", `${waysideApi}/instances`, { name, ...place, ...(labels && { labels }) });
}

/** Makes `NAME.test` a service, and waits until the mesh serves it. */
async function create({ name, vms, backendService, policy, action }: Service): Promise<void> {
  const { api } = mesh;
  await must(api, "POST", `${compute(project)}/zones/${zone}/instanceGroups`, { name });
  for (const [index, vm] of vms.entries()) await addVm(name, index, vm);
  await must(api, "POST", `${compute(project)}/global/backendServices`, {
    name,
    protocol: "HTTP",
    loadBalancingScheme: "INTERNAL_SELF_MANAGED",
    backends: [{ group: `zones/${zone}/instanceGroups/${name}` }],
    ...backendService,
  });
  if (policy) await must(api, "POST", `${waysideApi}/trafficPolicies`, { name, target: `backendServices/${name}`, ...policy });
  const destinations = [{ serviceName: `projects/${project}/locations/global/backendServices/${name}` }];
  const rules = [
    { matches: [{ fullPathMatch: "/is-it-there" }], action: { directResponse: { status: 200, stringBody: "yes" } } },
    { action: { destinations, ...action } },
  ];
  await createRoute({ api, project, name, host: `${name}.test` }, rules);
  await until(`${name}.test`, 10_000, async () => (await send(name, { path: "/is-it-there" })).body === "yes");
}

const send = (name: string, more: Partial<Ask> = {}): Promise<Reply> => ask(mesh.mesh, { host: `${name}.test`, ...more });

/** The bodies of `count` requests, sent so many at a time. */
async function bodies(name: string, { count, atOnce = 8, more = {} }: { count: number; atOnce?: number; more?: Partial<Ask> }) {
  const seen: string[] = [];
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) seen.push((await send(name, more)).body);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return seen;
}

function shares(seen: readonly string[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const body of seen) counted[body] = (counted[body] ?? 0) + 1 / seen.length;
  return counted;
}

/** The cookies of an answer, as the next request brings them. */
const cookiesOf = (reply: Reply): string[] =>
  ([reply.headers["set-cookie"] ?? []].flat() as string[]).map((line) => line.split(";", 1)[0] ?? "");

const three: readonly Vm[] = [{}, {}, {}];

beforeAll(async () => {
  mesh = await startMesh();
  await createMesh(mesh.api, project);
});
afterAll(async () => {
  expect(await mesh.stop()).toBe(0);
  await Promise.all(servers.map((server) => server.close()));
});

describe("policies", () => {
  it("RANDOM reaches all in even shares", async () => {
    await create({ name: "random", vms: three, backendService: { localityLbPolicy: "RANDOM" } });
    const seen = shares(await bodies("random", { count: 600 }));
    for (const index of [0, 1, 2]) expect(Math.abs((seen[`random-${index}`] ?? 0) - 1 / 3)).toBeLessThan(0.09);
  });

  it.each([
    ["least", { localityLbPolicy: "LEAST_REQUEST" }, undefined],
    ["peak", {}, { policy: { kind: "PEAK_EWMA" } }],
    ["most-choices", {}, { policy: { kind: "LEAST_REQUEST", choices: 3 } }],
  ])("%s spares a slow instance", async (name, backendService, policy) => {
    await create({ name, vms: [{ delayMs: 250 }, {}, {}], backendService, ...(policy && { policy }) });
    const seen = shares(await bodies(name, { count: 400, atOnce: 12 }));
    expect(seen[`${name}-0`] ?? 0).toBeLessThan(0.15);
    expect(seen[`${name}-1`]).toBeGreaterThan(0.25);
    expect(seen[`${name}-2`]).toBeGreaterThan(0.25);
  });

  it.concurrent("WEIGHTED_ROUND_ROBIN follows the load that instances report, after ten seconds of reports", async () => {
    const vms = [
      { load: "TEXT rps_fractional=100,cpu_utilization=0.75" },
      { load: 'JSON {"rps_fractional": 100, "cpu_utilization": 0.25}' },
    ];
    await create({ name: "reported", vms, backendService: { localityLbPolicy: "WEIGHTED_ROUND_ROBIN" } });
    expect(shares(await bodies("reported", { count: 100 }))["reported-1"]).toBeCloseTo(0.5, 1);
    await until("one part to three", 20_000, async () => {
      const seen = shares(await bodies("reported", { count: 200 }));
      return Math.abs((seen["reported-1"] ?? 0) - 0.75) < 0.03;
    });
  });

  it.concurrent("slow start lets a new instance have its share little by little", async () => {
    // Those that are there from the beginning begin slowly too: until they are through, a newcomer is not told from them.
    await create({ name: "slow", vms: [{}, {}], policy: { slowStart: { windowMs: 5000 } } });
    await watchFor(5000);
    await addVm("slow", 2, {});
    await until("the new one", 5000, async () => (await bodies("slow", { count: 30 })).includes("slow-2"));
    expect(shares(await bodies("slow", { count: 200 }))["slow-2"]).toBeLessThan(0.28);
    await until("its full share", 8000, async () => (shares(await bodies("slow", { count: 300 }))["slow-2"] ?? 0) > 0.32);
  });
});

describe("affinity", () => {
  it.each(["RING_HASH", "MAGLEV"])("by header over %s: one user, one instance", async (localityLbPolicy) => {
    const name = `user-${localityLbPolicy.toLowerCase().replace("_", "-")}`;
    await create({
      name,
      vms: three,
      backendService: { sessionAffinity: "HEADER_FIELD", localityLbPolicy, consistentHash: { httpHeaderName: "X-User" } },
    });
    const owners = new Set<string>();
    for (let user = 0; user < 30; user++) {
      const seen = new Set(await bodies(name, { count: 4, more: { headers: { "x-user": `user-${user}` } } }));
      expect(seen.size).toBe(1);
      for (const owner of seen) owners.add(owner);
    }
    expect(owners.size).toBe(3);
    expect(new Set(await bodies(name, { count: 40 })).size).toBe(3);
  });

  it("by address: one caller, one instance", async () => {
    await create({ name: "address", vms: three, backendService: { sessionAffinity: "CLIENT_IP" } });
    expect(new Set(await bodies("address", { count: 30 })).size).toBe(1);
  });

  it("by a cookie that the mesh generates", async () => {
    await create({ name: "generated", vms: three, backendService: { sessionAffinity: "GENERATED_COOKIE", affinityCookieTtlSec: 60 } });
    const owners = new Set<string>();
    for (let caller = 0; caller < 20; caller++) {
      const first = await send("generated");
      expect([first.headers["set-cookie"] ?? []].flat()).toEqual([
        expect.stringMatching(/^GCILB="[0-9a-f]{16}"; Max-Age=60; Path=\/; HttpOnly$/),
      ]);
      const again = await send("generated", { headers: { cookie: cookiesOf(first).join("; ") } });
      expect(again.body).toBe(first.body);
      expect(again.headers["set-cookie"]).toBeUndefined();
      owners.add(first.body);
    }
    expect(owners.size).toBe(3);
  });

  it("by a cookie of the user's own name", async () => {
    const httpCookie = { name: "sid", path: "/", ttl: { seconds: 5 } };
    await create({
      name: "named",
      vms: three,
      backendService: { sessionAffinity: "HTTP_COOKIE", localityLbPolicy: "RING_HASH", consistentHash: { httpCookie } },
    });
    expect(new Set(await bodies("named", { count: 20, more: { headers: { cookie: "a=b; sid=me; c=d" } } })).size).toBe(1);
    expect(cookiesOf(await send("named"))).toEqual([expect.stringMatching(/^sid="/)]);
  });

  it.each([
    ["strong", "stay", { sessionAffinity: "STRONG_COOKIE_AFFINITY", strongSessionAffinityCookie: { name: "stay" } }, undefined],
    ["stateful", "GSSA", {}, { statefulSessionAffinity: { cookieTtl: "30s" } }],
  ])("%s: to the instance that the cookie names, while it is there", async (name, cookie, backendService, action) => {
    await create({ name, vms: three, backendService, ...(action && { action }) });
    const first = await send(name);
    const [held = ""] = cookiesOf(first);
    expect(held).toMatch(new RegExp(`^${cookie}="[0-9a-f]{16}"$`));
    const more = { headers: { cookie: held } };
    expect(new Set(await bodies(name, { count: 20, more }))).toEqual(new Set([first.body]));
    expect((await send(name, more)).headers["set-cookie"]).toBeUndefined();
    expect(new Set(await bodies(name, { count: 20 })).size).toBe(3);
    await must(mesh.api, "POST", `${compute(project)}/zones/${zone}/instanceGroups/${name}/removeInstances`, {
      instances: [{ instance: `zones/${zone}/instances/${first.body}` }],
    });
    const moved = await until("another instance", 10_000, async () => {
      const reply = await send(name, more);
      return reply.body !== first.body && reply;
    });
    expect(moved.status).toBe(200);
    expect(cookiesOf(moved)).toEqual([expect.stringMatching(new RegExp(`^${cookie}="`))]);
  });
});

describe("subsets", () => {
  const vms = [
    { labels: { color: "blue", stage: "prod" } },
    { labels: { color: "green", stage: "prod" } },
    { labels: { color: "green", stage: "test" } },
    {},
  ];
  const selectors = [
    { label: "color", header: "X-Color" },
    { label: "stage", header: "X-Stage" },
  ];
  const seen = async (name: string, headers: Record<string, string>): Promise<string[]> =>
    [...new Set(await bodies(name, { count: 24, more: { headers } }))].map((body) => body.slice(name.length + 1)).toSorted();

  it.each([
    ["none", "NONE", undefined],
    ["any", "ANY", ["0", "1", "2", "3"]],
    ["default", "DEFAULT", ["0", "1"]],
  ])("go by labels that headers name; fallback %s", async (short, fallback, otherwise) => {
    const name = `subset-${short}`;
    await create({ name, vms, policy: { subset: { selectors, fallback, defaultLabels: { stage: "prod" } } } });
    expect(await seen(name, { "x-color": "blue" })).toEqual(["0"]);
    expect(await seen(name, { "x-color": "green" })).toEqual(["1", "2"]);
    expect(await seen(name, { "x-color": "green", "x-stage": "test" })).toEqual(["2"]);
    for (const headers of [{}, { "x-color": "red" }] as Record<string, string>[]) {
      if (otherwise) expect(await seen(name, headers)).toEqual(otherwise);
      else {
        const { status, headers: answered } = await send(name, { headers });
        expect([status, answered["x-wayside-reason"]]).toEqual([503, "no_healthy_endpoints"]);
      }
    }
  });

  it("of a size keep each proxy to a part of the instances", async () => {
    await create({ name: "part", vms: [{}, {}, {}, {}, {}], policy: { subsetSize: 2 } });
    const part = new Set(await bodies("part", { count: 40 }));
    expect(part.size).toBe(2);
    await must(mesh.api, "DELETE", `${waysideApi}/trafficPolicies/part`);
    await until("all of them", 10_000, async () => new Set(await bodies("part", { count: 40 })).size === 5);
  });
});

it("a policy that is changed holds from then on, and no request fails", async () => {
  await create({ name: "changed", vms: three });
  expect(new Set(await bodies("changed", { count: 12 })).size).toBe(3);
  await must(mesh.api, "PATCH", `${compute(project)}/global/backendServices/changed`, {
    sessionAffinity: "CLIENT_IP",
    localityLbPolicy: "MAGLEV",
  });
  await until("one instance", 10_000, async () => new Set(await bodies("changed", { count: 20 })).size === 1);
  await must(mesh.api, "PATCH", `${compute(project)}/global/backendServices/changed`, {
    sessionAffinity: "NONE",
    localityLbPolicy: "RANDOM",
  });
  await until("all of them", 10_000, async () => new Set(await bodies("changed", { count: 40 })).size === 3);
});
