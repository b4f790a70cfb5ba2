import { describe, expect, it } from "vitest";
import type { Action, PathMatch } from "#ir/route.ts";
import { decide } from "#proxy/filters/decide.ts";
import type { RequestView } from "#proxy/filters/decision.ts";
import { compiled, exact, match, prefix, regex, request, rules, snapshotOf } from "../snapshots.ts";

type Redirect = Omit<Extract<Action, { kind: "redirect" }>, "kind" | "status">;

function locationOf(action: Redirect, path: PathMatch, view: RequestView): string {
  const list = rules({ action: { kind: "redirect", status: 301, ...action }, matches: [match(path)] });
  const decision = decide(compiled(snapshotOf(list, { virtualHosts: [{ hosts: ["*"], rules: list }] })), view);
  return decision.kind === "redirect" ? decision.location : decision.kind;
}

const http = (authority: string, target: string): RequestView => request(target, { authority });
const https = (authority: string, target: string): RequestView => request(target, { authority, scheme: "https" });

describe("redirect", () => {
  it.each<[string, Redirect, RequestView, string]>([
    ["nothing set", {}, http("a.mesh", "/x?q=1"), "http://a.mesh/x?q=1"],
    ["host", { host: "new.mesh" }, http("a.mesh", "/x?q=1"), "http://new.mesh/x?q=1"],
    ["host, with the caller's port left behind", { host: "new.mesh" }, http("a.mesh:8080", "/x"), "http://new.mesh/x"],
    ["host with a port", { host: "new.mesh:9000" }, http("a.mesh", "/x"), "http://new.mesh:9000/x"],
    ["path", { path: "/new" }, https("a.mesh", "/x/y?q=1"), "https://a.mesh/new?q=1"],
    ["path and host", { path: "/new", host: "new.mesh" }, https("a.mesh", "/x"), "https://new.mesh/new"],
    ["path without a slash", { path: "new" }, http("a.mesh", "/x"), "http://a.mesh/new"],
    ["path with a query of its own", { path: "/new?z=2" }, http("a.mesh", "/x?q=1"), "http://a.mesh/new?z=2"],
    ["path with a query, stripQuery", { path: "/new?z=2", stripQuery: true }, http("a.mesh", "/x?q=1"), "http://a.mesh/new?z=2"],
    ["stripQuery", { stripQuery: true }, http("a.mesh", "/x?q=1"), "http://a.mesh/x"],
    ["path and stripQuery", { path: "/new", stripQuery: true }, http("a.mesh", "/x?q=1"), "http://a.mesh/new"],
    ["https", { https: true }, http("a.mesh", "/x"), "https://a.mesh/x"],
    ["https leaves the port of http", { https: true }, http("a.mesh:80", "/x"), "https://a.mesh/x"],
    ["https keeps any other port", { https: true }, http("a.mesh:8080", "/x"), "https://a.mesh:8080/x"],
    ["https does not write its own port", { https: true }, http("a.mesh:443", "/x"), "https://a.mesh/x"],
    ["https: false changes nothing", { https: false }, http("a.mesh", "/x"), "http://a.mesh/x"],
    ["port", { port: 8443 }, http("a.mesh:8080", "/x"), "http://a.mesh:8443/x"],
    ["port 80", { port: 80 }, http("a.mesh:8080", "/x"), "http://a.mesh/x"],
    ["port 443 and https", { port: 443, https: true }, http("a.mesh", "/x"), "https://a.mesh/x"],
    ["port 80 and https", { port: 80, https: true }, http("a.mesh", "/x"), "https://a.mesh:80/x"],
    ["port and host", { port: 8080, host: "new.mesh" }, http("a.mesh", "/x"), "http://new.mesh:8080/x"],
    ["an IPv6 literal", { port: 8080 }, http("[::1]:80", "/x"), "http://[::1]:8080/x"],
  ])("%s", (...row) => {
    const [, action, view, location] = row;
    expect(locationOf(action, prefix("/x"), view)).toBe(location);
  });

  it.each<[PathMatch, string, string, string]>([
    [prefix("/rewrite"), "/blah", "/rewrite", "/blah"],
    [prefix("/rewrite"), "/blah", "/rewrite/x?q=1", "/blah/x?q=1"],
    [prefix("/rewrite/"), "/", "/rewrite/x", "/x"],
    [{ kind: "prefix", value: "/REWRITE", ignoreCase: true }, "/blah", "/rewrite/x", "/blah/x"],
    [exact("/rewrite"), "/blah", "/rewrite?q=1", "/blah?q=1"],
    [regex("/r.*"), "/blah", "/rewrite/x?q=1", "/blah?q=1"],
    [{ kind: "any" }, "/blah", "/x", "/blah/x"],
  ])("prefix of %j to %s: %s becomes %s", (...row) => {
    const [path, replacement, target, result] = row;
    expect(locationOf({ prefix: replacement }, path, http("a.mesh", target))).toBe(`http://a.mesh${result}`);
  });

  it("escapes what a header cannot carry", () => {
    const location = locationOf({ path: "/ü\r\nx: 1" }, prefix("/"), http("a.mesh", "/?q=\ud800 é"));
    expect(location).toBe("http://a.mesh/%C3%BC%0D%0Ax:%201?q=%EF%BF%BD%20%C3%A9");
    expect(new Headers({ location }).get("location")).toBe(location);
  });

  it("never points at another host because of the path", () => {
    expect(locationOf({}, prefix("/"), http("a.mesh", "//evil.example/x"))).toBe("http://a.mesh//evil.example/x");
  });

  it.each([301, 302, 303, 307, 308] as const)("has status %i and the rule's response headers", (status) => {
    const responseHeaders = [{ remove: [], set: [["x", "1"]], add: [] }] as const;
    const list = rules({ action: { kind: "redirect", status }, responseHeaders });
    expect(decide(compiled(snapshotOf(list)), request("/x"))).toEqual({
      kind: "redirect",
      rule: { resource: "httpRoutes/test", index: 0 },
      status,
      location: "http://cart.shop.mesh/x",
      responseHeaders,
    });
  });
});
