/** Applications that misbehave: an answer is one answer, whole or visibly broken, and what can be made up for is. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { block, floodBlocks, startApplication, type Application } from "./harness/application.ts";
import { createMesh } from "./harness/resources.ts";
import { until } from "./harness/rest.ts";
import { exchange, open } from "./harness/socket.ts";
import { ask, type Ask } from "./harness/traffic.ts";
import { createHostileService, rawUpstream, type Upstream } from "./harness/upstream.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

let mesh: Mesh;
let app: Application;
const upstreams: Upstream[] = [];

const odd: Readonly<Record<string, string>> = {
  "/status-999": "HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nhi",
  "/no-http": "\x16\x03\x01\x02\x00\x01\r\n\r\n",
  "/nothing": "",
  "/two-lengths": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
  "/no-length": "HTTP/1.1 200 OK\r\n\r\nuntil the end",
  "/other-protocol": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\nzzz",
  "/early-hints": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
  "/status-text": "HTTP/1.1 200 \xff\xe9t\r\nContent-Length: 2\r\n\r\nhi",
  "/nul": "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nhi",
  "/1000-headers": `HTTP/1.1 200 OK\r\n${Array.from({ length: 1000 }, (_, index) => `X-${index}: 1\r\n`).join("")}Content-Length: 2\r\n\r\nhi`,
};

const web = (path: string, rest: Partial<Ask> = {}): ReturnType<typeof ask> => ask(mesh.mesh, { host: "web.test", path, ...rest });

/** The head of an answer whose body the test reads itself. */
async function begin(path: string): Promise<IncomingMessage> {
  const { hostname, port } = new URL(mesh.mesh);
  const [incoming] = (await once(request({ hostname, port, path, headers: { host: "web.test" } }).end(), "response")) as [IncomingMessage];
  return incoming;
}

async function service(name: string, of: readonly Upstream[], action?: Record<string, unknown>): Promise<void> {
  await createHostileService({ api: mesh.api, mesh: mesh.mesh, name, ports: of.map(({ port }) => port), ...(action && { action }) });
}

async function started<T extends Upstream>(starting: Promise<T>): Promise<T> {
  const upstream = await starting;
  upstreams.push(upstream);
  return upstream;
}

beforeAll(async () => {
  mesh = await startMesh();
  await createMesh(mesh.api, "demo");
  app = await started(startApplication());
  await service("web", [app], { timeout: "20s" });
  await service("odd", [await started(rawUpstream((path) => odd[path] ?? ""))]);
});
afterAll(async () => {
  expect((await web("/")).status, "it serves as before").toBe(200);
  expect(mesh.output()).not.toContain("internal error");
  expect(await mesh.stop()).toBe(0);
  await Promise.all(upstreams.map((upstream) => upstream.close()));
});

describe("answers", () => {
  it("that redirect are not followed", async () => {
    const answer = await web("/redirect");
    expect([answer.status, answer.headers["location"], answer.body]).toEqual([302, "http://127.0.0.1:9/elsewhere", "over there"]);
  });

  it("keep their cookies apart", async () => {
    const answer = await web("/cookies");
    expect(answer.headers["set-cookie"]).toEqual(["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"]);
  });

  it("lose what is for one connection, and what only the mesh may say", async () => {
    const { headers } = await web("/spoof");
    for (const name of ["x-hop", "proxy-authenticate", "x-wayside-reason"]) expect(headers).not.toHaveProperty(name);
    expect(headers["keep-alive"]).not.toBe("timeout=9");
  });

  it.each([
    ["GET", "/204", 204, undefined],
    ["GET", "/304", 304, undefined],
    ["HEAD", "/204", 204, undefined],
    ["HEAD", "/304", 304, undefined],
    ["HEAD", "/large", 200, "500000"],
  ])("to %s %s have no body", async (method, path, status, length) => {
    const answer = await web(path, { method });
    expect([answer.status, answer.body]).toEqual([status, ""]);
    if (length !== undefined) expect(answer.headers["content-length"]).toBe(length);
  });

  it("stream event by event", async () => {
    const incoming = await begin("/events");
    const [first] = (await once(incoming, "data")) as [Buffer];
    expect([incoming.headers["content-type"], String(first)]).toEqual(["text/event-stream", "data: one\n\n"]);
    // Its last event and its end may come in one piece.
    const ended = once(incoming, "end");
    app.release();
    const [second] = (await once(incoming, "data")) as [Buffer];
    expect(String(second)).toBe("data: two\n\n");
    await ended;
  });

  it("of 32 MiB arrive whole at a caller who reads slowly", async () => {
    const incoming = await begin("/flood");
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of incoming) {
      size += (chunk as Buffer).length;
      hash.update(chunk as Buffer);
      if (size % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const expected = createHash("sha256");
    for (let part = 0; part < floodBlocks; part++) expected.update(block);
    expect([size, hash.digest("hex")]).toEqual([floodBlocks * block.length, expected.digest("hex")]);
  });

  it("a WebSocket carries frames both ways", async () => {
    const socket = open(mesh.mesh);
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.write(
      "GET /socket HTTP/1.1\r\nHost: web.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await until("the handshake", 5_000, async () => text.includes("\r\n\r\n"));
    expect(text).toMatch(/^HTTP\/1\.1 101 .*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s);
    socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("hello")]));
    await until("the frame", 5_000, async () => text.includes("\x81\x05hello"));
    socket.destroy();
  });
});

