/** What `explain` says is what the proxy does: generated HTTP routes, generated requests, both asked over HTTP. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBackend, createMesh, createRoute, services } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { ask } from "./harness/traffic.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

const host = "generated.shop.mesh";
const configurations = 12;
const requestsEach = 40;
const seed = 20_261_122;

const segment = fc.constantFrom("a", "b", "ab", "A", "list", "x-1");
const path = fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join("/")}`);
const headerName = fc.constantFrom("x-one", "x-two");
const value = fc.constantFrom("1", "2", "ab", "-3", "42");

const header = headerName.chain((name) =>
  fc.oneof(
    value.map((exactMatch) => ({ header: name, exactMatch })),
    value.map((prefixMatch) => ({ header: name, prefixMatch })),
    fc.constant({ header: name, presentMatch: true }),
    fc.constant({ header: name, regexMatch: "[0-9]+" }),
    fc.constant({ header: name, rangeMatch: { start: -5, end: 40 } }),
    value.map((exactMatch) => ({ header: name, exactMatch, invertMatch: true })),
  ),
);
const query = fc.oneof(
  value.map((exactMatch) => ({ queryParameter: "q", exactMatch })),
  fc.constant({ queryParameter: "q", presentMatch: true }),
);
const match = fc
  .record(
    {
      path: fc.oneof(
        path.map((prefixMatch) => ({ prefixMatch })),
        path.map((fullPathMatch) => ({ fullPathMatch })),
        fc.constant({ regexMatch: "/(a|b)+/[a-z0-9-]*" }),
      ),
      headers: fc.array(header, { maxLength: 2 }),
      queryParameters: fc.array(query, { maxLength: 1 }),
    },
    { requiredKeys: ["path"] },
  )
  .map(({ path: pathMatch, ...rest }) => ({ ...pathMatch, ...rest }));

const destinations = [{ serviceName: "projects/demo/locations/global/backendServices/generated" }];
const action = fc.oneof(
  fc.nat(999).map((number) => ({ directResponse: { status: 200 + (number % 5), stringBody: `direct ${number}` } })),
  fc
    .constantFrom("FOUND", "SEE_OTHER", "PERMANENT_REDIRECT")
    .map((responseCode) => ({ redirect: { hostRedirect: "elsewhere.test", responseCode } })),
  path.map((pathRedirect) => ({ redirect: { pathRedirect, stripQuery: true } })),
  fc.constant({ destinations }),
  path.map((pathPrefixRewrite) => ({ destinations, urlRewrite: { pathPrefixRewrite, hostRewrite: "rewritten.test" } })),
  value.map((text) => ({ destinations, requestHeaderModifier: { set: { "x-set": text }, remove: ["x-one"] } })),
);
const rules = fc.array(fc.record({ matches: fc.array(match, { minLength: 1, maxLength: 3 }), action }), { minLength: 1, maxLength: 8 });
const request = fc.record({
  path: fc.tuple(path, fc.constantFrom("", "?q=1", "?q=ab&z", "?z=2", "?q")).map(([left, right]) => left + right),
  headers: fc.dictionary(headerName, value, { maxKeys: 2 }),
});

interface Explained {
  readonly action: string;
  readonly upstream?: { url: string; headersToSet: { name: string; value: string }[]; headersToRemove: string[] };
  readonly redirect?: { location: string; code: number };
  readonly directResponse?: { status: number; body: string };
}

let mesh: Mesh;
beforeAll(async () => {
  mesh = await startMesh(["--config-refresh", "200ms"]);
  await createMesh(mesh.api, "demo");
  await createBackend({ api: mesh.api, project: "demo", name: "generated", size: 1 });
  await createRoute({ api: mesh.api, project: "demo", name: "generated", host });
  await until("an answer", 15_000, async () => (await ask(mesh.mesh, { host, path: "/echo" })).status === 200);
});
afterAll(() => mesh.stop());

/** Puts the rules in place, and waits until the proxy has them. */
async function configure(generated: unknown[]): Promise<void> {
  await must(mesh.api, "PATCH", `${services("demo")}/httpRoutes/generated?updateMask=rules`, { rules: generated });
  await until("the rules are applied", 10_000, async () => {
    const { proxies } = (await must(mesh.api, "GET", "/wayside/v1/projects/demo/status")) as { proxies: Record<string, unknown>[] };
    return proxies.some(
      (proxy) => proxy["service"] === host && proxy["state"] === "SYNCED" && proxy["appliedGeneration"] === proxy["wantedGeneration"],
    );
  });
}

async function compare(sample: { path: string; headers: Record<string, string> }): Promise<string> {
  const headers = Object.entries(sample.headers).map(([name, text]) => ({ name, value: text }));
  const explained = (await must(mesh.api, "POST", "/wayside/v1/projects/demo/explain", {
    method: "GET",
    url: `http://${host}${sample.path}`,
    headers,
  })) as Explained;
  const reply = await ask(mesh.mesh, { host, path: sample.path, headers: sample.headers });
  switch (explained.action) {
    case "none":
      expect([reply.status, reply.headers["x-wayside-reason"]]).toEqual([404, "no_route"]);
      break;
    case "redirect":
      expect([reply.status, reply.headers["location"]]).toEqual([explained.redirect?.code, explained.redirect?.location]);
      break;
    case "directResponse":
      expect([reply.status, reply.status === 204 ? explained.directResponse?.body : reply.body]).toEqual([
        explained.directResponse?.status,
        explained.directResponse?.body,
      ]);
      break;
    default:
      expect(reply.status).toBe(200);
      expect(explained.upstream).toBeDefined();
  }
  return explained.action;
}

it(`agree on ${configurations * requestsEach} generated requests`, async () => {
  const seen = new Map<string, number>();
  for (const [index, generated] of fc.sample(rules, { numRuns: configurations, seed }).entries()) {
    await configure(generated);
    for (const sample of fc.sample(request, { numRuns: requestsEach, seed: seed + index })) {
      const kind = await compare(sample);
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
  }
  expect([...seen.keys()].toSorted()).toEqual(["directResponse", "none", "redirect", "route"]);
});
