import { describe, expect, it } from "vitest";
import type { HeaderMutation } from "#ir/route.ts";
import { explain } from "#proxy/filters/explain.ts";
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
      destinations: [{ backendService: "cart-v1", weight: 3 }],
      upstream: {
        url: "https://cart.internal/v1/7?full=1",
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
});
