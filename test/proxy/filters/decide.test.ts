import { describe, expect, it } from "vitest";
import type { PathMatch, Rewrite } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import type { TraceStep } from "#proxy/filters/decision.ts";
import { order } from "#proxy/filters/order.ts";
import { compiled, destination, exact, match, noMutation, prefix, regex, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

function routed(rewrite: Rewrite, path: PathMatch, target: string): { authority: string; target: string } | undefined {
  const list = rules({ action: routeTo("a", { rewrite }), matches: [match(path)] });
  const decision = decide(compiled(snapshotOf(list)), request(target));
  return decision.kind === "route" ? { authority: decision.authority, target: decision.target } : undefined;
}

describe("rewrite", () => {
  it.each<[PathMatch, string, string, string]>([
    [prefix("/prefix/one/"), "/one/", "/prefix/one/two", "/one/two"],
    [prefix("/strip/"), "/", "/strip/three", "/three"],
    [prefix("/strip"), "/", "/strip/three", "//three"],
    [exact("/strip"), "/", "/strip", "/"],
    [exact("/FOO"), "/bar", "/FOO?works=true", "/bar?works=true"],
    [{ kind: "exact", value: "/api/locations", ignoreCase: true }, "/rewrote", "/API/locations?works=true", "/rewrote?works=true"],
    [{ kind: "prefix", value: "/API", ignoreCase: true }, "/v1", "/api/X?q=A", "/v1/X?q=A"],
    [prefix("/new"), "/api/new", "/new/foo?x=/new", "/api/new/foo?x=/new"],
    [prefix("/a//"), "/b/", "/a//c//d", "/b/c//d"],
    [regex("/v[0-9]+/(.*)"), "/all", "/v1/x/y?z", "/all?z"],
    [{ kind: "any" }, "/api", "/x", "/api/x"],
    [{ kind: "any" }, "/api/", "/x", "/api/x"],
    [{ kind: "any" }, "/", "/x", "/x"],
    [prefix("/a"), "b", "/a/c", "/b/c"],
    [prefix("/%2Fa"), "/b", "/%2Fa%01/..;/c", "/b%01/..;/c"],
    [prefix("/a"), "/b", "/x/../a/%2e/c", "/b/c"],
  ])("of %j to %s: %s becomes %s", (...row) => {
    const [path, replacement, target, result] = row;
    expect(routed({ prefix: replacement }, path, target)).toEqual({ authority: "cart.shop.mesh", target: result });
  });

  it("of the host leaves the path alone", () => {
    expect(routed({ host: "new.mesh" }, prefix("/"), "/x//y?q=%2F#gone")).toEqual({ authority: "new.mesh", target: "/x//y?q=%2F" });
  });

  it.each<[string, string, string, string]>([
    ["/users/{id}/{rest=**}", "/u/{rest}/of-{id}", "/users/7/a/b?q=1", "/u/a/b/of-7?q=1"],
    ["/{a=x/*}/*.ts", "/{a}/seg", "/x/1/2.ts", "/x/1/seg"],
    ["/plain", "/fixed", "/plain", "/fixed"],
    ["/**", "/all", "/", "/all"],
  ])("of template %s to %s: %s becomes %s", (...row) => {
    const [value, template, target, result] = row;
    expect(routed({ template }, { kind: "template", value }, target)).toEqual({ authority: "cart.shop.mesh", target: result });
  });

  it("of both the last match's prefix counts, not the rule's first", () => {
    const matches = [match(prefix("/one/")), match(prefix("/two/"))];
    const list = rules({ action: routeTo("a", { rewrite: { prefix: "/", host: "h.mesh" } }), matches });
    const decision = decide(compiled(snapshotOf(list)), request("/two/x"));
    expect(decision).toMatchObject({ authority: "h.mesh", target: "/x" });
  });
});

describe("decide", () => {
  it("routes with everything that the rule says", () => {
    const requestHeaders = [{ ...noMutation, set: [["a", "1"]] }] as const;
    const retry = { conditions: ["5xx"], retries: 2, perTryTimeoutMs: 100 } as const;
    const destinations = [destination("v1", { weight: 90 }), destination("v2", { weight: 10 })];
    const list = rules({ action: routeTo("v1", { destinations, retry, timeoutMs: 1500 }), requestHeaders });
    expect(decide(compiled(snapshotOf(list)), request("/x?y"))).toEqual({
      kind: "route",
      rule: { resource: "httpRoutes/test", index: 0 },
      destinations,
      totalWeight: 100,
      authority: "cart.shop.mesh",
      target: "/x?y",
      requestHeaders,
      responseHeaders: [],
      action: list[0]?.action,
    });
  });

  it.each([
    [{ text: "grüß Gott" }, "grüß Gott"],
    [{ base64: "aGk=" }, "hi"],
    [{ text: "" }, ""],
  ])("answers itself with %j", (body, text) => {
    const list = rules({ action: { kind: "directResponse", status: 418, body } });
    const decision = decide(compiled(snapshotOf(list)), request("/"));
    if (decision.kind !== "directResponse") throw new Error(decision.kind);
    expect(decision.status).toBe(418);
    expect(new TextDecoder().decode(decision.body)).toBe(text);
  });

  it("has no answer for an unknown host or a path without a rule", () => {
    const ready = compiled(snapshotOf(rules({ action: routeTo("a"), matches: [match(exact("/x"))] })));
    expect(decide(ready, request("/x", { authority: "other.mesh" }))).toEqual({ kind: "none" });
    expect(decide(ready, request("/y"))).toEqual({ kind: "none" });
  });

  it("traces every rule up to the one taken", () => {
    const version = { name: "version", test: { kind: "exact", value: "two" } } as const;
    const list = rules(
      { action: routeTo("a"), matches: [match(prefix("/catalog")), match(prefix("/cart"), [version])] },
      { action: routeTo("a"), matches: [match(prefix("/cart"), [{ ...version, invert: true }])] },
      { action: routeTo("a"), matches: [match(regex("/c.*"), [], [{ name: "q", test: { kind: "present" } }])] },
      { action: routeTo("a"), matches: [match(exact("/cart/1"), [{ name: "n", test: { kind: "range", start: "0", end: "5" } }])] },
      { action: routeTo("a") },
      { action: routeTo("a") },
    );
    const trace: TraceStep[] = [];
    decide(compiled(snapshotOf(list)), request("/cart/2", { headers: { n: "3" } }), trace);
    expect(trace.map((step) => [step.rule.index, step.matched, step.why])).toEqual([
      [0, false, 'path /cart/2 is not under prefix /catalog; or header version is missing, wanted "two"'],
      [1, false, 'header version is missing, wanted not "two"'],
      [2, false, "query parameter q is missing, wanted present"],
      [3, false, "path /cart/2 is not /cart/1"],
      [4, true, "takes every request"],
    ]);
  });

  it("says why a rule was taken, in a sentence of bounded length", () => {
    const headers = [{ name: "v", test: { kind: "present" } }] as const;
    const list = rules({ action: routeTo("a"), matches: [match(prefix("/"), headers)] });
    const trace: TraceStep[] = [];
    decide(compiled(snapshotOf(list)), request(`/${"x".repeat(16_384)}`, { headers: { v: "y".repeat(10_000) } }), trace);
    expect(trace[0]?.why).toMatch(/^path \/x{199}… is under prefix \/, header v is "y{200}…"$/);
  });

  it.each([
    "",
    "*",
    "?",
    "#",
    "/%",
    "/%01/\0/\ud800",
    `/${"a".repeat(16_384)}`,
    `/?${"q=1&".repeat(4_000)}`,
    "//evil",
    "/../..",
    "/__proto__",
    "http://evil.example/",
  ])("survives the target %j", (target) => {
    const paths: PathMatch[] = [exact("/__proto__"), { kind: "prefix", value: "/%", ignoreCase: true }, regex("/a+"), { kind: "any" }];
    const query = [{ name: "q", test: { kind: "regex", value: "2" } }] as const;
    const list = rules(
      ...paths.map((path) => ({ action: routeTo("a", { rewrite: { prefix: "/new" } }), matches: [match(path, [], query), match(path)] })),
    );
    const decision = decide(compiled(snapshotOf(list)), request(target), []);
    if (decision.kind !== "route") throw new Error(decision.kind);
    expect(decision.target.startsWith("/new")).toBe(true);
  });
});

describe("paths that are refused", () => {
  const list = rules({ action: routeTo("a") });
  it.each(["/%00", "/%c0%af", "/x%2f..%2fadmin"])("%s: no rule is asked", (target) => {
    const trace: TraceStep[] = [];
    expect(decide(compiled(snapshotOf(list)), request(target), trace)).toMatchObject({ kind: "refused" });
    expect(trace).toEqual([]);
  });

  it("depend on the service's policy", () => {
    const paths = { escapedSlashes: "DECODE", mergeSlashes: true } as const;
    expect(decide(compiled(snapshotOf(list, { paths })), request("/a%2f%2fb?c=%2f"))).toMatchObject({ target: "/a/b?c=%2f" });
    const strict = { escapedSlashes: "REJECT", mergeSlashes: false } as const;
    expect(decide(compiled(snapshotOf(list, { paths: strict })), request("/a%2fb"))).toMatchObject({ kind: "refused" });
  });

  it("predicates on :path see the canonical path, too", () => {
    const headers = [{ name: ":path", test: { kind: "exact", value: "/admin?x" } }] as const;
    const guarded = rules({ action: routeTo("a"), matches: [match({ kind: "any" }, headers)] });
    expect(decide(compiled(snapshotOf(guarded)), request("/a/..//../admin?x")).kind).toBe("route");
  });
});

describe("faults", () => {
  it.each([
    { kind: "route", action: routeTo("a") },
    { kind: "redirect", action: { kind: "redirect", status: 301, path: "/x" } },
    { kind: "directResponse", action: { kind: "directResponse", status: 200, body: { text: "" } } },
  ] as const)("of a $kind are taken over", ({ action }) => {
    const fault = { delay: { ms: 5, percent: 50 }, abort: { status: 503, percent: 1 } };
    expect(decide(compiled(snapshotOf(rules({ action, fault }))), request("/"))).toMatchObject({ kind: action.kind, fault });
  });
});

describe("the order of filters", () => {
  it("names each filter once, with a reason", () => {
    const names = order.map(({ filter }) => filter.name);
    expect(names).toEqual(["header-actions", "cors", "rate-limit", "fault", "redirect", "direct-response", "rewrite", "route"]);
    for (const { reason } of order) expect(reason.length).toBeGreaterThan(20);
  });
});
