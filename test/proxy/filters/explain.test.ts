import { describe, expect, it } from "vitest";
import type { Cluster } from "#ir/cluster.ts";
import type { HeaderMutation } from "#ir/route.ts";
import { explain } from "#proxy/filters/explain.ts";
import { explainBackend } from "#proxy/filters/explain-backend.ts";
import { cluster, compiled, destination, match, noMutation, prefix, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

const mutation = (part: Partial<HeaderMutation>): HeaderMutation => ({ ...noMutation, ...part });

describe("explain", () => {
  it("of a route gives the whole answer, with secrets by name", () => {
    const to = destination("cart-v1", {
      weight: 3,
      requestHeaders: [mutation({ set: [["X-Level", "destination"]], add: [["X-Add", "1"]] })],
    });
    const list = rules({
      action: routeTo("cart-v1", { destinations: [to], rewrite: { prefix: "/v1/", host: "cart.internal" }, timeoutMs: 1500 }),
      matches: [match(prefix("/cart/"))],
      requestHeaders: [
        mutation({ set: [["x-level", "rule"]], remove: ["X-Debug"] }),
        mutation({ set: [["X-Key", ["k=", { secret: "api-key" }]]] }),
      ],
    });
    const clusters = {
      "cart-v1": cluster("cart-v1", {
        scheme: "https",
        requestHeaders: mutation({ add: [["X-Add", "2"]], remove: ["x-debug", "X-Gone"] }),
      }),
    };
    const snapshot = snapshotOf(list, { clusters, secrets: [{ name: "api-key", version: 1 }] });
    expect(explain(compiled(snapshot), request("/cart/7?full=1"))).toStrictEqual({
      service: "cart.shop.mesh",
      matched: true,
      rule: { resource: "httpRoutes/test", index: 0 },
      action: "route",
      destinations: [{ backendService: "cart-v1", weight: 3, balancing: { policy: { kind: "ROUND_ROBIN" } }, endpoints: [] }],
      upstream: {
        url: "https://cart.internal/v1/7?full=1",
        method: "GET",
        headersToSet: [
          { name: "X-Add", value: "1" },
          { name: "x-level", value: "rule" },
          { name: "X-Key", value: "k={secret.api-key}" },
          { name: "X-Add", value: "2" },
        ],
        headersToRemove: ["x-debug", "X-Gone"],
        timeoutMs: 1500,
      },
      trace: [{ rule: { resource: "httpRoutes/test", index: 0 }, matched: true, why: "path /cart/7 is under prefix /cart/" }],
    });
  });

  it("of several destinations gives only the headers that all have", () => {
    const own = [mutation({ set: [["X-Own", "1"]] })];
    const destinations = [destination("v1", { requestHeaders: own }), destination("v2", { requestHeaders: own })];
    const list = rules({ action: routeTo("v1", { destinations }), requestHeaders: [mutation({ set: [["X-All", "1"]] })] });
    const answer = explain(compiled(snapshotOf(list)), request("/"));
    expect(answer.upstream?.headersToSet).toEqual([{ name: "X-All", value: "1" }]);
    expect(answer.destinations?.map((each) => each.backendService)).toEqual(["v1", "v2"]);
  });

  it("of a removal takes back what was set before it", () => {
    const list = rules({
      action: routeTo("a"),
      requestHeaders: [mutation({ set: [["X-A", "1"]] }), mutation({ remove: ["x-a"], set: [["x-b", "2"]] })],
    });
    const { upstream } = explain(compiled(snapshotOf(list)), request("/"));
    expect(upstream).toMatchObject({ headersToSet: [{ name: "x-b", value: "2" }], headersToRemove: ["x-a"] });
  });

  it("of a redirect and of a direct response has nothing of the other actions", () => {
    const list = rules(
      { action: { kind: "redirect", status: 308, https: true }, matches: [match(prefix("/secure"))] },
      { action: { kind: "directResponse", status: 200, body: { text: "pong" } }, matches: [match(prefix("/ping"))] },
    );
    const ready = compiled(snapshotOf(list));
    const { trace: first, ...secure } = explain(ready, request("/secure"));
    expect(secure).toStrictEqual({
      service: "cart.shop.mesh",
      matched: true,
      rule: { resource: "httpRoutes/test", index: 0 },
      action: "redirect",
      redirect: { location: "https://cart.shop.mesh/secure", code: 308 },
    });
    expect(first).toHaveLength(1);
    const { trace: second, ...ping } = explain(ready, request("/ping"));
    expect(ping).toStrictEqual({
      service: "cart.shop.mesh",
      matched: true,
      rule: { resource: "httpRoutes/test", index: 1 },
      action: "directResponse",
      directResponse: { status: 200, body: "pong" },
    });
    expect(second).toHaveLength(2);
  });

  it("of a default rule is a match, and says that it is the default", () => {
    const list = rules({ action: routeTo("a"), ref: { resource: "urlMaps/shop", isDefault: true } });
    const answer = explain(compiled(snapshotOf(list)), request("/"));
    expect(answer).toMatchObject({ matched: true, rule: { resource: "urlMaps/shop", isDefault: true } });
  });

  it("of no rule is no match, with the reasons", () => {
    const list = rules({ action: routeTo("a"), matches: [match(prefix("/a"))] });
    expect(explain(compiled(snapshotOf(list)), request("/b"))).toStrictEqual({
      service: "cart.shop.mesh",
      matched: false,
      action: "none",
      trace: [{ rule: { resource: "httpRoutes/test", index: 0 }, matched: false, why: "path /b is not under prefix /a" }],
    });
  });

  it("of a route without destinations gives the URL all the same", () => {
    const list = rules({ action: routeTo("a", { destinations: [] }) });
    expect(explain(compiled(snapshotOf(list)), request("/x")).upstream?.url).toBe("http://cart.shop.mesh/x");
  });

  it("shows the caller's headers as they would be sent on, where they are all known", () => {
    const requestHeaders = [
      mutation({ set: [["X-From", [{ variable: "client_ip_address" }]]], add: [["X-Key", ["k=", { secret: "api-key" }]]] }),
    ];
    const ready = compiled(snapshotOf(rules({ action: routeTo("a"), requestHeaders })));
    const headers = new Headers({
      host: "h",
      connection: "x-hop",
      "x-hop": "1",
      "x-wayside-id": "1",
      cookie: "a=1",
      "accept-encoding": "gzip",
    });
    const { sentHeaders = [] } = explain(ready, request("/"), { headers }).upstream ?? {};
    expect(Object.fromEntries(sentHeaders.map(({ name, value }) => [name, value]))).toEqual({
      "accept-encoding": "gzip",
      cookie: "a=1",
      via: "1.1 wayside",
      "x-forwarded-host": "cart.shop.mesh",
      "x-forwarded-proto": "http",
      "x-from": "{client_ip_address}",
      "x-key": "k={secret.api-key}",
    });
    expect(explain(ready, request("/")).upstream).not.toHaveProperty("sentHeaders");
  });

  it("names what holds for the whole service", () => {
    const action = routeTo("a", { stickyCookie: { name: "GSSA" } });
    const settings = { paths: { escapedSlashes: "REJECT", mergeSlashes: true }, tracing: { samplingRatio: 0.5 } } as const;
    const ready = compiled(snapshotOf(rules({ action }), settings));
    expect(explain(ready, request("/")).policies).toEqual({ stickyCookie: { name: "GSSA" }, ...settings });
  });

  it("of several destinations gives the headers of each", () => {
    const own = [mutation({ set: [["X-Own", "1"]] })];
    const list = rules({ action: routeTo("v1", { destinations: [destination("v1", { requestHeaders: own }), destination("v2")] }) });
    const { destinations } = explain(compiled(snapshotOf(list)), request("/"));
    expect(destinations?.map(({ headers }) => headers?.headersToSet)).toEqual([[{ name: "X-Own", value: "1" }], []]);
  });

  it("names the policies in force", () => {
    const attempts = { retry: { conditions: ["5xx"], retries: 2 }, hedge: { afterMs: 50, attempts: 3 } } as const;
    const times = { idleTimeoutMs: 1_000, maxStreamDurationMs: 5_000 };
    const fault = { delay: { ms: 10, percent: 5 } };
    const list = rules(
      {
        action: routeTo("a", { ...attempts, ...times, mirror: { cluster: "a", percent: 10 } }),
        fault,
        rateLimits: [{ perSecond: 5, burst: 10 }],
      },
      { action: { kind: "directResponse", status: 200, body: { text: "" } } },
    );
    const ready = compiled(snapshotOf(list, { clusters: { a: cluster("copy") } }));
    expect(explain(ready, request("/")).policies).toEqual({
      ...attempts,
      ...times,
      fault,
      mirror: { backendService: "copy", percent: 10 },
      rateLimits: [{ perSecond: 5, burst: 10 }],
    });
    const plain = compiled(snapshotOf(rules({ action: routeTo("a") })));
    expect(explain(plain, request("/"))).not.toHaveProperty("policies");
  });

  it("of a path that no rule is asked about says why", () => {
    const answer = explain(compiled(snapshotOf(rules({ action: routeTo("a") }))), request("/a%00b"));
    expect(answer).toMatchObject({ matched: false, action: "none", refused: expect.stringContaining("%00") as unknown, trace: [] });
  });
});

describe("explain of a backend service", () => {
  const group = "zones/z/instanceGroups/g";
  const endpoint = (index: number) =>
    ({ instance: `vm-${index}`, address: `10.0.0.${index % 250}`, port: 80, zone: "z", health: "HEALTHY" }) as const;
  const backend = (count: number, more: Partial<Cluster> = {}): Cluster =>
    cluster("a", {
      groups: [{ group, capacityScaler: 1, endpoints: Array.from({ length: count }, (_, index) => endpoint(index)) }],
      ...more,
    });

  it("lists its policies and its endpoints, with what the proxy reported", () => {
    const circuitBreakers = { maxRequests: 10 };
    const ready = backend(2, { policy: { kind: "LEAST_REQUEST", choices: 2 }, circuitBreakers });
    const observed = { proxy: "p1", ejected: [`${group}/vm-1`, `${group}/vm-9`], active: 10, limit: 10, overflows: 3 };
    expect(explainBackend(ready, [observed])).toEqual({
      balancing: { policy: { kind: "LEAST_REQUEST", choices: 2 }, circuitBreakers },
      endpoints: [
        { ...endpoint(0), group },
        { ...endpoint(1), group, ejected: true },
      ],
      circuits: [{ proxy: "p1", state: "open", active: 10, limit: 10, overflows: 3 }],
    });
  });

  it("tells several proxies apart", () => {
    const calm = { proxy: "p2", ejected: [], active: 9, overflows: 0 };
    const strict = { proxy: "p1", ejected: [`${group}/vm-0`], active: 10, limit: 10, overflows: 3 };
    expect(explainBackend(backend(2), [strict, calm])).toMatchObject({
      endpoints: [{ instance: "vm-0", ejected: true, ejectedBy: ["p1"] }, { instance: "vm-1" }],
      circuits: [
        { proxy: "p1", state: "open" },
        { proxy: "p2", state: "closed", active: 9 },
      ],
    });
  });

  it("says nothing of circuits that nobody reported, and ends long lists", () => {
    const { circuits, endpoints, endpointsOmitted } = explainBackend(backend(1_000), []);
    expect([circuits, endpoints?.length, endpointsOmitted]).toEqual([undefined, 200, 800]);
  });
});
