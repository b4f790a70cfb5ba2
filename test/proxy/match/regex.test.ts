import { describe, expect, it } from "vitest";
import { compileRegex, literalPrefix } from "#proxy/match/regex.ts";

describe("compileRegex", () => {
  it("matches the whole text only", () => {
    const compiled = compileRegex("/v[0-9]+");
    if ("error" in compiled) throw new Error(compiled.error);
    expect(["/v1", "/v12", "/v", "/v1/", "x/v1"].map((text) => compiled.regex.testExact(text))).toEqual([true, true, false, false, false]);
  });

  it("takes linear time on an expression that makes others backtrack", () => {
    const compiled = compileRegex("(a+)+b");
    if ("error" in compiled) throw new Error(compiled.error);
    const started = performance.now();
    expect(compiled.regex.testExact("a".repeat(100_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it.each([
    ["(?=x)y", /"\(\?=x\)y" is not valid RE2 syntax: .*\(\?=/],
    ["(?<!x)y", /is not valid RE2 syntax/],
    ["(", /"\(" is not valid RE2 syntax: .*missing closing \)/],
    ["(a{1,100}){1,10}", /is too complex: program size \d+, at most 100 allowed/],
    ["(a{1,1000}){1,1000}", /is not valid RE2 syntax|too complex/],
  ])("refuses %s", (pattern, message) => {
    const compiled = compileRegex(pattern);
    expect("error" in compiled && compiled.error).toMatch(message);
  });

  it("takes a larger program when told to", () => {
    expect("regex" in compileRegex("(a{1,100}){1,10}", 10_000)).toBe(true);
  });
});

describe("literalPrefix", () => {
  it.each([
    ["/api/v[0-9]/.*", "/api/v"],
    ["^/api/", "/api/"],
    ["/a\\.b\\-c", "/a.b-c"],
    ["/ab*c", "/a"],
    ["/ab?c", "/a"],
    ["/ab{0,2}c", "/a"],
    ["/ab+c", "/ab"],
    ["/a\\d", "/a"],
    ["\\Q/a\\E", ""],
    ["/a|/b", ""],
    ["(?i)/a", ""],
    ["^*a", ""],
    ["/😀*x", "/"],
    ["/a\\.*", "/a"],
    ["/a$", "/a"],
    ["", ""],
    ["\\", ""],
  ])("of %s is %j", (pattern, prefix) => {
    expect(literalPrefix(pattern)).toBe(prefix);
  });
});
