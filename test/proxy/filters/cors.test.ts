import { describe, expect, it } from "vitest";
import type { CorsPolicy } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import { applyAll } from "#proxy/filters/header-actions/apply.ts";
import { compiled, noMutation, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

const policy: CorsPolicy = {
  allowOrigins: ["https://shop.test"],
  allowOriginRegexes: ["https://[a-z]+\\.shop\\.test"],
  allowMethods: ["GET", "PUT"],
  allowHeaders: ["x-cart"],
  exposeHeaders: ["x-total"],
  maxAgeSec: 600,
  allowCredentials: true,
};

/** The decision, and the headers that its answer gets. */
function decided(method: string, headers: Record<string, string>, cors: CorsPolicy = policy): [string, Record<string, string>] {
  const responseHeaders = [{ ...noMutation, set: [["access-control-allow-origin", "nobody"]] }] as const;
  const list = rules({ action: routeTo("a"), cors, responseHeaders, fault: { abort: { status: 503, percent: 100 } } });
  const decision = decide(compiled(snapshotOf(list)), request("/", { method, headers }));
  if (decision.kind === "none" || decision.kind === "refused") throw new Error(decision.kind);
  const result = new Headers({ vary: "Accept" });
  applyAll(result, decision.responseHeaders, { secret: () => undefined, variable: () => "" });
  return [decision.kind, Object.fromEntries(result)];
}

const preflight = { "access-control-request-method": "PUT" };

describe("CORS", () => {
  it("answers a preflight from an allowed origin itself, without a fault", () => {
    const [kind, headers] = decided("OPTIONS", { origin: "https://shop.test", ...preflight });
    expect(kind).toBe("directResponse");
    expect(headers).toEqual({
      "access-control-allow-origin": "https://shop.test",
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "GET, PUT",
      "access-control-allow-headers": "x-cart",
      "access-control-max-age": "600",
      vary: "Accept,Origin",
    });
  });

  it("lets any other request from an allowed origin through, and its answer says so", () => {
    for (const method of ["GET", "OPTIONS"]) {
      const [kind, headers] = decided(method, { origin: "https://eu.shop.test" });
      expect(kind).toBe("route");
      expect(headers).toEqual({
        "access-control-allow-origin": "https://eu.shop.test",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-total",
        vary: "Accept,Origin",
      });
    }
  });

  it.each(["https://evil.test", "https://shop.test.evil.test", "https://x.shop.test:81", "http://shop.test", "null", "*", ""])(
    "does nothing for origin %j",
    (origin) => {
      expect(decided("OPTIONS", { origin, ...preflight })).toEqual(["route", { "access-control-allow-origin": "nobody", vary: "Accept" }]);
    },
  );

  it("does nothing without an origin", () => {
    expect(decided("OPTIONS", preflight)[0]).toBe("route");
  });

  it("says no more than its policy does", () => {
    const open = { ...policy, allowOrigins: ["*"], allowMethods: [], allowHeaders: [], exposeHeaders: [], allowCredentials: false };
    const { maxAgeSec: _, ...bare } = open;
    expect(decided("OPTIONS", { origin: "null", ...preflight }, bare)).toEqual([
      "directResponse",
      { "access-control-allow-origin": "null", vary: "Accept,Origin" },
    ]);
  });

  it("is refused with an expression that is none, before any request", () => {
    const list = rules({ action: routeTo("a"), cors: { ...policy, allowOriginRegexes: ["(?=x)"] } });
    expect(() => compiled(snapshotOf(list))).toThrow(/^httpRoutes\/test rule 0: regular expression "\(\?=x\)" is not valid RE2/);
  });
});
