import { describe, expect, it } from "vitest";
import { decide } from "#proxy/filters/decide.ts";
import { forwardRequestHeaders, forwardResponseHeaders } from "#proxy/filters/forwarding.ts";
import { applyAll } from "#proxy/filters/header-actions/apply.ts";
import { compiled, match, regex, request, routeTo, rules, snapshotOf } from "../snapshots.ts";

/** What differs between the `Headers` of Node and those of the runtime that proxies run in. */
describe("in workerd", () => {
  it("cookies that the runtime joined are taken apart again, and Set-Cookie stays several", () => {
    const headers = new Headers([
      ["cookie", "a=1"],
      ["cookie", "b=2"],
      ["connection", "x-hop"],
      ["x-hop", "1"],
    ]);
    forwardRequestHeaders(headers, { method: "GET", scheme: "http", authority: "a.mesh" });
    expect(headers.get("cookie")).toBe("a=1; b=2");
    expect(headers.has("x-hop")).toBe(false);
    const response = new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x-wayside-reason", "spoofed"],
    ]);
    forwardResponseHeaders(response);
    expect(response.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.has("x-wayside-reason")).toBe(false);
  });

  it.each(["a\nb", "a\0b", "\u0100"])("a secret %j is refused before the runtime throws", (secret) => {
    const mutation = { remove: [], set: [["x", [{ secret: "s" }]]], add: [] } as const;
    expect(applyAll(new Headers(), [mutation], { secret: () => secret, variable: () => "" })).toEqual({
      kind: "secret_unavailable",
      secret: "s",
    });
  });

  it("text of obs-text characters is a legal value", () => {
    const headers = new Headers();
    applyAll(headers, [{ remove: [], set: [["x", "\u00e9\t1"]], add: [] }], { secret: () => undefined, variable: () => "" });
    expect(headers.get("x")).toBe("\u00e9\t1");
  });

  it("expressions and decisions work as in Node", () => {
    const list = rules({
      action: routeTo("a"),
      matches: [match(regex("/v[0-9]+/.*"), [{ name: "x-absent", test: { kind: "present" }, invert: true }])],
    });
    expect(decide(compiled(snapshotOf(list)), request("/v12/x")).kind).toBe("route");
    expect(decide(compiled(snapshotOf(list)), request("/v/x")).kind).toBe("none");
  });
});
