import { describe, expect, it } from "vitest";
import { HostTable } from "#proxy/match/hosts.ts";

const patterns = [
  "cart.shop.mesh",
  "cart.shop.mesh:8080",
  "*.shop.mesh",
  "*-canary.shop.mesh",
  "*.eu.shop.mesh",
  "*.ports.mesh:9000",
  "__proto__.mesh",
];

function table(more: readonly string[] = []): HostTable<string> {
  return new HostTable([...patterns, ...more].map((pattern) => [pattern, pattern] as const));
}

describe("HostTable", () => {
  it.each([
    ["cart.shop.mesh", "cart.shop.mesh"],
    ["CART.Shop.Mesh", "cart.shop.mesh"],
    ["cart.shop.mesh:8080", "cart.shop.mesh:8080"],
    ["cart.shop.mesh:9999", "cart.shop.mesh"],
    ["pay.shop.mesh", "*.shop.mesh"],
    ["pay.shop.mesh:1234", "*.shop.mesh"],
    ["a.b.shop.mesh", "*.shop.mesh"],
    ["a.eu.shop.mesh", "*.eu.shop.mesh"],
    ["pay-canary.shop.mesh", "*-canary.shop.mesh"],
    ["x.ports.mesh:9000", "*.ports.mesh:9000"],
    ["__proto__.mesh", "__proto__.mesh"],
  ])("gives %s to %s", (authority, pattern) => {
    expect(table().find(authority)).toBe(pattern);
  });

  it.each(["shop.mesh", ".shop.mesh", "x.ports.mesh", "x.ports.mesh:9001", "constructor", "__proto__", "", ":", "[::1]:80", "mesh"])(
    "knows no pattern for %s",
    (authority) => {
      expect(table().find(authority)).toBeUndefined();
      expect(table(["*"]).find(authority)).toBe("*");
    },
  );

  it("keeps the first of two equal patterns", () => {
    const twice = new HostTable([
      ["a.mesh", 1],
      ["A.MESH", 2],
      ["*.b.mesh", 3],
      ["*.b.mesh", 4],
      ["*", 5],
      ["*", 6],
    ]);
    expect(["a.mesh", "x.b.mesh", "other"].map((host) => twice.find(host))).toEqual([1, 3, 5]);
  });

  it("tells an IPv6 literal from a port", () => {
    const literals = new HostTable([
      ["[::1]", "literal"],
      ["[::2]:80", "with port"],
    ]);
    expect(literals.find("[::1]:8080")).toBe("literal");
    expect(literals.find("[::2]:80")).toBe("with port");
    expect(literals.find("[::2]")).toBeUndefined();
  });

  it("answers for a host of a hundred thousand dots without delay", () => {
    const started = performance.now();
    expect(table().find(`${"a.".repeat(50_000)}x`)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
