/** The inbound listener over real sockets: what is the mesh's passes with its Host, nothing else does. */
import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type InboundListener, type InboundOptions, startInbound } from "#agent/inbound/listener.ts";
import type { Span } from "#telemetry/span.ts";
import { type Application, startApplication } from "../../blackbox/harness/application.ts";
import { until } from "../../blackbox/harness/rest.ts";
import { exchange, open } from "../../blackbox/harness/socket.ts";
import { httpUpstream } from "../../blackbox/harness/upstream.ts";
import { authority, key, signedFields, signedLines } from "./signing.ts";

const host = "127.0.0.1";
let app: Application;
let listener: InboundListener;
let spans: Span[];

async function start(more: Partial<InboundOptions> = {}): Promise<void> {
  const onSpan = (span: Span): void => void spans.push(span);
  const attributes = { "service.name": "cart" };
  const options = { listen: { address: host, port: 0 }, app: { host, port: app.port }, keys: [key], attributes, onSpan };
  listener = await startInbound({ ...options, ...more });
}

beforeEach(async () => {
  spans = [];
  app = await startApplication();
  await start();
});
afterEach(async () => {
  await listener.close();
  await app.close();
});

const origin = (): string => `http://${host}:${listener.port}`;

async function ask(path: string, init: RequestInit & { wish?: Parameters<typeof signedFields>[1] } = {}): Promise<Response> {
  const method = init.method ?? "GET";
  const headers = { ...(await signedFields(path, { method, ...init.wish })), ...(init.headers as Record<string, string>) };
  return fetch(`${origin()}${path}`, { redirect: "manual", ...init, headers });
}

const header = (name: string): string[] =>
  app
    .last()
    .headers.filter(([each]) => each === name)
    .map(([, value]) => value);

describe("who may pass", () => {
  it("is a request that a proxy signed, with the Host that it is meant for", async () => {
    const response = await ask("/hello?a=1&b=%2F");
    expect([response.status, await response.text()]).toEqual([200, "ok"]);
    expect(app.last().url).toBe("/hello?a=1&b=%2F");
    expect(header("host")).toEqual([authority]);
    expect(header("x-wayside-signature")).toEqual([]);
    expect(listener.counts()).toEqual({ passed: 1 });
  });

  it.each([
    ["unsigned", {}],
    ["forged", { wish: { key: "another-key-0123456789" } }],
    ["forged", { wish: { method: "POST" } }],
    ["forged", { wish: { nowMs: Date.now() }, headers: { "x-forwarded-host": "admin.shop.mesh" } }],
    ["clock", { wish: { nowMs: Date.now() - 12 * 60_000 } }],
    ["malformed", { headers: { "x-wayside-signature": "v2,whatever" } }],
  ] as const)("is nobody else: %s, %o", async (reason, init) => {
    const response = reason === "unsigned" ? await fetch(`${origin()}/x`) : await ask("/x", init);
    expect(response.status).toBe(403);
    expect(response.headers.get("x-wayside-reason")).toBe(reason);
    expect(await response.text()).toMatch(/^wayside: \w+: [^\n]+\n$/);
    expect(app.received).toEqual([]);
    expect(listener.counts()).toEqual({ [reason]: 1 });
  });

  it("is no signature for another path, and none twice", async () => {
    const headers = await signedFields("/a");
    expect((await fetch(`${origin()}/b`, { headers })).headers.get("x-wayside-reason")).toBe("forged");
    expect((await fetch(`${origin()}/a`, { headers })).status).toBe(200);
    expect((await fetch(`${origin()}/a`, { headers })).headers.get("x-wayside-reason")).toBe("replayed");
    expect(app.received.length).toBe(1);
  });

  it.each([-600, 600])("is the mesh although this VM's clock is wrong by %i s", async (seconds) => {
    await listener.close();
    await start({ clock: { now: () => Date.now() + seconds * 1000 } });
    expect((await ask("/")).status).toBe(200);
  });

  it("is whoever has the previous key, while keys change, and not after", async () => {
    const next = "the-next-key-of-the-group";
    listener.setKeys([next, key]);
    expect((await ask("/")).status).toBe(200);
    expect((await ask("/", { wish: { key: next } })).status).toBe(200);
    listener.setKeys([next]);
    expect((await ask("/")).status).toBe(403);
    expect(() => listener.setKeys(["short"])).toThrow("at least 16 bytes");
  });

  it("is a prober, at exactly the health check's path", async () => {
    await listener.close();
    await start({ healthPath: "/healthz" });
    const headers = { "user-agent": "Wayside-HC/1.0" };
    expect((await fetch(`${origin()}/healthz`, { headers })).status).toBe(200);
    expect(listener.counts()).toEqual({ health: 1 });
    for (const [path, init] of [
      ["/healthz?x", { headers }],
      ["/", { headers }],
      ["/healthz", {}],
      ["/healthz", { headers, method: "POST" }],
    ] as const)
      expect((await fetch(`${origin()}${path}`, init)).status, path).toBe(403);
    expect(app.received.length).toBe(1);
  });
});

