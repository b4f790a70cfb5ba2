import { describe, expect, it } from "vitest";
import type { HeaderMatch, ValueTest } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import { compileSnapshot } from "#proxy/match/compile.ts";
import { compiled, match, prefix, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

function headerMatches(header: HeaderMatch, view: ReturnType<typeof request>): boolean {
  const list = rules({ action: routeTo("a"), matches: [match(prefix("/"), [header])] });
  return decide(compiled(snapshotOf(list)), view).kind === "route";
}

function queryMatches(name: string, test: ValueTest, target: string): boolean {
  const list = rules({ action: routeTo("a"), matches: [match(prefix("/"), [], [{ name, test }])] });
  return decide(compiled(snapshotOf(list)), request(target)).kind === "route";
}

describe("header predicates", () => {
  const range: ValueTest = { kind: "range", start: "-5", end: "0" };
  const wholeRange: ValueTest = { kind: "range", start: "-9223372036854775808", end: "9223372036854775807" };
  it.each<[ValueTest, string, boolean]>([
    [{ kind: "exact", value: "two" }, "two", true],
    [{ kind: "exact", value: "two" }, "Two", false],
    [{ kind: "exact", value: "two" }, "twofold", false],
    [{ kind: "exact", value: "" }, "", true],
    [{ kind: "prefix", value: "tw" }, "two", true],
    [{ kind: "prefix", value: "wo" }, "two", false],
    [{ kind: "suffix", value: "wo" }, "two", true],
    [{ kind: "suffix", value: "tw" }, "two", false],
    [{ kind: "regex", value: "t.o" }, "two", true],
    [{ kind: "regex", value: "t.o" }, "two!", false],
    [{ kind: "regex", value: "^user=test-\\d+$" }, "user=test-12", true],
    [{ kind: "present" }, "anything", true],
    [{ kind: "present" }, "", true],
    [range, "-5", true],
    [range, "-3", true],
    [range, "0", false],
    [range, "-6", false],
    [range, "0.25", false],
    [range, "-3abc", false],
    [range, "", false],
    [range, "٣", false],
    [{ kind: "range", start: "1", end: "10" }, "+5", true],
    [wholeRange, "9223372036854775806", true],
    [wholeRange, "9223372036854775808", false],
    [wholeRange, "9".repeat(100_000), false],
  ])("%j on %j: %j", (test, value, matches) => {
    const headers = { get: (name: string) => (name === "version" ? value : null) };
    const view = { ...request("/"), headers };
    expect(headerMatches({ name: "version", test }, view)).toBe(matches);
    expect(headerMatches({ name: "version", test, invert: true }, view)).toBe(!matches);
  });

  it("names are case-insensitive", () => {
    const view = request("/", { headers: { VERSION: "1" } });
    expect(headerMatches({ name: "Version", test: { kind: "present" } }, view)).toBe(true);
  });

  it.each<[ValueTest["kind"], boolean]>([
    ["exact", false],
    ["prefix", false],
    ["suffix", false],
    ["regex", false],
    ["range", false],
    ["present", true],
  ])("inverted %s on an absent header: %j", (kind, matches) => {
    const test = (kind === "range" ? { kind, start: "0", end: "1" } : { kind, value: "x" }) as ValueTest;
    expect(headerMatches({ name: "version", test, invert: true }, request("/"))).toBe(matches);
    expect(headerMatches({ name: "version", test }, request("/"))).toBe(false);
  });

  it.each([
    [":method", "POST"],
    [":authority", "cart.shop.mesh:8080"],
    ["host", "cart.shop.mesh:8080"],
    [":path", "/a?b=c"],
    [":scheme", "http"],
    ["port", "8080"],
  ])("pseudo header %s is %s", (name, value) => {
    const view = request("/a?b=c", { method: "POST", authority: "cart.shop.mesh:8080" });
    expect(headerMatches({ name, test: { kind: "exact", value } }, view)).toBe(true);
  });

  it.each([
    ["http", "80"],
    ["https", "443"],
  ] as const)("without a port in the authority, port is that of %s", (scheme, value) => {
    expect(headerMatches({ name: "port", test: { kind: "exact", value } }, request("/", { scheme }))).toBe(true);
  });

  it("several lines of one header are one value", () => {
    const headers = new Headers([
      ["color", "red"],
      ["color", "blue"],
    ]);
    expect(headerMatches({ name: "color", test: { kind: "exact", value: "red, blue" } }, request("/", { headers }))).toBe(true);
    expect(headerMatches({ name: "color", test: { kind: "suffix", value: "blue" } }, request("/", { headers }))).toBe(true);
  });

  it("names from a prototype are names like any other", () => {
    for (const name of ["__proto__", "constructor", "hasownproperty"]) {
      expect(headerMatches({ name, test: { kind: "present" } }, request("/"))).toBe(false);
      expect(headerMatches({ name, test: { kind: "present" } }, request("/", { headers: [[name, "1"]] }))).toBe(true);
    }
  });

  it("a range that is no range of integers is refused when compiling", () => {
    const header: HeaderMatch = { name: "n", test: { kind: "range", start: "a", end: "5" } };
    const result = compileSnapshot(snapshotOf(rules({ action: routeTo("a"), matches: [match(prefix("/"), [header])] })));
    expect(result).toEqual({ error: 'httpRoutes/test rule 0: range "a" to "5" is not one of 64-bit integers' });
  });
});

describe("query predicates", () => {
  it.each<[string, ValueTest, boolean]>([
    ["/?animal=whale", { kind: "exact", value: "whale" }, true],
    ["/?animal=whale&x=1", { kind: "exact", value: "whale" }, true],
    ["/?x=1&animal=whale", { kind: "exact", value: "whale" }, true],
    ["/?animal=whaledolphin", { kind: "exact", value: "whale" }, false],
    ["/?animal=w%68ale", { kind: "exact", value: "whale" }, true],
    ["/?%61nimal=whale", { kind: "exact", value: "whale" }, true],
    ["/?animal=blue+whale", { kind: "exact", value: "blue whale" }, true],
    ["/?animal=whale&animal=dog", { kind: "exact", value: "whale" }, true],
    ["/?animal=dog&animal=whale", { kind: "exact", value: "whale" }, false],
    ["/?animal=", { kind: "exact", value: "" }, true],
    ["/?animal", { kind: "present" }, true],
    ["/?animals=1", { kind: "present" }, false],
    ["/", { kind: "present" }, false],
    ["/#?animal=whale", { kind: "present" }, false],
    ["/?animal=%zz%", { kind: "present" }, true],
    ["/?animal=whale", { kind: "regex", value: "w.*" }, true],
    ["/?animal=awhale", { kind: "regex", value: "w.*" }, false],
    ["/?__proto__=1", { kind: "present" }, false],
  ])("%s with %j: %j", (target, test, matches) => {
    expect(queryMatches("animal", test, target)).toBe(matches);
  });
});
