/** Instances that nothing but their own outbound WebSocket reaches: the same requests, limits, retries, health and traces as any other. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Application, block, floodBlocks, startApplication } from "./harness/application.ts";
import { startCollector, type Collector } from "./harness/collector.ts";
import { createMesh } from "./harness/resources.ts";
import { until } from "./harness/rest.ts";
import { ask, begin, headOf, textOf } from "./harness/traffic.ts";
import { createTunneledService, startTunnelAgent, type TunnelAgent } from "./harness/tunnel.ts";
import { httpUpstream, rawUpstream } from "./harness/upstream.ts";
import { startMesh, type Mesh } from "./harness/wayside.ts";

let collector: Collector;
let mesh: Mesh;
let app: Application;
let other: Application;
const agents: TunnelAgent[] = [];

async function agent(group: string, instance: string, port: number): Promise<TunnelAgent> {
  const started = await startTunnelAgent(mesh, { group, instance, port });
  agents.push(started);
  return started;
}

const handshake = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

beforeAll(async () => {
  collector = await startCollector();
  mesh = await startMesh(["--otlp", collector.url]);
  app = await startApplication();
  other = await startApplication((incoming, outgoing) => void incoming.resume().on("end", () => outgoing.end("other")));
  await createMesh(mesh.api, "demo");
  await createTunneledService(mesh, { name: "web", instances: [{ name: "web-1", port: app.port }] });
  await agent("web", "web-1", app.port);
});
afterAll(async () => {
  await Promise.all(agents.map((each) => each.end("SIGKILL")));
  await mesh.stop();
  await Promise.all([app.close(), other.close(), collector.close()]);
});

describe("requests", () => {
  it("arrive as they do without a tunnel, and with the caller's own Host", async () => {
    const reply = await ask(mesh.mesh, { host: "web.test", path: "/a%2fb?c=d&c=e", headers: { "x-one": "1" } });
    expect([reply.status, reply.body]).toEqual([200, "ok"]);
    const { method, url, headers } = app.last();
    expect([method, url]).toEqual(["GET", "/a%2fb?c=d&c=e"]);
    expect(Object.fromEntries(headers)).toMatchObject({
      host: "web.test",
      "x-forwarded-host": "web.test",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      via: "1.1 wayside",
      "x-one": "1",
    });
  });

  it("are part of the caller's trace, with the instance in their span", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    await ask(mesh.mesh, { host: "web.test", path: "/traced", headers: { traceparent } });
    expect(app.last().headers.find(([name]) => name === "traceparent")?.[1]).toMatch(`00-${traceId}-`);
    const spans = await until("the spans", 10_000, async () => {
      const found = collector.spans.filter((span) => span.traceId === traceId);
      return found.length >= 2 && found;
    });
    expect(JSON.stringify(spans)).toContain("web-1");
  });

  it("carry bodies of any size, with a length and without", async () => {
    const body = "0123456789abcdef".repeat(40_000);
    expect((await ask(mesh.mesh, { host: "web.test", path: "/", method: "POST", body })).status).toBe(200);
    expect([app.last().body.length, app.last().end]).toEqual([body.length, "whole"]);
    const chunked = begin(mesh.mesh, { host: "web.test", method: "POST", path: "/chunked" });
    for (let part = 0; part < 100; part++) chunked.write(block);
    chunked.end();
    expect((await headOf(chunked)).statusCode).toBe(200);
    expect(app.last().body.equals(Buffer.concat(Array.from({ length: 100 }, () => block)))).toBe(true);
  });

  it.each([
    ["/204", 204, 0],
    ["/304", 304, 0],
    ["/redirect", 302, 10],
    ["/large", 200, 500_000],
  ])("%s is answered as the application answers", async (path, status, length) => {
    const reply = await ask(mesh.mesh, { host: "web.test", path });
    expect([reply.status, reply.body.length]).toEqual([status, length]);
  });

  it("keep cookies apart, and drop what is of one connection or only the mesh may say", async () => {
    const incoming = await headOf(begin(mesh.mesh, { host: "web.test", path: "/cookies" }).end());
    expect(incoming.headers["set-cookie"]).toHaveLength(2);
    const spoofed = await ask(mesh.mesh, { host: "web.test", path: "/spoof" });
    expect([spoofed.headers["x-hop"], spoofed.headers["x-wayside-reason"]]).toEqual([undefined, undefined]);
  });

  it("HEAD has the length and no body", async () => {
    const reply = await ask(mesh.mesh, { host: "web.test", path: "/large", method: "HEAD" });
    expect([reply.status, reply.headers["content-length"], reply.body]).toEqual([200, "500000", ""]);
  });

  it("events come as they happen", async () => {
    const incoming = await headOf(begin(mesh.mesh, { host: "web.test", path: "/events" }).end());
    expect(String((await once(incoming, "data"))[0])).toBe("data: one\n\n");
    app.release();
    expect(String((await once(incoming, "data"))[0])).toBe("data: two\n\n");
  });

  it("large answers come whole and in order, and their reader's pace is the application's", async () => {
    const incoming = await headOf(begin(mesh.mesh, { host: "web.test", path: "/flood" }).end());
    const hash = createHash("sha256");
    for await (const chunk of incoming) hash.update(chunk as Buffer);
    const expected = createHash("sha256");
    for (let part = 0; part < floodBlocks; part++) expected.update(block);
    expect(hash.digest("hex")).toBe(expected.digest("hex"));
  });

  it("200 are under way at a time", async () => {
    const begun = Array.from({ length: 200 }, async () => {
      const incoming = await headOf(begin(mesh.mesh, { host: "web.test", path: "/endless" }).end());
      await once(incoming, "data");
      return incoming;
    });
    const streams = await Promise.all(begun);
    // None waits for another, and one more finds its way between them.
    expect((await ask(mesh.mesh, { host: "web.test", path: "/between" })).status).toBe(200);
    for (const stream of streams) stream.destroy();
    await until("the application's answers are over", 10_000, async () =>
      app.received.filter(({ url }) => url === "/endless").every(({ isOver }) => isOver),
    );
  });

  it("of slow readers do not hold up the others", async () => {
    const slow = await Promise.all(Array.from({ length: 20 }, () => headOf(begin(mesh.mesh, { host: "web.test", path: "/flood" }).end())));
    for (const each of slow) each.pause();
    const begun = performance.now();
    for (let round = 0; round < 20; round++) expect((await ask(mesh.mesh, { host: "web.test", path: "/quick" })).status).toBe(200);
    expect((await ask(mesh.mesh, { host: "web.test", path: "/large" })).body).toHaveLength(500_000);
    expect(performance.now() - begun).toBeLessThan(5_000);
    for (const each of slow) each.destroy();
  });

  it("whose caller goes away are ended at the application", async () => {
    const waiting = begin(mesh.mesh, { host: "web.test", path: "/never" });
    waiting.end();
    await until("the application is asked", 5_000, async () => app.last().url === "/never");
    const asked = app.last();
    expect(asked.isOver).toBe(false);
    waiting.socket?.resetAndDestroy();
    await until("its connection is over", 5_000, async () => asked.isOver);
  });

  it("become WebSockets, with the application's own handshake, until either end closes", async () => {
    const outgoing = begin(mesh.mesh, { host: "web.test", path: "/socket", headers: handshake }).end();
    const [incoming, socket] = (await once(outgoing, "upgrade")) as [IncomingMessage, Socket];
    expect(incoming.headers["sec-websocket-accept"]).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let heard = "";
    socket.on("data", (bytes: Buffer) => (heard += bytes.toString("latin1"))).on("error", () => undefined);
    for (const said of ["hello", "again"]) {
      socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from(said)]));
      await until("the echo", 5_000, async () => heard.endsWith(`\x81\x05${said}`));
    }
    const asked = app.last();
    expect(Object.fromEntries(asked.headers)).toMatchObject({ host: "web.test", upgrade: "websocket", "sec-websocket-version": "13" });
    socket.destroy();
    await until("the application's connection is over", 10_000, async () => asked.isOver);
  });

  it("to become a WebSocket are answered as the application answers, when it does not", async () => {
    const plain = await httpUpstream((_, answer) => void answer.writeHead(403).end("not here"));
    await createTunneledService(mesh, { name: "plain", instances: [{ name: "plain-1", port: plain.port }] });
    await agent("plain", "plain-1", plain.port);
    const incoming = await headOf(begin(mesh.mesh, { host: "plain.test", headers: handshake }).end());
    expect([incoming.statusCode, await textOf(incoming)]).toEqual([403, "not here"]);
    await plain.close();
  });
});

describe("applications that fail", () => {
  it("a connection that is lost within an answer breaks the answer off", async () => {
    const incoming = await headOf(begin(mesh.mesh, { host: "web.test", path: "/reset-in-body" }).end());
    await once(incoming, "data");
    app.release();
    await expect(textOf(incoming)).rejects.toThrow("aborted");
  });

  it("a connection that is lost before the answer is 502", async () => {
    const reply = await ask(mesh.mesh, { host: "web.test", path: "/reset", method: "POST", body: "x" });
    expect([reply.status, reply.headers["x-wayside-reason"]]).toEqual([502, "upstream_reset"]);
  });

  it("what no peer would take of one caller or application costs nobody else the tunnel", async () => {
    const odd = await rawUpstream((path) => {
      const many = Array.from({ length: 1_500 }, (_, at) => `a${at}: b\r\n`).join("");
      const ends: Record<string, string> = {
        "/status": "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        "/switch": "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: odd\r\n\r\n",
        "/many": `HTTP/1.1 200 OK\r\n${many}Content-Length: 0\r\n\r\n`,
        "/control": "HTTP/1.1 200 OK\r\nx: \x01\r\nContent-Length: 0\r\n\r\n",
        "/text": "HTTP/1.1 200 OK\r\nx-utf: \xc3\xa9\r\nx-latin: \xe9\r\nContent-Length: 0\r\n\r\n",
      };
      return ends[path] ?? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    });
    await createTunneledService(mesh, { name: "odd", instances: [{ name: "odd-1", port: odd.port }] });
    const { states } = await agent("odd", "odd-1", odd.port);
    for (const path of ["/status", "/switch", "/many", "/control"])
      expect([path, (await ask(mesh.mesh, { host: "odd.test", path })).status]).toEqual([path, 502]);
    const text = await ask(mesh.mesh, { host: "odd.test", path: "/text" });
    expect([text.headers["x-utf"], text.headers["x-latin"]]).toEqual(["\xc3\xa9", "\xc3\xa9"]);
    const bytes = Buffer.from("é😀").toString("latin1");
    expect((await ask(mesh.mesh, { host: "web.test", path: "/said", headers: { "x-said": bytes } })).status).toBe(200);
    expect(app.last().headers.find(([name]) => name === "x-said")?.[1]).toBe(bytes);
    expect(states).toEqual([{ state: "connected" }]);
    await odd.close();
  });

  it("a port on which nobody listens is a failed connection, and one that the agent does not serve is none of the mesh's business", async () => {
    const gone = await startApplication();
    const ports = [gone.port, other.port];
    await gone.close();
    for (const [index, port] of ports.entries()) {
      const name = `port-${index}`;
      await createTunneledService(mesh, { name, instances: [{ name, port }] });
      await agent(name, name, gone.port);
      const reply = await ask(mesh.mesh, { host: `${name}.test` });
      expect([reply.status, reply.headers["x-wayside-reason"]]).toEqual([503, "upstream_connect_failure"]);
    }
    expect(other.received).toHaveLength(0);
  });
});
