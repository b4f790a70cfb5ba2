/** Where the outbound listener sends what. */
import { describe, expect, it } from "vitest";
import { destinationOf, tunnelEndOf } from "#agent/outbound/destination.ts";

const around = {
  isMeshName: (host: string, port?: number): boolean => host === "cart.shop.mesh" || (host === "only.shop.mesh" && port === 8080),
  self: { address: "127.0.0.1", port: 15_001 },
  pseudonym: "agent-0123",
};
const head = (target: string, host = "x", more: readonly (readonly [string, string])[] = []) => ({
  method: "GET",
  target,
  version: "1.1",
  fields: [["Host", host] as const, ...more],
});

describe("a request", () => {
  it.each([
    ["http://cart.shop.mesh/a?b", "x", { kind: "mesh", authority: "cart.shop.mesh", target: "/a?b" }],
    ["http://CART.shop.mesh.", "x", { kind: "mesh", authority: "cart.shop.mesh", target: "/" }],
    ["http://cart.shop.mesh?b", "x", { kind: "mesh", authority: "cart.shop.mesh", target: "/?b" }],
    ["http://cart.shop.mesh:8080/", "x", { kind: "mesh", authority: "cart.shop.mesh:8080", target: "/" }],
    ["/a", "cart.shop.mesh", { kind: "mesh", authority: "cart.shop.mesh", target: "/a" }],
    ["/a", "cart.shop.mesh:15001", { kind: "mesh", authority: "cart.shop.mesh", target: "/a" }],
    ["http://only.shop.mesh:8080/", "x", { kind: "mesh", authority: "only.shop.mesh:8080", target: "/" }],
    ["http://only.shop.mesh/", "x", { kind: "direct", authority: "only.shop.mesh", target: "/", host: "only.shop.mesh", port: 80 }],
    ["http://example.com:81/x", "y", { kind: "direct", authority: "example.com:81", target: "/x", host: "example.com", port: 81 }],
    ["http://[::1]:81/x", "y", { kind: "direct", authority: "[::1]:81", target: "/x", host: "::1", port: 81 }],
    ["/", "example.com", { kind: "direct", authority: "example.com", target: "/", host: "example.com", port: 80 }],
  ])("%s with Host %s", (target, host, expected) => {
    expect(destinationOf(head(target, host), around)).toEqual(expected);
  });

  it.each([
    ["https://example.com/", "x", 400],
    ["http://user@example.com/", "x", 400],
    ["http://a b/", "x", 400],
    ["http:///x", "x", 400],
    ["*", "x", 400],
    ["/#x", "x", 400],
    ["/", "127.0.0.1:15001", 508],
    ["http://0.0.0.0:15001/", "x", 508],
    ["http://[::ffff:127.0.0.1]:15001/", "x", 508],
  ])("%s with Host %s is refused", (target, host, status) => {
    expect(destinationOf(head(target, host), around)).toMatchObject({ kind: "refused", refusal: { status } });
  });

  it("that was here before is refused, another agent's is not", () => {
    const via = (value: string) => destinationOf(head("/", "cart.shop.mesh", [["Via", value]]), around).kind;
    expect(via("1.1 other, 1.1 agent-0123")).toBe("refused");
    expect(via("1.1 agent-4567")).toBe("mesh");
  });
});

describe("a tunnel", () => {
  it.each([
    ["example.com:443", { kind: "direct", host: "example.com", port: 443 }],
    ["cart.shop.mesh:80", { kind: "mesh" }],
  ])("to %s", (target, expected) => expect(tunnelEndOf(head(target), around)).toEqual(expected));

  it.each([
    ["cart.shop.mesh:443", 501],
    ["example.com", 400],
    ["127.0.0.1:15001", 508],
    ["http://example.com:80", 400],
  ])("to %s is refused", (target, status) => {
    expect(tunnelEndOf(head(target), around)).toMatchObject({ kind: "refused", refusal: { status } });
  });
});