describe("what passes", () => {
  it("is the body of a request, of either framing, and none is made up", async () => {
    await ask("/", { method: "POST", body: "counted" });
    expect([app.last().body.toString(), header("content-length"), header("transfer-encoding")]).toEqual(["counted", ["7"], []]);
    const stream = new Blob(["chunked"]).stream();
    await ask("/", { method: "POST", body: stream, duplex: "half" } as RequestInit);
    expect([app.last().body.toString(), header("content-length"), header("transfer-encoding")]).toEqual(["chunked", [], ["chunked"]]);
    await ask("/", { method: "POST" });
    expect([header("content-length"), header("transfer-encoding")]).toEqual([["0"], []]);
    await ask("/");
    expect([header("content-length"), header("transfer-encoding")]).toEqual([[], []]);
  });

  it("is no field of the connection", async () => {
    const lines = `Connection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 3\r\nTE: trailers\r\nX-End: 1\r\n${await signedLines("/spoof")}`;
    const { status, text } = await exchange(origin(), `GET /spoof HTTP/1.1\r\nHost: vm\r\n${lines}\r\n`);
    expect(status).toBe(200);
    expect(["x-hop", "keep-alive", "te", "x-end"].map((name) => header(name).length)).toEqual([0, 0, 0, 1]);
    expect(text.toLowerCase()).not.toMatch(/x-hop|proxy-authenticate|timeout=9/);
  });

  it("are status, cookies and bodies of answers as they are", async () => {
    expect((await ask("/redirect")).headers.get("location")).toBe("http://127.0.0.1:9/elsewhere");
    expect((await ask("/cookies")).headers.getSetCookie().length).toBe(2);
    expect((await ask("/204")).status).toBe(204);
    expect((await (await ask("/large")).arrayBuffer()).byteLength).toBe(500_000);
  });

  it("are events one by one, as they happen", async () => {
    const reader = (await ask("/events")).body?.getReader();
    const next = async (): Promise<string> => Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(await next()).toBe("data: one\n\n");
    app.release();
    expect(await next()).toBe("data: two\n\n");
  });

  it("is the first part of a request's body before the second is sent", async () => {
    const { port } = listener;
    const headers = await signedFields("/never", { method: "POST" });
    const sending = request({ host, port, path: "/never", method: "POST", headers, agent: false });
    sending.on("error", () => undefined);
    sending.write("first");
    await until("the first part", 2_000, async () => app.received.at(-1)?.body.toString() === "first");
    sending.destroy();
    await until("its end", 2_000, async () => app.last().end === "aborted");
  });

  it("is that the caller went away: the application's request ends", async () => {
    const controller = new AbortController();
    const { body } = await ask("/endless", { signal: controller.signal });
    await body?.getReader().read();
    controller.abort();
    await until("the end", 2_000, async () => app.last().isOver);
    await until("the span", 2_000, async () => listener.counts()["passed"] === 1);
  });

  it("is that the application broke off", async () => {
    const response = await ask("/reset-in-body");
    app.release();
    await expect(response.text()).rejects.toThrow();
  });

  it("are several requests on one connection", async () => {
    const one = `GET /a HTTP/1.1\r\nHost: vm\r\n${await signedLines("/a")}\r\n`;
    const two = `GET /b HTTP/1.1\r\nHost: vm\r\nConnection: close\r\n${await signedLines("/b")}\r\n`;
    const { text } = await exchange(origin(), one + two);
    expect(text.match(/HTTP\/1\.1 200/g)?.length).toBe(2);
    expect(app.received.map(({ url }) => url)).toEqual(["/a", "/b"]);
  });

  it("is a WebSocket, both ways, until either side ends it", async () => {
    const socket = connect(listener.port, host);
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    const upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    socket.write(`GET /ws HTTP/1.1\r\nHost: vm\r\n${upgrade}${await signedLines("/ws")}\r\n`);
    await until("the handshake", 2_000, async () => text.includes("101 Switching") && text.includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    await until("the echo", 2_000, async () => text.endsWith("hi"));
    expect(header("host")).toEqual([authority]);
    socket.destroy();
    await listener.close();
  });

  it("is that the application does not switch protocols: its answer, and the end of the connection", async () => {
    const plain = await httpUpstream((_, outgoing) => outgoing.writeHead(426, { "x-app": "1" }).end("no"));
    await listener.close();
    await start({ app: { host, port: plain.port } });
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const { status, text } = await exchange(origin(), `GET /ws HTTP/1.1\r\nHost: vm\r\n${upgrade}${await signedLines("/ws")}\r\n`);
    expect([status, text.includes("x-app: 1")]).toEqual([426, true]);
    expect((await exchange(origin(), `GET /ws HTTP/1.1\r\nHost: vm\r\n${upgrade}\r\n`)).status).toBe(403);
    await plain.close();
  });

  it("is nothing of a caller that sends bytes which are no request while it gets an answer", async () => {
    const socket = open(origin());
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.write(`GET /events HTTP/1.1\r\nHost: vm\r\n${await signedLines("/events")}\r\n`);
    await until("the first event", 2_000, async () => text.includes("data: one"));
    socket.write("\0garbage\r\n\r\n");
    await until("the end", 2_000, async () => app.last().isOver);
    expect(text).not.toContain("400");
    socket.destroy();
  });

  it("is 100 Continue, for requests of the mesh", async () => {
    const body = "POST / HTTP/1.1\r\nHost: vm\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n";
    const passed = await exchange(origin(), `${body}${await signedLines("/", { method: "POST" })}\r\nhi`);
    expect(passed.text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
    expect((await exchange(origin(), `${body}\r\n`)).status).toBe(403);
  });
});

describe("an application that is not there", () => {
  it("is a lost connection to the mesh, as it would be without the listener", async () => {
    await app.close();
    const { status } = await exchange(origin(), `GET / HTTP/1.1\r\nHost: vm\r\n${await signedLines("/")}\r\n`);
    expect(status).toBe(0);
    expect(listener.counts()).toEqual({ passed: 1, app_failed: 1 });
  });

  it("is made up for where it closed a kept connection", async () => {
    await app.close();
    const closing = await startApplication((incoming, outgoing) => {
      outgoing.end("ok");
      // After the answer, and without having said so.
      outgoing.on("finish", () => setImmediate(() => incoming.socket.destroy()));
    });
    await listener.close();
    await start({ app: { host, port: closing.port } });
    for (let count = 0; count < 20; count++) expect((await ask(`/${count}`)).status).toBe(200);
    await closing.close();
  });
});

describe("spans", () => {
  it("continue the proxy's trace, and the application continues theirs", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    await (await ask("/hello?secret=1", { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } })).text();
    const span = await until("a span", 2_000, async () => spans[0]);
    expect(span).toMatchObject({ traceId, parentSpanId: "b7ad6b7169203331", kind: "server", name: "GET" });
    expect(span.attributes).toMatchObject({ "service.name": "cart", "url.path": "/hello", "http.response.status_code": 200 });
    expect(header("traceparent")).toEqual([`00-${traceId}-${span.spanId}-01`]);
  });

  it("are not made of what is not recorded", async () => {
    await ask("/", { headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00" } });
    expect(spans).toEqual([]);
  });
});

describe("limits", () => {
  it("bound the time of a head, and of a body that stands still", async () => {
    await listener.close();
    await start({ limits: { headMs: 100, bodyIdleMs: 100 } });
    expect((await exchange(origin(), "GET / HTTP/1.1\r\nHos")).status).toBe(408);
    const head = `POST / HTTP/1.1\r\nHost: vm\r\nContent-Length: 9\r\n${await signedLines("/", { method: "POST" })}\r\n`;
    expect((await exchange(origin(), `${head}abc`)).status).toBe(408);
    await until("the end of the request", 2_000, async () => app.last().end === "aborted");
  });

  it("bound the number of fields and their bytes", async () => {
    const head = `GET / HTTP/1.1\r\nHost: vm\r\n${await signedLines("/")}`;
    expect((await exchange(origin(), `${head}${"x: 1\r\n".repeat(200)}\r\n`)).status).toBe(431);
    expect((await exchange(origin(), `${head}x: ${"1".repeat(140_000)}\r\n\r\n`)).status).toBe(431);
    expect(app.received).toEqual([]);
    expect(listener.counts()).toEqual({ headers_too_large: 2 });
  });

  it("let requests under way end when it is closed in peace", async () => {
    const answer = ask("/events");
    const response = await answer;
    const closing = listener.close({ graceMs: 5_000 });
    app.release();
    expect(await response.text()).toContain("two");
    await closing;
    await expect(fetch(origin())).rejects.toThrow();
  });
});
