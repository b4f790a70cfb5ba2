import http from "node:http";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { attributesOf } from "./collector.ts";
import type { Instance, startInstance } from "./instance.ts";
import { eventually, serviceOf, useMesh } from "./mesh-harness.ts";

const mesh = useMesh();

describe("bodies and responses pass as they are", () => {
  const large = Buffer.alloc(300_000, "wayside ");
  let app: Instance;

  beforeAll(async () => {
    app = await mesh.instance("127.20.1.1", (request, response, body) => {
      switch (String(request.url)) {
        case "/gzip": {
          const packed = gzipSync("hello hello hello");
          response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length });
          return void response.end(packed);
        }
        case "/cookies":
          response.writeHead(201, "Made", {
            "set-cookie": ["a=1", "b=2"],
            "x-wayside-reason": "spoofed",
            connection: "x-hop",
            "x-hop": "1",
          });
          return void response.end("ok");
        case "/large":
          response.writeHead(200, { "content-length": large.length });
          return void response.end(large);
        case "/chunks":
          response.write("one,");
          return void setTimeout(() => response.end("two"), 50);
        case "/redirect":
          return void response.writeHead(302, { location: "http://elsewhere.mesh/" }).end();
        case "/empty":
          return void response.writeHead(204).end();
        case "/short":
          response.writeHead(200, { "content-length": 100 });
          response.write("abc");
          return void setTimeout(() => response.destroy(), 50);
        case "/cut":
          response.writeHead(200);
          response.write("abc");
          return void setTimeout(() => response.destroy(), 50);
        default:
          return void response.end(body);
      }
    });
    await mesh.publish(serviceOf("bodies.mesh", [app], { timeoutMs: 5_000 }));
  });

  test("compressed", async () => {
    const answer = await mesh.ask("bodies.mesh", "/gzip", { headers: { "accept-encoding": "gzip" } });
    expect(answer.headers["content-encoding"]).toBe("gzip");
    expect(answer.body).toEqual(gzipSync("hello hello hello"));
  });

  test("status, several cookies, and no header of the mesh's own", async () => {
    const answer = await mesh.ask("bodies.mesh", "/cookies");
    expect(answer.status).toBe(201);
    expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(answer.headers).not.toHaveProperty("x-wayside-reason");
    expect(answer.headers).not.toHaveProperty("x-hop");
    expect(answer.headers.via).toContain("1.1 wayside");
  });

  test.each(["/large", "/chunks", "/redirect", "/empty"])("%s", async (path) => {
    const direct = await new Promise<http.IncomingMessage & { text?: string }>((resolve) =>
      http.get({ host: app.address, port: app.port, path }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve(Object.assign(response, { text })));
      }),
    );
    const answer = await mesh.ask("bodies.mesh", path);
    expect(answer.status).toBe(direct.statusCode);
    expect(answer.body.toString()).toBe(direct.text);
    expect(answer.headers["content-length"]).toBe(direct.headers["content-length"]);
    expect(answer.headers.location).toBe(direct.headers.location);
  });

  test("the length of what HEAD does not send", async () => {
    const answer = await mesh.ask("bodies.mesh", "/large", { method: "HEAD" });
    expect(answer.headers["content-length"]).toBe(String(large.length));
    expect(answer.body).toHaveLength(0);
  });

  test.each([
    ["small", "x"],
    ["large", large],
    ["chunked", ["one", "two", "three"]],
  ] as const)("a %s request", async (_, body) => {
    for (const method of ["POST", "PUT"]) {
      const answer = await mesh.ask("bodies.mesh", "/echo", { method, body });
      expect(answer.body).toEqual(Buffer.isBuffer(body) ? body : Buffer.from([body].flat().join("")));
      expect(app.received.at(-1)?.headers["content-length"]).toBe(Array.isArray(body) ? undefined : String(body.length));
    }
  });

  test.each(["/short", "/cut"])("%s breaks off, and is a broken span", async (path) => {
    // Where the break comes before the head was flushed, the connection ends without one.
    const isBroken = await mesh.ask("bodies.mesh", path).then(
      (answer) => answer.isBroken,
      () => true,
    );
    expect(isBroken).toBe(true);
    const span = await eventually(() => mesh.spans.find((each) => each.kind === 2 && attributesOf(each)["url.path"] === path));
    expect(attributesOf(span)["error.type"]).toBe("response_broken");
    expect(span.status.code).toBe(2);
  });

  test("a WebSocket", async () => {
    const socket = mesh.connect();
    socket.write(
      "GET /ws HTTP/1.1\r\nHost: bodies.mesh\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let text = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => (text = Buffer.concat([text, chunk])));
    await eventually(() => text.includes(Buffer.from([0x81, 2, 0x68, 0x69])));
    expect(text.toString("latin1")).toMatch(/^HTTP\/1\.1 101 /);
    socket.destroy();
  });
});

