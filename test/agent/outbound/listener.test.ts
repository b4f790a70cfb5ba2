/** The outbound listener over real sockets: names of the mesh go to the mesh entry, all else where it would go anyway. */
import { execFile } from "node:child_process";
import { createServer, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OutboundListener, type OutboundOptions, startOutbound } from "#agent/outbound/listener.ts";
import type { Span } from "#telemetry/span.ts";
import { type Application, startApplication } from "../../blackbox/harness/application.ts";
import { until } from "../../blackbox/harness/rest.ts";
import { exchange } from "../../blackbox/harness/socket.ts";

const run = promisify(execFile);
const meshName = "cart.shop.mesh";
/** Stands for the mesh entry. */
let entry: Application;
/** Stands for everybody else. */
let other: Application;
let listener: OutboundListener;
let spans: Span[];

async function start(more: Partial<OutboundOptions> = {}): Promise<void> {
  const mesh = `http://127.0.0.1:${entry.port}`;
  listener = await startOutbound({ port: 0, mesh, isMeshName: (host) => host === meshName, onSpan: (span) => spans.push(span), ...more });
}

beforeEach(async () => {
  spans = [];
  [entry, other] = await Promise.all([startApplication(), startApplication()]);
  await start();
});
afterEach(async () => {
  await Promise.all([listener.close(), entry.close(), other.close()]);
});

const origin = (): string => `http://127.0.0.1:${listener.port}`;
const send = (line: string, host: string, more = ""): ReturnType<typeof exchange> =>
  exchange(origin(), `${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`);
const header = (app: Application, name: string): string[] =>
  app
    .last()
    .headers.filter(([each]) => each === name)
    .map(([, value]) => value);

