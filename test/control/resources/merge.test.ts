import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "#base/json.ts";
import { applyMask, camelCase, maskPaths, mergePatch } from "#control/resources/merge.ts";
import { canonicalNames } from "#control/resources/patch-names.ts";

describe("mergePatch: the examples of RFC 7396, appendix A", () => {
  it.each<[Json, Json, Json]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j is %j", (target, patch, result) => expect(mergePatch(target, patch)).toEqual(result));
});

describe("hostile keys", () => {
  it.each(['{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '{"a":{"__proto__":{"polluted":true}}}'])(
    "%s reaches no prototype",
    (text) => {
      const patch = JSON.parse(text) as JsonObject;
      mergePatch({ a: {} }, patch);
      applyMask({ a: {} }, patch, ["__proto__.polluted", "constructor.prototype.polluted", "a"]);
      canonicalNames("UrlMap", patch);
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    },
  );

  it("stay harmless in any mixture", () => {
    const key = fc.constantFrom("__proto__", "constructor", "prototype", "a", "toString");
    const tree = fc.letrec<{ node: Json }>((tie) => ({
      node: fc.oneof({ maxDepth: 4 }, fc.boolean(), fc.dictionary(key, tie("node"), { noNullPrototype: true }) as fc.Arbitrary<Json>),
    })).node;
    fc.assert(
      fc.property(tree, tree, (target, patch) => {
        const parsed = JSON.parse(JSON.stringify(patch)) as Json;
        mergePatch(target, parsed);
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
    );
  });
});

describe("applyMask", () => {
  it.each<[JsonObject, JsonObject, string[], JsonObject]>([
    [{ a: 1, b: 2 }, { a: 3, b: 4 }, ["a"], { a: 3, b: 2 }],
    [{ a: 1 }, {}, ["a"], {}],
    [{ a: { b: 1, c: 2 } }, { a: { b: 3, c: 4 } }, ["a.b"], { a: { b: 3, c: 2 } }],
    [{}, { a: { b: 1 } }, ["a.b"], { a: { b: 1 } }],
    [{ a: { b: 1 } }, {}, ["a.b"], { a: {} }],
  ])("%j from %j by %j", (...[source, from, paths, result]) => expect(applyMask(source, from, paths)).toEqual(result));
});

describe("an update mask", () => {
  it("is a list of paths in either spelling", () => {
    expect(maskPaths("labels, match_rules.prefix_match,,description")).toEqual(["labels", "matchRules.prefixMatch", "description"]);
    expect(maskPaths()).toEqual([]);
  });

  it("is not deeper than any message", () => {
    expect(maskPaths(`a${".a".repeat(63)}`)).toHaveLength(1);
    expect(() => maskPaths(`labels${".a".repeat(20_000)}`)).toThrow("A path has at most 64 parts.");
  });
});

describe("names", () => {
  it("of masks are taken in either spelling", () => {
    expect(["update_mask", "updateMask", "http_route_id", "ipv4_range"].map(camelCase)).toEqual([
      "updateMask",
      "updateMask",
      "httpRouteId",
      "ipv4Range",
    ]);
  });

  it("of a patch are put into Google's spelling at every depth, nulls and map keys left alone", () => {
    const patch = { path_matchers: [{ default_service: null, route_rules: { match_rules: [{ prefix_match: "/" }] } }], unknown_name: 1 };
    expect(canonicalNames("UrlMap", patch)).toEqual({
      pathMatchers: [{ defaultService: null, routeRules: { matchRules: [{ prefixMatch: "/" }] } }],
      unknown_name: 1,
    });
    expect(canonicalNames("ForwardingRule", { labels: { snake_case: "x" } })).toEqual({ labels: { snake_case: "x" } });
  });
});
