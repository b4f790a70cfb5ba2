import { describe, expect, it } from "vitest";
import { forwardRequestHeaders, forwardResponseHeaders, type Hop } from "#proxy/filters/forwarding.ts";
import type { HeaderSource } from "../snapshots.ts";

const hop: Hop = { method: "GET", scheme: "https", authority: "cart.shop.mesh", clientAddress: "10.0.0.9" };
const added = { "x-forwarded-proto": "https", "x-forwarded-host": "cart.shop.mesh", "x-forwarded-for": "10.0.0.9", via: "1.1 wayside" };

function forwarded(headers: HeaderSource, way: Hop = hop): Record<string, string> {
  const result = new Headers(headers);
  forwardRequestHeaders(result, way);
  return Object.fromEntries(result);
}

function returned(headers: HeaderSource): [string, string][] {
  const result = new Headers(headers);
  forwardResponseHeaders(result);
  return Array.from(result);
}

describe("headers of a request that is sent on", () => {
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ["nothing", {}, {}],
    ["end-to-end fields", { accept: "a, b", "x-y": "1" }, { accept: "a, b", "x-y": "1" }],
    ["hop-by-hop fields", { "Keep-Alive": "1", "Transfer-Encoding": "chunked", Trailer: "x", "Proxy-Connection": "x" }, {}],
    ["proxy credentials", { "Proxy-Authorization": "Basic x", "Proxy-Authenticate": "Basic" }, {}],
    ["fields that Connection names", { Connection: "close, X-Secret,, bad name", "X-Secret": "1", "X-Kept": "2" }, { "x-kept": "2" }],
    ["TE", { TE: "gzip, deflate" }, {}],
    ["TE with trailers", { TE: "gzip, Trailers", Connection: "TE" }, { te: "trailers" }],
    ["an upgrade to h2c", { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "x" }, {}],
    ["an Upgrade that Connection does not name", { Upgrade: "websocket" }, {}],
    [
      "an upgrade to WebSocket",
      { Connection: "keep-alive, Upgrade", Upgrade: "WebSocket", "Sec-WebSocket-Key": "k" },
      { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "k" },
    ],
    ["what only the mesh may say", { "X-Wayside-Reason": "x", "x-wayside-": "y", "X-Forwarded-Client-Cert": "By=spiffe://x" }, {}],
    ["cookies", { cookie: "a=1; b=2" }, { cookie: "a=1; b=2" }],
    ["joined cookies", { cookie: "a=1, b=2, c=x,y" }, { cookie: "a=1; b=2; c=x,y" }],
    ["prototype names", { Connection: "__proto__", ["__proto__"]: "1", constructor: "2" }, { constructor: "2" }],
  ])("%s", (_, headers, kept) => {
    expect(forwarded(headers)).toEqual({ ...added, ...kept });
  });

  it("lengthens the chains, and believes nobody about scheme and host", () => {
    const headers = { "x-forwarded-for": "1.2.3.4", via: "1.0 other", "x-forwarded-proto": "gopher", "x-forwarded-host": "evil" };
    expect(forwarded(headers)).toEqual({ ...added, "x-forwarded-for": "1.2.3.4, 10.0.0.9", via: "1.0 other, 1.1 wayside" });
  });

  it.each<[string, string, string, string]>([
    ["OPTIONS", "1", "0", "OPTIONS"],
    ["TRACE", "10", "9", "TRACE"],
    ["GET", "1", "1", "any other method"],
    ["OPTIONS", "x", "x", "what is no number"],
  ])("counts Max-Forwards of %s down from %s to %s: %s", (method, given, left) => {
    expect(forwarded({ "max-forwards": given }, { ...hop, method })).toHaveProperty("max-forwards", left);
  });

  it("continues Forwarded where it is in use (RFC 7239)", () => {
    expect(forwarded({ forwarded: "for=1.2.3.4" })).toHaveProperty(
      "forwarded",
      'for=1.2.3.4, for=10.0.0.9;host="cart.shop.mesh";proto=https',
    );
    const way: Hop = { method: "GET", scheme: "http", authority: "a:81", clientAddress: "2001:db8::1" };
    expect(forwarded({ forwarded: "x" }, way)).toHaveProperty("forwarded", 'x, for="[2001:db8::1]";host="a:81";proto=http');
    expect(forwarded({})).not.toHaveProperty("forwarded");
  });

  it("leaves x-forwarded-for alone where the runtime does not tell the caller's address", () => {
    const way: Hop = { method: "GET", scheme: "http", authority: "a" };
    expect(forwarded({}, way)).not.toHaveProperty("x-forwarded-for");
    expect(forwarded({ "x-forwarded-for": "1.2.3.4" }, way)).toHaveProperty("x-forwarded-for", "1.2.3.4");
  });
});

describe("headers of a response that is sent back", () => {
  it("loses hop-by-hop fields and the mesh's own, keeps every Set-Cookie", () => {
    const headers: [string, string][] = [
      ["Connection", "X-Hop"],
      ["X-Hop", "1"],
      ["Keep-Alive", "timeout=5"],
      ["Upgrade", "foo"],
      ["X-Wayside-Reason", "spoofed"],
      ["Trailers", "not a special name"],
      ["Set-Cookie", "a=1, x"],
      ["Set-Cookie", "b=2"],
    ];
    expect(returned(headers)).toEqual([
      ["set-cookie", "a=1, x"],
      ["set-cookie", "b=2"],
      ["trailers", "not a special name"],
      ["via", "1.1 wayside"],
    ]);
  });
});
