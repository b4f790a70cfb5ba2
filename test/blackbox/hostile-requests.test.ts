/** Callers that misbehave: one request is one request, whatever it looks like, and none is answered with 500. */
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { block, startApplication, type Application, type Received } from "./harness/application.ts";
import { createMesh } from "./harness/resources.ts";
import { until } from "./harness/rest.ts";
import { exchange, open } from "./harness/socket.ts";
import { ask, type Ask } from "./harness/traffic.ts";
import { createHostileService } from "./harness/upstream.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

let mesh: Mesh;
let app: Application;

const valuesOf = ({ headers }: Received, name: string): string[] => headers.filter(([key]) => key === name).map(([, value]) => value);
const web = (path: string, rest: Partial<Ask> = {}): ReturnType<typeof ask> => ask(mesh.mesh, { host: "web.test", path, ...rest });
const raw = (target: string, headers = "", rest = ""): ReturnType<typeof exchange> =>
  exchange(
    mesh.mesh,
    `${target} HTTP/1.1\r\nHost: web.test\r\n${/^connection:/im.test(headers) ? "" : "Connection: close\r\n"}${headers}\r\n${rest}`,
  );

beforeAll(async () => {
  mesh = await startMesh();
  await createMesh(mesh.api, "demo");
  app = await startApplication();
  await createHostileService({ api: mesh.api, mesh: mesh.mesh, name: "web", ports: [app.port], action: { timeout: "20s" } });
});
afterAll(async () => {
  expect((await web("/")).status, "it serves as before").toBe(200);
  expect(mesh.output()).not.toContain("internal error");
  expect(await mesh.stop()).toBe(0);
  await app.close();
});

describe("paths", () => {
  // What a rule would see and what the application sees is one path: dots are gone, everything else is as it was sent.
  it.each([
    ["//admin", "//admin"],
    ["/a//b", "/a//b"],
    ["/../x", "/x"],
    ["/a/../../x", "/x"],
    ["/%2e%2e/admin", "/admin"],
    ["/a/%2E%2e/b", "/b"],
    ["/admin%2f", "/admin%2f"],
    ["/a%5cb", "/a%5cb"],
    ["/admin;x=1", "/admin;x=1"],
    ["/%zz", "/%zz"],
    ["/*", "/*"],
    ["/?a=1&a=2&=&", "/?a=1&a=2&=&"],
    ["/?q=%ff%20+", "/?q=%ff%20+"],
    ["/a?b#c", "/a?b"],
    ["http://other.test/absolute", "/absolute"],
  ])("%s reaches the application as %s", async (target, seen) => {
    const before = app.received.length;
    expect((await raw(`GET ${target}`)).status).toBe(200);
    expect(app.received.slice(before).map(({ url }) => url)).toEqual([seen]);
    const explained = await fetch(`${mesh.api}/wayside/v1/projects/demo/explain`, {
      method: "POST",
      body: JSON.stringify({ method: "GET", url: `http://web.test${target.startsWith("http") ? "/absolute" : target}`, headers: [] }),
    });
    expect(((await explained.json()) as { upstream: { url: string } }).upstream.url).toBe(`http://web.test${seen}`);
  });

  it.each([
    ["*", 404],
    ["/a b", 400],
    ['/"<>', 400],
    ["/a\0b", 400],
    ["/%00", 400],
    ["/%c0%af", 400],
    ["/x%2f..%2fadmin", 400],
  ])("%j is no path", async (target, status) => {
    const before = app.received.length;
    expect((await raw(`GET ${target}`)).status).toBe(status);
    expect(app.received).toHaveLength(before);
  });

  it("of 8 KB is one, and of 100 KB is refused or passed on, never more", async () => {
    expect((await web(`/${"a".repeat(8_000)}`)).status).toBe(200);
    expect((await raw(`GET /${"a".repeat(100_000)}`)).status).toBeOneOf([200, 414, 431]);
  });
});

