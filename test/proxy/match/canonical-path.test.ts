import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultPathPolicy, type PathPolicy } from "#ir/policy.ts";
import { canonicalPath } from "#proxy/match/canonical-path.ts";

const reject: PathPolicy = { ...defaultPathPolicy, escapedSlashes: "REJECT" };
const decode: PathPolicy = { ...defaultPathPolicy, escapedSlashes: "DECODE" };
const merge: PathPolicy = { ...defaultPathPolicy, mergeSlashes: true };

describe("the canonical path", () => {
  it.each<[PathPolicy, string, string]>([
    [defaultPathPolicy, "/", "/"],
    [defaultPathPolicy, "/a/b.c/..d/.e", "/a/b.c/..d/.e"],
    [defaultPathPolicy, "/ADMIN;x=1/%41%zz", "/ADMIN;x=1/%41%zz"],
    [defaultPathPolicy, "//admin", "//admin"],
    [defaultPathPolicy, "/a//../b", "/a/b"],
    [defaultPathPolicy, "/../../a", "/a"],
    [defaultPathPolicy, "/a/..", "/"],
    [defaultPathPolicy, "/a/.", "/a/"],
    [defaultPathPolicy, "/%2e%2E/admin", "/admin"],
    [defaultPathPolicy, "/a/.%2e/b", "/b"],
    [defaultPathPolicy, "\\admin\\x", "/admin/x"],
    [defaultPathPolicy, "/@scope%2Fname", "/@scope%2Fname"],
    [defaultPathPolicy, "/a%5cb", "/a%5cb"],
    [decode, "/a%2Fb%5Cc", "/a/b/c"],
    [decode, "/x%2f..%2fadmin", "/admin"],
    [merge, "//a///b/", "/a/b/"],
    [{ ...decode, mergeSlashes: true }, "/a%2f%2fb", "/a/b"],
  ])("with %j of %s is %s", (policy, path, expected) => {
    expect(canonicalPath(path, policy)).toBe(expected);
  });

  it.each<[PathPolicy, string]>([
    [defaultPathPolicy, "/%00"],
    [decode, "/a%00b"],
    [defaultPathPolicy, "/%c0%af"],
    [defaultPathPolicy, "/%C0%AE%c0%ae/admin"],
    [defaultPathPolicy, "/%e0%80%af"],
    [defaultPathPolicy, "/%f0%80%80%af"],
    [defaultPathPolicy, "/x%2f..%2fadmin"],
    [defaultPathPolicy, "/x/..%2fadmin"],
    [defaultPathPolicy, "/x%5c%2e%2e/admin"],
    [reject, "/a%2fb"],
    [reject, "/a%5Cb"],
  ])("with %j there is none of %s", (policy, path) => {
    expect(canonicalPath(path, policy)).toHaveProperty("refused");
  });

  const piece = fc.constantFrom("/", "a", ".", "..", "%2e", "%2F", "%5c", "\\", "%00", "%c0%af", "//", "é", "%C3%A9", "B");
  const path = fc.array(piece, { maxLength: 10 }).map((pieces) => `/${pieces.join("")}`);
  const policy: fc.Arbitrary<PathPolicy> = fc.record({
    escapedSlashes: fc.constantFrom("KEEP", "REJECT", "DECODE"),
    mergeSlashes: fc.boolean(),
  });

  it("is its own canonical form, begins with a slash, and has nothing in it that URL parsers would resolve", () => {
    fc.assert(
      fc.property(path, policy, (text, how) => {
        const canonical = canonicalPath(text, how);
        if (typeof canonical !== "string") return;
        expect(canonicalPath(canonical, how)).toBe(canonical);
        expect(canonical.startsWith("/")).toBe(true);
        expect(new URL(`http://a.test${canonical}`).pathname).toBe(canonical.replaceAll("é", "%C3%A9"));
        expect(
          canonical
            .replaceAll(/%(?:2f|5c)/gi, "/")
            .split("/")
            .some((part) => /^(?:\.|%2e){1,2}$/i.test(part)),
        ).toBe(false);
      }),
      { numRuns: 5_000 },
    );
  });

  it("is what URL parsers make of a path without encoded slashes", () => {
    const plain = fc
      .array(fc.constantFrom("/", "a", ".", "..", "%2e", "//", "B", ";"), { maxLength: 10 })
      .map((parts) => `/${parts.join("")}`);
    fc.assert(
      fc.property(plain, (text) => {
        expect(canonicalPath(text, defaultPathPolicy)).toBe(new URL(`http://a.test${text}`).pathname);
      }),
      { numRuns: 5_000 },
    );
  });
});