describe("a name of the mesh", () => {
  it("is reached by curl with http_proxy, and by the port of the listener", async () => {
    const env = { ...process.env, http_proxy: origin(), no_proxy: "" };
    const { stdout } = await run("curl", ["-sS", "--max-time", "5", `http://${meshName}/a?b=1`], { env });
    expect(stdout).toBe("ok");
    expect([entry.last().url, header(entry, "host")]).toEqual(["/a?b=1", [meshName]]);
    const resolve = `${meshName}:${listener.port}:127.0.0.1`;
    await run("curl", ["-sS", "--max-time", "5", "--noproxy", "*", "--resolve", resolve, `http://${meshName}:${listener.port}/c`]);
    expect([entry.last().url, header(entry, "host")]).toEqual(["/c", [meshName]]);
    expect([other.received.length, listener.counts()]).toEqual([0, { mesh: 2 }]);
  });

  it("is reached through a tunnel, as WebSocket clients make it", async () => {
    const { stdout } = await run("curl", ["-sS", "--max-time", "5", "--proxytunnel", "-x", origin(), `http://${meshName}/t`]);
    expect([stdout, entry.last().url, header(entry, "host")]).toEqual(["ok", "/t", [meshName]]);
    expect((await exchange(origin(), `CONNECT ${meshName}:443 HTTP/1.1\r\nHost: ${meshName}:443\r\n\r\n`)).status).toBe(501);
  });

  it("gives 503 at once, in the mesh's own form, while the mesh entry is not there", async () => {
    await entry.close();
    const began = performance.now();
    const { status, text } = await send(`GET http://${meshName}/`, "x");
    expect(performance.now() - began).toBeLessThan(900);
    expect(status).toBe(503);
    expect(text).toMatch(/x-wayside-reason: mesh_unreachable\r\n/);
    const id = /x-wayside-id: ([0-9a-f]{32})/.exec(text)?.[1];
    expect(text).toContain(`\r\n\r\nwayside: mesh_unreachable: the mesh entry gives no answer (${id})\n`);
    expect(listener.counts()["mesh_unreachable"]).toBe(1);
    const direct = await send(`GET http://127.0.0.1:${other.port}/`, "x");
    expect(direct.status).toBe(200);
  });

  it("streams events, and its end is the end", async () => {
    const socket = connect(listener.port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.write(`GET http://${meshName}/events HTTP/1.1\r\nHost: ${meshName}\r\n\r\n`);
    await until("the first event", 2_000, async () => text.includes("data: one"));
    entry.release();
    await until("the second event", 2_000, async () => text.includes("data: two"));
    socket.write(`GET http://${meshName}/endless HTTP/1.1\r\nHost: ${meshName}\r\n\r\n`);
    await until("the drops", 2_000, async () => text.includes("drop"));
    socket.destroy();
    await until("the end", 2_000, async () => entry.last().isOver);
  });

  it("speaks WebSocket", async () => {
    const socket: Socket = connect(listener.port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket.write(`GET http://${meshName}/ws HTTP/1.1\r\nHost: ${meshName}\r\n${upgrade}\r\n`);
    await until("the handshake", 2_000, async () => text.includes("101 Switching"));
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    await until("the echo", 2_000, async () => text.endsWith("hi"));
    socket.destroy();
  });
});

describe("traces", () => {
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  it("pass on", async () => {
    await send(`GET http://${meshName}/`, "x", `traceparent: ${parent}\r\n`);
    const span = await until("a span", 2_000, async () => spans[0]);
    expect(span).toMatchObject({ kind: "client", traceId: "0af7651916cd43dd8448eb211c80319c", parentSpanId: "b7ad6b7169203331" });
    expect(header(entry, "traceparent")).toEqual([`00-${span.traceId}-${span.spanId}-01`]);
    expect(span.attributes["url.path"]).toBe("/");
  });

  it("begin, where spans are collected, and are left alone where they are not", async () => {
    await send(`GET http://${meshName}/`, "x");
    const span = await until("a span", 2_000, async () => spans[0]);
    expect(header(entry, "traceparent")[0]).toContain(span.traceId);
    const silent = await startOutbound({ port: 0, mesh: `http://127.0.0.1:${entry.port}`, isMeshName: () => true });
    const ask = (more: string) =>
      exchange(`http://127.0.0.1:${silent.port}`, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`);
    await ask("");
    expect(header(entry, "traceparent")).toEqual([]);
    await ask(`traceparent: ${parent}\r\n`);
    expect(header(entry, "traceparent")).toEqual([parent]);
    await silent.close();
  });
});

describe("any other name", () => {
  it("goes direct, in a proxy's form and by its Host", async () => {
    const host = `127.0.0.1:${other.port}`;
    expect((await send(`GET http://${host}/a`, "x")).status).toBe(200);
    expect([other.last().url, header(other, "host")]).toEqual(["/a", [host]]);
    expect((await send("GET /b", host)).status).toBe(200);
    expect([entry.received.length, listener.counts()]).toEqual([0, { direct: 2 }]);
  });

  it("passes through a tunnel byte for byte", async () => {
    const { stdout } = await run("curl", ["-sS", "--max-time", "5", "--proxytunnel", "-x", origin(), `http://127.0.0.1:${other.port}/t`]);
    expect([stdout, other.last().url, header(other, "via")]).toEqual(["ok", "/t", []]);
    expect(listener.counts()).toEqual({ tunnel: 1 });
  });

  it("that nobody answers for costs 502", async () => {
    const { port } = other;
    await other.close();
    expect((await send(`GET http://127.0.0.1:${port}/`, "x")).text).toContain("x-wayside-reason: upstream_connect_failure");
    expect((await exchange(origin(), `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: a\r\n\r\n`)).status).toBe(502);
  });
});

describe("loops", () => {
  it("end where they begin: by address, by a name that resolves to it, by a tunnel, and by way of another proxy", async () => {
    const { port } = listener;
    expect((await send(`GET http://127.0.0.1:${port}/`, "x")).status).toBe(508);
    expect((await send(`GET http://localhost:${port}/`, "x")).status).toBe(508);
    expect((await send(`GET http://2130706433:${port}/`, "x")).status).toBe(508);
    expect((await exchange(origin(), `CONNECT localhost:${port} HTTP/1.1\r\nHost: a\r\n\r\n`)).status).toBe(508);
    // A mesh entry that sends the request back to where it came from.
    const back = createServer((incoming: IncomingMessage, outgoing) => {
      const headers = { host: meshName, via: String(incoming.headers.via) };
      void fetch(`${origin()}/`, { headers }).then((response) => outgoing.writeHead(response.status).end());
    });
    await new Promise<void>((resolve) => back.listen(0, "127.0.0.1", resolve));
    const { port: backPort } = back.address() as { port: number };
    const isMeshName = (host: string): boolean => host === meshName || host === "127.0.0.1";
    await listener.close();
    await start({ mesh: `http://127.0.0.1:${backPort}`, isMeshName });
    expect((await send(`GET http://${meshName}/`, "x")).status).toBe(508);
    back.closeAllConnections();
    back.close();
  });
});

describe("options", () => {
  it.each([
    ["an address that others can reach", { address: "0.0.0.0" }, "loopback address only"],
    ["a name, of which it could not tell whether it is its own", { address: "localhost" }, "loopback address only"],
    ["a mesh that is no origin", { mesh: "http://127.0.0.1:1/path" }, "must be an origin"],
  ])("refuse %s", async (_, options, message) => {
    await expect(startOutbound({ port: 0, mesh: "http://127.0.0.1:1", isMeshName: () => false, ...options })).rejects.toThrow(message);
  });

  it("refuse what could be read in two ways, here too", async () => {
    const smuggled = await send(`POST http://${meshName}/`, "x", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n");
    expect(smuggled.status).toBe(400);
    expect((await send(`GET http://${meshName}/`, "x", "Host: y\r\n")).status).toBe(400);
    expect(entry.received).toEqual([]);
  });
});