describe("applications that fail", () => {
  it.each([
    ["/reset", 503, "upstream_connect_failure"],
    ["/nothing", 503, "upstream_connect_failure"],
    ["/no-http", 503, "upstream_connect_failure"],
    ["/two-lengths", 503, "upstream_connect_failure"],
    ["/nul", 503, "upstream_connect_failure"],
    ["/status-999", 502, "upstream_protocol_error"],
    ["/other-protocol", 502, "upstream_protocol_error"],
    ["/1000-headers", 502, "upstream_headers_too_large"],
  ])("%s gives %i %s", async (path, status, reason) => {
    const host = path === "/reset" ? "web.test" : "odd.test";
    const answer = await ask(mesh.mesh, { host, path });
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([status, reason]);
  });

  it.each([
    ["/no-length", "until the end"],
    ["/early-hints", "hi"],
    ["/status-text", "hi"],
  ])("%s is odd and fine", async (path, body) => {
    const { port } = new URL(mesh.mesh);
    const answer = await exchange(`http://127.0.0.1:${port}`, `GET ${path} HTTP/1.1\r\nHost: odd.test\r\nConnection: close\r\n\r\n`);
    expect([answer.status, answer.text.includes(body)]).toEqual([200, true]);
  });

  it.each(["/reset-in-body", "/reset-in-chunks"])("%s breaks the answer off, and never ends it", async (path) => {
    const incoming = await begin(path);
    incoming.once("data", () => app.release());
    await expect(once(incoming, "end")).rejects.toThrow("aborted");
    expect(
      app.received.filter(({ url }) => url === path),
      "no second attempt",
    ).toHaveLength(1);
  });

  it("a caller who goes away ends what is sent to him, at the application too", async () => {
    const incoming = await begin("/endless");
    await once(incoming, "data");
    incoming.destroy();
    await until("the application's answer is over", 2_000, async () => app.last().isOver);
  });

  it("no answer gives 504 when the route's time is over, and the application is told", async () => {
    await service("mute", [app], { timeout: "0.5s" });
    const answer = await ask(mesh.mesh, { host: "mute.test", path: "/never" });
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([504, "upstream_timeout"]);
    await until("the application's connection is over", 2_000, async () => app.last().isOver);
  });

  it("an answer that takes longer than the route's time is broken off", async () => {
    const begun = performance.now();
    await expect(ask(mesh.mesh, { host: "mute.test", path: "/endless" })).rejects.toThrow();
    expect(performance.now() - begun).toBeLessThan(3_000);
  });

  it("none that listens gives 503", async () => {
    const nobody = await startApplication();
    await nobody.close();
    await service("nobody", [nobody]);
    for (const method of ["GET", "POST"]) {
      const answer = await ask(mesh.mesh, { host: "nobody.test", method, body: method === "POST" ? "x" : "" });
      expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([503, "upstream_connect_failure"]);
    }
  });
});

describe("retries", () => {
  const never = (): void => undefined;
  const perTry = { retryConditions: ["5xx"], numRetries: 1, perTryTimeout: "0.3s" };

  it("of an attempt without an answer go to the other instance", async () => {
    const mute = await started(startApplication(never));
    await service("half", [mute, app], { timeout: "5s", retryPolicy: perTry });
    const replies = await Promise.all(Array.from({ length: 4 }, () => ask(mesh.mesh, { host: "half.test", path: "/half" })));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(mute.received.length).toBeGreaterThan(0);
    expect(app.received.filter(({ url }) => url === "/half")).toHaveLength(4);
  });

  it("end with 504 when no instance answers, long before the route's time is over", async () => {
    const mutes = [await started(startApplication(never)), await started(startApplication(never))];
    await service("mutes", mutes, { timeout: "20s", retryPolicy: perTry });
    const begun = performance.now();
    const answer = await ask(mesh.mesh, { host: "mutes.test", path: "/mutes" });
    expect([answer.status, answer.headers["x-wayside-reason"]]).toEqual([504, "upstream_timeout"]);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(mutes.map(({ received }) => received.length)).toEqual([1, 1]);
  });

  describe("with a body", () => {
    let vms: Application[];
    beforeAll(async () => {
      const sick = (): Promise<Application> =>
        started(startApplication((incoming, outgoing) => incoming.on("end", () => outgoing.writeHead(503).end("sick"))));
      vms = [await sick(), await sick()];
      await service("sick", vms, { retryPolicy: { retryConditions: ["gateway-error"], numRetries: 1 } });
    });

    const limit = 64 * 1024;
    it.each<[string, number, boolean, number]>([
      ["POST", 100, true, 2],
      ["POST", 100, false, 2],
      ["POST", limit, true, 2],
      ["POST", limit, false, 2],
      ["POST", limit + 1, true, 1],
      ["POST", limit + 1, false, 1],
      ["PUT", limit, false, 2],
      ["PUT", 20 * limit, false, 1],
    ])("%s of %i bytes, with a length: %s, is sent %i times, and whole", async (...[method, size, hasLength, times]) => {
      for (const vm of vms) vm.received.length = 0;
      const body = "0123456789".repeat(Math.ceil(size / 10)).slice(0, size);
      const headers: Record<string, string> = hasLength ? { "content-length": String(size) } : { "transfer-encoding": "chunked" };
      const answer = await ask(mesh.mesh, { host: "sick.test", method, body, headers });
      expect([answer.status, answer.body, answer.headers["x-wayside-reason"]]).toEqual([503, "sick", undefined]);
      expect(vms.flatMap((vm) => vm.received).map((one) => one.body.toString() === body)).toEqual(
        Array.from({ length: times }, () => true),
      );
    });
  });
});