describe("hosts", () => {
  it.each([
    "web.test/x",
    "web.test/",
    "web.test:80/../x",
    "web.test\\x",
    "web.test#x",
    "web.test?x",
    "user@web.test",
    "web.test, other.test",
    "a b",
    "%77eb.test",
    "[::1",
    "x",
  ])("%s is not web.test", async (host) => {
    const before = app.received.length;
    const answer = await exchange(mesh.mesh, `GET /secret HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect([answer.status, /x-wayside-reason: (\w+)/i.exec(answer.text)?.[1]]).toEqual([404, "no_service"]);
    expect(app.received).toHaveLength(before);
  });

  it.each(["WEB.test", "web.test:80", "web.test:9"])("%s is", async (host) => {
    const answer = await exchange(mesh.mesh, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer.status).toBe(200);
  });

  it.each(["", "Host: \r\n", "Host: \xe9.test\r\n"])("%j is none", async (line) => {
    expect((await exchange(mesh.mesh, `GET / HTTP/1.1\r\n${line}Connection: close\r\n\r\n`)).status).toBe(400);
  });
});

describe("headers of a request", () => {
  const forbidden = ["keep-alive", "te", "proxy-authorization", "proxy-connection", "trailer", "upgrade", "http2-settings", "x-secret"];
  it.each([
    [
      "hop by hop",
      "Connection: close, X-Secret\r\nX-Secret: 1\r\nTE: gzip\r\nKeep-Alive: 5\r\nProxy-Authorization: Basic x\r\nProxy-Connection: close\r\nTrailer: x\r\n",
    ],
    ["for another protocol", "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"],
    ["for another WebSocket", "Connection: close\r\nUpgrade: websocket\r\n"],
  ])("%s do not get through", async (_, headers) => {
    expect((await raw("GET /", headers)).status).toBe(200);
    expect(
      app
        .last()
        .headers.map(([name]) => name)
        .filter((name) => forbidden.includes(name)),
    ).toEqual([]);
  });

  it("Connection cannot take away what the mesh adds", async () => {
    await raw("GET /", "Connection: close, x-forwarded-host, x-forwarded-proto, via, traceparent, host\r\n");
    for (const name of ["x-forwarded-host", "x-forwarded-proto", "via", "traceparent", "host"])
      expect(valuesOf(app.last(), name), name).toHaveLength(1);
    expect(valuesOf(app.last(), "x-forwarded-host")).toEqual(["web.test"]);
  });

  it("of the mesh's own are not believed", async () => {
    await raw(
      "GET /",
      "X-Wayside-Reason: a\r\nx-wayside-instance: b\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Client-Cert: c\r\n",
    );
    expect(app.last().headers.filter(([name]) => name.startsWith("x-wayside-") || name === "x-forwarded-client-cert")).toEqual([]);
    expect([valuesOf(app.last(), "x-forwarded-host"), valuesOf(app.last(), "x-forwarded-proto")]).toEqual([["web.test"], ["http"]]);
  });

  it("several Cookie lines are one list", async () => {
    await raw("GET /", "Cookie: a=1\r\nCookie: b=2; c=3\r\n");
    expect(valuesOf(app.last(), "cookie")).toEqual(["a=1; b=2; c=3"]);
  });

  const id = "0af7651916cd43dd8448eb211c80319c";
  const good = `00-${id}-b7ad6b7169203331-01`;
  it.each([
    ["version ff", `traceparent: ff-${id}-b7ad6b7169203331-01\r\n`],
    ["zeros", "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n"],
    ["upper case", `traceparent: ${good.toUpperCase()}\r\n`],
    ["too much", `traceparent: ${good}-extra\r\n`],
    ["two of them", `traceparent: ${good}\r\ntraceparent: ${good.replace("31-", "32-")}\r\n`],
    ["64 KB of nothing", `traceparent: ${"-".repeat(4_000)}\r\n`],
  ])("a traceparent of %s starts a new trace", async (_, lines) => {
    expect((await raw("GET /", `${lines}tracestate: evil=1\r\n`)).status).toBe(200);
    const [parent = "", ...more] = valuesOf(app.last(), "traceparent");
    expect([parent, more]).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/), []]);
    expect(parent.includes(id) || valuesOf(app.last(), "tracestate").length > 0, parent).toBe(false);
  });

  it("1,000 of them pass or are refused, and bytes that are no text arrive as they were", async () => {
    expect((await raw("GET /", Array.from({ length: 1000 }, (_, index) => `X-${index}: 1\r\n`).join(""))).status).toBeOneOf([200, 431]);
    expect((await raw("GET /", "X-Bytes: \xff\xe9\r\n")).status).toBe(200);
    expect(valuesOf(app.last(), "x-bytes")).toEqual(["\xff\xe9"]);
  });
});

describe("one request is one request", () => {
  const smuggled = "GET /smuggled HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n";
  it.each([
    ["a length beside chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", `0\r\n\r\n${smuggled}`],
    ["two lengths", "Content-Length: 2\r\nContent-Length: 60\r\n", `ab${smuggled}`],
    ["a blank before the colon", "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", `0\r\n\r\n${smuggled}`],
    ["a coding that is none", "Transfer-Encoding: xchunked\r\n", `0\r\n\r\n${smuggled}`],
    ["a length that is none", "Content-Length: 5x\r\n", `abcde${smuggled}`],
    ["a header folded over two lines", "X-A: b\r\n Content-Length: 60\r\nContent-Length: 2\r\n", `ab${smuggled}`],
    ["lines that end in LF alone", "X-A: b\nContent-Length: 2\n", `ab${smuggled}`],
  ])("with %s", async (_, headers, rest) => {
    const before = app.received.length;
    const answer = await raw("POST /once", headers, rest);
    expect(answer.status).toBeOneOf([200, 400]);
    expect(app.received.slice(before).filter(({ url }) => url === "/smuggled")).toEqual([]);
  });

  it("CONNECT is not served, and TRACE reaches the application like any method", async () => {
    const before = app.received.length;
    expect((await raw("CONNECT web.test:80")).status).toBeGreaterThanOrEqual(400);
    expect(app.received).toHaveLength(before);
    expect((await raw("TRACE /", "Content-Length: 0\r\n")).status).toBe(200);
    expect(app.last().method).toBe("TRACE");
  });
});

describe("bodies of requests", () => {
  it.each([
    ["GET", "a=1"],
    ["GET", ""],
    ["HEAD", "x"],
    ["DELETE", "x"],
    ["OPTIONS", "x"],
    ["PATCH", "x"],
    ["PROPFIND", "x"],
  ])("%s may have the body %j", async (method, body) => {
    expect((await web("/any", { method, body, headers: { "content-length": String(body.length) } })).status).toBe(200);
    expect([app.last().method, app.last().body.toString(), app.last().end]).toEqual([method, body, "whole"]);
  });

  const breaks: [string, string][] = ["PUT", "POST", "DELETE"].flatMap((method) => [
    [method, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
    [method, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"],
    [method, "Content-Length: 100\r\n\r\nabc"],
    [method, "Content-Length: 100000\r\n\r\nabc"],
  ]);
  it.each(breaks)("a %s that breaks off is never whole to the application: %j", async (method, rest) => {
    const before = app.received.length;
    const socket = open(mesh.mesh);
    socket.write(`${method} /broken HTTP/1.1\r\nHost: web.test\r\n${rest}`);
    // What is larger than is kept for a retry, and what is not retried, is passed on as it comes.
    const streams = !(rest.includes("Content-Length: 100\r\n") && method !== "POST") && !rest.includes("zz");
    if (streams) await until("the beginning of the body", 5_000, async () => app.last().url === "/broken" && app.last().body.length === 3);
    const closed = once(socket, "close");
    socket.end();
    socket.resume();
    await closed;
    if (streams) await until("its end", 5_000, async () => app.received.slice(before).every(({ end }) => end !== undefined));
    expect(app.received.slice(before).map(({ end }) => end)).not.toContain("whole");
  });

  it.each<[string, Record<string, string>]>([
    ["POST", {}],
    ["PUT", {}],
    ["PUT", { "content-length": String(4 * block.length) }],
  ])("%s with %o streams", async (method, headers) => {
    const { hostname, port } = new URL(mesh.mesh);
    const outgoing = request({ hostname, port, method, path: "/stream", headers: { ...headers, host: "web.test" } });
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    outgoing.write(block);
    await until(
      "the first part is there, before there is a second",
      5_000,
      async () => app.last().url === "/stream" && app.last().body.length === block.length,
    );
    for (let part = 1; part < 4; part++) outgoing.write(block);
    outgoing.end();
    const [incoming] = await answered;
    incoming.resume();
    expect(incoming.statusCode).toBe(200);
    expect(app.last().body.equals(Buffer.concat([block, block, block, block]))).toBe(true);
  });

  // workerd was seen, rarely and on a busy machine, to hold such an answer back until the body ends.
  it("an answer that comes before the body's end is passed on", { timeout: 15_000 }, async () => {
    const socket = open(mesh.mesh);
    // Bodies that fit into 64 KiB are read first, for another attempt; this one is longer.
    socket.write("POST /early HTTP/1.1\r\nHost: web.test\r\nContent-Length: 100000\r\n\r\nabc");
    const [head] = (await once(socket, "data")) as [Buffer];
    expect(String(head)).toContain("413");
    socket.destroy();
  });
});
