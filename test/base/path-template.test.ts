import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePathRewrite, parsePathTemplate, templateValues, unknownVariable } from "#base/path-template.ts";

function valuesOf(template: string, path: string): Record<string, string> | undefined {
  const parsed = parsePathTemplate(template);
  if ("error" in parsed) throw new Error(parsed.error);
  const values = templateValues(parsed, path);
  return values && Object.fromEntries(values);
}

describe("path templates", () => {
  it.each<[string, string, Record<string, string> | undefined]>([
    ["/", "/", {}],
    ["/users/{id}", "/users/7", { id: "7" }],
    ["/users/{id}", "/users/", undefined],
    ["/users/{id}", "/users/7/x", undefined],
    ["/files/**", "/files/", {}],
    ["/files/**", "/files/a/b", {}],
    ["/files/**", "/files", undefined],
    ["/{a=x/*}/{rest=**}", "/x/1/2/3", { a: "x/1", rest: "2/3" }],
    ["/{rest=**}/end", "/a/end/b/end", { rest: "a/end/b" }],
    ["/v1/{name}.json", "/v1/a.b.json", { name: "a.b" }],
    ["/v1/{name}.json", "/v1/axjson", undefined],
    ["/a+b/(c)/*", "/a+b/(c)/d", {}],
    ["/{v=fixed}/x", "/fixed/x", { v: "fixed" }],
    ["/{v}/é", "/1/é", undefined],
  ])("%s on %s", (template, path, values) => {
    if (template.includes("é")) expect(parsePathTemplate(template)).toHaveProperty("error");
    else expect(valuesOf(template, path)).toEqual(values);
  });

  it.each([
    ["/users/{id}/x", "/users/"],
    ["/a/*", "/a/"],
    ["/a/b", "/a/b"],
    ["/a/{x=b/*}", "/a/"],
  ])("%s has the literal prefix %s", (template, prefix) => {
    expect(parsePathTemplate(template)).toMatchObject({ literalPrefix: prefix });
  });

  it.each([
    "",
    "x",
    "/a//b",
    "/{a",
    "/{a}/{a}",
    "/{1a}",
    "/a*",
    "/*{b}",
    "/***",
    "/**/*",
    "/a?b",
    "/{a}x/b",
    "/*/*/*/*/*/*",
    "/{v=/x}",
    "/{a={b}}",
  ])("%j is refused", (template) => {
    expect(parsePathTemplate(template)).toHaveProperty("error");
  });

  it("never throws, and takes no path without its literal prefix", () => {
    const piece = fc.constantFrom("/", "*", "**", "{a}", "{b=*}", "{c=x/**}", "ab", ".ts", "}", "{", "=", "?", "%41");
    const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
    let taken = 0;
    fc.assert(
      fc.property(text, fc.webPath(), (template, path) => {
        const parsed = parsePathTemplate(`/${template}`);
        if ("error" in parsed || !parsed.expression.test(path)) return;
        taken += 1;
        expect(path.startsWith(parsed.literalPrefix)).toBe(true);
      }),
      { numRuns: 20_000, seed: 7 },
    );
    expect(taken).toBeGreaterThan(10);
  });

  it("takes a hostile path in no time", () => {
    const parsed = parsePathTemplate("/{a}/{b}/{c}/{d}/**.ts");
    if ("error" in parsed) throw new Error(parsed.error);
    const before = performance.now();
    expect(parsed.expression.test(`/${"a/".repeat(50_000)}x`)).toBe(false);
    expect(performance.now() - before).toBeLessThan(200);
  });
});

describe("rewrites", () => {
  it("are text and variables by turns", () => {
    expect(parsePathRewrite("/x-{a}{b}/y")).toEqual({ parts: ["/x-", { variable: "a" }, { variable: "b" }, "/y"] });
  });

  it.each(["", "x", "/{", "/{}", "/a//b", "/a?b", "/{a=*}", "/{a/b}", "/é"])("%j is refused", (rewrite) => {
    expect(parsePathRewrite(rewrite)).toHaveProperty("error");
  });

  it("name variables of their template", () => {
    const template = parsePathTemplate("/{a}");
    const rewrite = parsePathRewrite("/{a}/{b}");
    if ("error" in template || "error" in rewrite) throw new Error("both are right");
    expect(unknownVariable(rewrite.parts, template)).toBe("b");
  });
});