describe("when an instance fails", () => {
  test("its death is not seen by those who ask for what may be done twice", async () => {
    const backends = [await mesh.instance("127.20.2.1"), await mesh.instance("127.20.2.2"), await mesh.instance("127.20.2.3")];
    await mesh.publish(serviceOf("dying.mesh", backends));
    for (let request = 0; request < 6; request++) expect((await mesh.ask("dying.mesh", "/")).status).toBe(200);
    backends[1]?.kill();
    for (let request = 0; request < 12; request++) {
      expect((await mesh.ask("dying.mesh", "/")).status).toBe(200);
      expect((await mesh.ask("dying.mesh", "/", { method: "PUT", body: "x" })).status).toBe(200);
    }
    const posts = await Promise.all(Array.from({ length: 6 }, () => mesh.ask("dying.mesh", "/", { method: "POST", body: "x" })));
    const refused = posts.filter((answer) => answer.status === 503);
    expect(refused).toHaveLength(2);
    for (const answer of refused) expect(answer.headers["x-wayside-reason"]).toBe("upstream_connect_failure");
  });

  test("a retry policy sends the same body to another instance, and counts", async () => {
    const fail: Parameters<typeof startInstance>[1] = (_, response) => void response.writeHead(503).end("sick");
    const sick = [
      await mesh.instance("127.20.3.1", fail),
      await mesh.instance("127.20.3.2", fail),
      await mesh.instance("127.20.3.3", fail),
    ];
    await mesh.publish(serviceOf("retry.mesh", sick, { retry: { conditions: ["gateway-error"], retries: 2 } }));
    const answer = await mesh.ask("retry.mesh", "/", { method: "POST", body: "same" });
    expect([answer.status, answer.body.toString(), answer.headers["x-wayside-reason"]]).toEqual([503, "sick", undefined]);
    for (const each of sick) expect(each.received.map(({ body }) => body.toString())).toEqual(["same"]);
    await mesh.ask("retry.mesh", "/", { method: "POST", body: "x".repeat(70 * 1024) });
    expect(sick.reduce((count, each) => count + each.received.length, 0)).toBe(4);
    await mesh.ask("retry.mesh", "/", { method: "POST", body: ["chunk ", "by ", "chunk"] });
    expect(sick.map((each) => each.received.at(-1)?.body.toString())).toEqual(Array.from({ length: 3 }, () => "chunk by chunk"));
  });

  test("silence ends with the route's timeout, or is tried elsewhere after the attempt's", async () => {
    const silent = await mesh.instance("127.20.4.1", () => undefined);
    const well = await mesh.instance("127.20.4.2");
    await mesh.publish(serviceOf("silent.mesh", [silent], { timeoutMs: 200 }));
    const answer = await mesh.ask("silent.mesh", "/");
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([504, "upstream_timeout"]);
    const retry = { conditions: ["5xx"], retries: 1, perTryTimeoutMs: 500 } as const;
    await mesh.publish(serviceOf("impatient.mesh", [silent, well], { retry }));
    for (let request = 0; request < 4; request++) expect((await mesh.ask("impatient.mesh", "/")).status).toBe(200);
  });

  test("a body that dribbles is cut by the route's timeout", async () => {
    const timers = new Set<NodeJS.Timeout>();
    const slow = await mesh.instance("127.20.5.1", (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write("x"), 50);
      timers.add(timer);
      response.on("close", () => (clearInterval(timer), timers.delete(timer)));
    });
    await mesh.publish(serviceOf("slow.mesh", [slow], { timeoutMs: 400 }));
    const answer = await mesh.ask("slow.mesh", "/");
    expect(answer.isBroken).toBe(true);
    await eventually(() => timers.size === 0);
  });
});

test("a caller that goes away while the body comes takes the upstream's connection along", async () => {
  let isClosed = false;
  const endless = await mesh.instance("127.20.10.1", (_, response) => {
    const timer = setInterval(() => response.write("x".repeat(1000)), 20);
    response.on("close", () => {
      clearInterval(timer);
      isClosed = true;
    });
  });
  await mesh.publish(serviceOf("leaving.mesh", [endless], { timeoutMs: 0 }));
  const socket = mesh.connect();
  socket.write("GET / HTTP/1.1\r\nHost: leaving.mesh\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
  await eventually(() => isClosed);
});

describe("traces", () => {
  test("the caller's trace goes on through SERVER and CLIENT mesh.spans to the instance", async () => {
    const app = await mesh.instance("127.20.6.1");
    const dead = await mesh.instance("127.20.6.2");
    dead.kill();
    await mesh.publish(serviceOf("traced.mesh", [app, dead]));
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (let request = 0; request < 2; request++)
      await mesh.ask("traced.mesh", "/pay?card=4111-1111-1111", {
        headers: { traceparent, tracestate: "a=1 , b=2", authorization: "Bearer canary-77" },
      });
    const clients = await eventually(() => {
      const found = mesh.spans.filter((span) => span.kind === 3 && attributesOf(span)["wayside.service"] === "traced.mesh");
      return found.length >= 3 && found;
    });
    const servers = mesh.spans.filter((span) => span.kind === 2 && attributesOf(span)["wayside.service"] === "traced.mesh");
    expect(servers).toHaveLength(2);
    for (const server of servers) {
      expect([server.traceId, server.parentSpanId]).toEqual(["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]);
      const attributes = Object.fromEntries(server.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
      expect(attributes).toMatchObject({
        "http.request.method": "GET",
        "url.path": "/pay",
        "url.scheme": "http",
        "server.address": "traced.mesh",
        "http.response.status_code": "200",
        "wayside.service": "traced.mesh",
        "wayside.rule": "httpRoutes/test rule 0",
        "wayside.backend_service": "app",
        "wayside.instance": "vm-0",
      });
      expect(attributes["wayside.generation"]).toMatch(/^\d+$/);
      expect(clients.filter((client) => client.parentSpanId === server.spanId).length).toBeGreaterThan(0);
    }
    const retried = clients.filter((client) => attributesOf(client)["http.request.resend_count"] === "1");
    expect(retried.length).toBeGreaterThan(0);
    expect(clients.some((client) => attributesOf(client)["error.type"] === "lost")).toBe(true);
    for (const { headers } of app.received) {
      const [, traceId, parentId, flags] = String(headers["traceparent"]).split("-");
      expect(clients.some((client) => client.traceId === traceId && client.spanId === parentId)).toBe(true);
      expect(flags).toBe("01");
      expect(headers["tracestate"]).toBe("a=1,b=2");
    }
    for (const body of mesh.exported) expect(body).not.toMatch(/4111-1111|canary-77/);
  });
});
