import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parsePathRewrite, parsePathTemplate, templateValues, unknownVariable } from "#base/path-template.ts";

/** Path templates against Envoy's vectors: which are right, what they take, and what rewrites make of it. */

const file = new URL("../../../shared/conformance/uri-template.json", import.meta.url);
const present = existsSync(file);

interface Vectors {
  readonly validMatchPatterns: readonly string[];
  readonly invalidMatchPatterns: readonly string[];
  readonly validVariables: readonly string[];
  readonly invalidVariables: readonly string[];
  readonly validRewrites: readonly string[];
  readonly invalidRewrites: readonly string[];
  readonly isValidMatchPattern: readonly (readonly [string, boolean])[];
  readonly isValidRewritePattern: readonly (readonly [string, boolean])[];
  readonly match: readonly { readonly path: string; readonly template: string; readonly vars: Readonly<Record<string, string>> }[];
  readonly noMatch: readonly { readonly path: string; readonly template: string }[];
  readonly rewrite: readonly { readonly template: string; readonly rewrite: string; readonly path: string; readonly expected: string }[];
  readonly sharedVariables: readonly (readonly [rewrite: string, template: string, ok: boolean])[];
}

const none: Partial<Vectors> = {};
const vectors = present ? (JSON.parse(readFileSync(file, "utf8")) as Vectors) : none;

function isRight(parsed: object): boolean {
  return !("error" in parsed);
}

function valuesOf(template: string, path: string): ReadonlyMap<string, string> | undefined {
  const parsed = parsePathTemplate(template);
  if ("error" in parsed) throw new Error(parsed.error);
  return templateValues(parsed, path);
}

describe.skipIf(!present)("URI templates (../shared/conformance/uri-template.json)", () => {
  const templates = [
    ...(vectors.validMatchPatterns ?? []).map((text) => [text, true] as const),
    ...(vectors.invalidMatchPatterns ?? []).map((text) => [text, false] as const),
    ...(vectors.validVariables ?? []).map((text) => [`/${text}`, true] as const),
    ...(vectors.invalidVariables ?? []).filter((text) => text !== "/").map((text) => [`/${text}`, false] as const),
    ...(vectors.isValidMatchPattern ?? []),
  ];
  it.each(templates)("template %s is right: %s", (text, right) => {
    expect(isRight(parsePathTemplate(text))).toBe(right);
  });

  const rewrites = [
    ...(vectors.validRewrites ?? []).map((text) => [text, true] as const),
    ...(vectors.invalidRewrites ?? []).map((text) => [text, false] as const),
    ...(vectors.isValidRewritePattern ?? []),
  ];
  it.each(rewrites)("rewrite %s is right: %s", (text, right) => {
    expect(isRight(parsePathRewrite(text))).toBe(right);
  });

  it.each(vectors.match ?? [])("$template takes $path", ({ template, path, vars }) => {
    expect(Object.fromEntries(valuesOf(template, path) ?? [])).toEqual(vars);
    expect(valuesOf(template, path)).toBeDefined();
  });

  it.each(vectors.noMatch ?? [])("$template does not take $path", ({ template, path }) => {
    expect(valuesOf(template, path)).toBeUndefined();
  });

  it.each(vectors.rewrite ?? [])("$template with $rewrite makes $expected", ({ template, rewrite, path, expected }) => {
    const values = valuesOf(template, path);
    const parsed = parsePathRewrite(rewrite);
    if ("error" in parsed) throw new Error(parsed.error);
    expect(parsed.parts.map((part) => (typeof part === "string" ? part : values?.get(part.variable))).join("")).toBe(expected);
  });

  it.each(vectors.sharedVariables ?? [])("the variables of %s are those of %s: %s", (rewrite, template, ok) => {
    const parsed = parsePathTemplate(template);
    const parts = parsePathRewrite(rewrite);
    if ("error" in parsed || "error" in parts) throw new Error("both are right");
    expect(unknownVariable(parts.parts, parsed) === undefined).toBe(ok);
  });
});
