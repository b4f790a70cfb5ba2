import { describe, expect, it } from "vitest";
import type { PathMatch, RuleRef } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { compiled, exact, match, prefix, regex, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

function taken(paths: readonly PathMatch[], target: string): number | undefined {
  const list = rules(...paths.map((path) => ({ action: routeTo("a"), matches: [match(path)] })));
  const decision = decide(compiled(snapshotOf(list)), request(target));
  return decision.kind === "route" ? decision.rule.index : undefined;
}

describe("path predicates", () => {
  it.each<[PathMatch, string, boolean]>([
    [prefix("/foo"), "/foo", true],
    [prefix("/foo"), "/foobar", true],
    [prefix("/foo/"), "/foo", false],
    [prefix("/foo"), "/fo", false],
    [prefix("/foo"), "/Foo", false],
    [prefix("/foo"), "/?q=/foo", false],
    [prefix(""), "/anything", true],
    [exact("/foo"), "/foo", true],
    [exact("/foo"), "/foo/", false],
    [exact("/foo"), "/foo?q=1", true],
    [exact("/foo"), "/foo#part", true],
    [exact("/foo"), "/foo#part?q=1", true],
    [exact("/foo"), "/foo?q=1#part", true],
    [exact("/foo"), "/%66oo", false],
    [regex("/v[0-9]+/.*"), "/v1/x", true],
    [regex("/v[0-9]+"), "/v1/x", false],
    [regex("/v[0-9]+"), "/v1?x=/v", true],
    [regex("/a|/b"), "/b", true],
    [{ kind: "any" }, "/x", true],
    [{ kind: "prefix", value: "/Foo", ignoreCase: true }, "/fOObar", true],
    [{ kind: "exact", value: "/Foo", ignoreCase: true }, "/FOO", true],
    [{ kind: "exact", value: "/Foo", ignoreCase: true }, "/FOOD", false],
    // The Kelvin sign is the letter k in lower case; paths are not words.
    [{ kind: "exact", value: "/k", ignoreCase: true }, "/\u212a", false],
  ])("%j on %s: %j", (path, target, matches) => {
    expect(taken([path], target)).toBe(matches ? 0 : undefined);
  });

  it.each<[readonly PathMatch[], string, number]>([
    [[prefix("/"), exact("/foo")], "/foo", 0],
    [[exact("/foo"), prefix("/")], "/foo", 0],
    [[prefix("/foo/bar"), prefix("/foo")], "/foo/bar", 0],
    [[prefix("/foo"), prefix("/foo/bar")], "/foo/bar", 0],
    [[prefix("/x"), regex("/fo+"), exact("/foo")], "/foo", 1],
    [[prefix("/x"), { kind: "prefix", value: "/FOO", ignoreCase: true }, exact("/foo")], "/foo", 1],
    [[exact("/foo"), { kind: "prefix", value: "/FOO", ignoreCase: true }], "/foo", 0],
    [[prefix("/fox"), prefix("/fo"), prefix("/foe"), { kind: "any" }], "/foo", 1],
  ])("the first rule in list order wins: %j on %s", (paths, target, index) => {
    expect(taken(paths, target)).toBe(index);
  });

  it("goes on when the header of the first candidate does not match", () => {
    const wanted = match(prefix("/"), [{ name: "v", test: { kind: "present" } }]);
    const list = rules({ action: routeTo("a"), matches: [wanted] }, { action: routeTo("b"), matches: [match(exact("/x")), wanted] });
    const decision = decide(compiled(snapshotOf(list)), request("/x"));
    expect(decision).toMatchObject({ kind: "route", rule: { index: 1 } });
  });

  it("a rule without matches takes everything", () => {
    expect(decide(compiled(snapshotOf(rules({ action: routeTo("a") }))), request("/x")).kind).toBe("route");
  });
});

describe("compileSnapshot", () => {
  const look: RuleRef = { resource: "urlMaps/shop", pathMatcher: "pm", priority: 3 };
  it.each([
    ["path", [match(regex("/(?=x)"))]],
    ["header", [match(prefix("/"), [{ name: "h", test: { kind: "regex", value: "/(?=x)" } }])]],
    ["query", [match(prefix("/"), [], [{ name: "q", test: { kind: "regex", value: "/(?=x)" } }])]],
  ] as const)("names rule and expression when the %s's expression is no RE2", (_, matches) => {
    const result = compileSnapshot(snapshotOf(rules({ action: routeTo("a"), matches, ref: look })));
    expect("error" in result && result.error).toMatch(
      /^urlMaps\/shop path matcher pm priority 3: regular expression "\/\(\?=x\)" is not valid RE2/,
    );
  });

  it("enforces the size of programs, and takes another limit", () => {
    const snapshot = snapshotOf(rules({ action: routeTo("a"), matches: [match(regex("/(a{1,100}){1,10}"))] }));
    expect(compileSnapshot(snapshot)).toMatchObject({ error: expect.stringContaining("program size") });
    expect(compileSnapshot(snapshot, { maxRegexProgramSize: 5000 })).toHaveProperty("compiled");
  });

  it("refuses a destination without a cluster, whatever an object's prototype has", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      const snapshot = { ...snapshotOf(rules({ action: routeTo(name) })), clusters: {} };
      expect(compileSnapshot(snapshot)).toEqual({
        error: `httpRoutes/test rule 0: backend service "${name}" is not in the snapshot`,
      });
    }
  });

  it("refuses a body that is not base64", () => {
    const action = { kind: "directResponse", status: 200, body: { base64: "%%%" } } as const;
    expect(compileSnapshot(snapshotOf(rules({ action })))).toEqual({
      error: "httpRoutes/test rule 0: the body of the direct response is not base64",
    });
  });

  it("compiles ten thousand rules and finds the last without looking at the others", () => {
    const list = rules(
      ...Array.from({ length: 10_000 }, (_, index) => ({ action: routeTo("a"), matches: [match(prefix(`/service-${index}/`))] })),
    );
    const ready = compiled(snapshotOf(list));
    const started = performance.now();
    for (let round = 0; round < 10_000; round++) expect(decide(ready, request("/service-9999/x")).kind).toBe("route");
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
