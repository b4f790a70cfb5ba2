/** Instances that nothing but their own outbound WebSocket reaches: the same requests, limits, retries, health and traces as any other. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { frameLimits } from "#tunnel/frame.ts";
import { protocol } from "#tunnel/protocol.ts";
import { type Application, block, floodBlocks, startApplication } from "./harness/application.ts";
import { startCollector, type Collector } from "./harness/collector.ts";
import { compute, createMesh } from "./harness/resources.ts";
import { call, must, until } from "./harness/rest.ts";
import { ask } from "./harness/traffic.ts";
import { createTunneledService, session, startLink, startTunnelAgent, type TunnelAgent, tunnelPath } from "./harness/tunnel.ts";
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

interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

/** Begins a request and leaves it to the test. */
function open(host: string, { headers, ...options }: Asking = {}): ClientRequest {
  const outgoing = request(mesh.mesh, { agent: false, ...options, headers: { host, ...headers } });
  return outgoing.on("error", () => undefined);
}

async function headOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  return incoming;
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming) text += String(chunk);
  return text;
}

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
    const chunked = open("web.test", { method: "POST", path: "/chunked" });
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
    const incoming = await headOf(open("web.test", { path: "/cookies" }).end());
    expect(incoming.headers["set-cookie"]).toHaveLength(2);
    const spoofed = await ask(mesh.mesh, { host: "web.test", path: "/spoof" });
    expect([spoofed.headers["x-hop"], spoofed.headers["x-wayside-reason"]]).toEqual([undefined, undefined]);
  });

  it("HEAD has the length and no body", async () => {
    const reply = await ask(mesh.mesh, { host: "web.test", path: "/large", method: "HEAD" });
    expect([reply.status, reply.headers["content-length"], reply.body]).toEqual([200, "500000", ""]);
  });

  it("events come as they happen", async () => {
    const incoming = await headOf(open("web.test", { path: "/events" }).end());
    expect(String((await once(incoming, "data"))[0])).toBe("data: one\n\n");
    app.release();
    expect(String((await once(incoming, "data"))[0])).toBe("data: two\n\n");
  });

  it("large answers come whole and in order, and their reader's pace is the application's", async () => {
    const incoming = await headOf(open("web.test", { path: "/flood" }).end());
    const hash = createHash("sha256");
    for await (const chunk of incoming) hash.update(chunk as Buffer);
    const expected = createHash("sha256");
    for (let part = 0; part < floodBlocks; part++) expected.update(block);
    expect(hash.digest("hex")).toBe(expected.digest("hex"));
  });

  it("200 are under way at a time", async () => {
    const begun = Array.from({ length: 200 }, async () => {
      const incoming = await headOf(open("web.test", { path: "/endless" }).end());
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
    const slow = await Promise.all(Array.from({ length: 20 }, () => headOf(open("web.test", { path: "/flood" }).end())));
    for (const each of slow) each.pause();
    const begun = performance.now();
    for (let round = 0; round < 20; round++) expect((await ask(mesh.mesh, { host: "web.test", path: "/quick" })).status).toBe(200);
    expect((await ask(mesh.mesh, { host: "web.test", path: "/large" })).body).toHaveLength(500_000);
    expect(performance.now() - begun).toBeLessThan(5_000);
    for (const each of slow) each.destroy();
  });

  it("whose caller goes away are ended at the application", async () => {
    const waiting = open("web.test", { path: "/never" });
    waiting.end();
    await until("the application is asked", 5_000, async () => app.last().url === "/never");
    const asked = app.last();
    expect(asked.isOver).toBe(false);
    waiting.socket?.resetAndDestroy();
    await until("its connection is over", 5_000, async () => asked.isOver);
  });

  it("become WebSockets, with the application's own handshake, until either end closes", async () => {
    const outgoing = open("web.test", { path: "/socket", headers: handshake }).end();
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
    const incoming = await headOf(open("plain.test", { headers: handshake }).end());
    expect([incoming.statusCode, await textOf(incoming)]).toEqual([403, "not here"]);
    await plain.close();
  });
});

describe("applications that fail", () => {
  it("a connection that is lost within an answer breaks the answer off", async () => {
    const incoming = await headOf(open("web.test", { path: "/reset-in-body" }).end());
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

describe("agents", () => {
  it("one that is killed within a request ends the request at once: 502, and 503 as long as it is away", async () => {
    await createTunneledService(mesh, { name: "alone", instances: [{ name: "alone-1", port: app.port }] });
    const killed = await agent("alone", "alone-1", app.port);
    const waiting = ask(mesh.mesh, { host: "alone.test", path: "/never", method: "POST", body: "x" });
    await until("the application is asked", 5_000, async () => app.last().url === "/never");
    const answering = await headOf(open("alone.test", { path: "/endless" }).end());
    await once(answering, "data");
    const killedAtMs = performance.now();
    await killed.end("SIGKILL");
    const reply = await waiting;
    expect([reply.status, reply.headers["x-wayside-reason"]]).toEqual([502, "upstream_reset"]);
    await expect(textOf(answering)).rejects.toThrow("aborted");
    expect(performance.now() - killedAtMs).toBeLessThan(3_000);
    const away = await ask(mesh.mesh, { host: "alone.test" });
    expect([away.status, away.headers["x-wayside-reason"]]).toEqual([503, "upstream_connect_failure"]);
    await agent("alone", "alone-1", app.port);
    expect((await ask(mesh.mesh, { host: "alone.test" })).status).toBe(200);
  });

  it("one whose network is cut ends the requests at once, and comes back by itself", async () => {
    const link = await startLink(mesh.api);
    await createTunneledService(mesh, { name: "cut", instances: [{ name: "cut-1", port: app.port }] });
    const cut = await startTunnelAgent(mesh, { group: "cut", instance: "cut-1", port: app.port, api: link.api });
    agents.push(cut);
    const answering = await headOf(open("cut.test", { path: "/endless" }).end());
    await once(answering, "data");
    const asked = app.last();
    link.cut();
    await expect(textOf(answering)).rejects.toThrow("aborted");
    await until("the application's answer is over", 5_000, async () => asked.isOver);
    expect((await ask(mesh.mesh, { host: "cut.test" })).status).toBe(503);
    await until("it has tried in vain", 10_000, async () => cut.states.filter(({ state }) => state === "lost").length >= 2);
    link.mend();
    await until("it is back", 15_000, async () => (await ask(mesh.mesh, { host: "cut.test" })).status === 200);
    link.close();
  });

  it("with a retry policy and a second instance nobody notices", async () => {
    const retryPolicy = { retryConditions: ["reset", "connect-failure"], numRetries: 2 };
    const instances = [
      { name: "both-1", port: app.port },
      { name: "both-2", port: other.port },
    ];
    await createTunneledService(mesh, { name: "both", instances, action: { retryPolicy } });
    const killed = await agent("both", "both-1", app.port);
    await agent("both", "both-2", other.port);
    const replies = Array.from({ length: 6 }, () => ask(mesh.mesh, { host: "both.test", path: "/never", method: "POST", body: "x" }));
    await until("both are asked", 10_000, async () => app.last().url === "/never" && other.received.length > 0);
    await killed.end("SIGKILL");
    expect(new Set((await Promise.all(replies)).map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(["200 other"]));
  });

  it("stand beside instances that are reached directly, in one group", async () => {
    const instances = [
      { name: "mixed-1", port: app.port },
      { name: "mixed-2", port: other.port, address: "127.0.0.1" },
    ];
    await createTunneledService(mesh, { name: "mixed", instances });
    await agent("mixed", "mixed-1", app.port);
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await ask(mesh.mesh, { host: "mixed.test" })).body));
    expect(new Set(bodies)).toEqual(new Set(["ok", "other"]));
  });

  it("their health is that of the application behind the tunnel", async () => {
    const check = {
      name: "through",
      type: "HTTP",
      checkIntervalSec: 1,
      timeoutSec: 1,
      healthyThreshold: 1,
      unhealthyThreshold: 1,
      httpHealthCheck: { portSpecification: "USE_SERVING_PORT", requestPath: "/healthz" },
    };
    await must(mesh.api, "POST", `${compute("demo")}/global/healthChecks`, check);
    const more = { healthChecks: ["global/healthChecks/through"] };
    await createTunneledService(mesh, { name: "checked", instances: [{ name: "checked-1", port: other.port }], more });
    const health = async (): Promise<unknown> => {
      const { instances } = (await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances")) as {
        instances: { name: string; health: string; address: string }[];
      };
      return instances.find(({ name }) => name === "checked-1")?.health;
    };
    const first = await agent("checked", "checked-1", other.port);
    await until("it is healthy", 15_000, async () => (await health()) === "HEALTHY");
    await until("it is asked", 10_000, async () => (await ask(mesh.mesh, { host: "checked.test" })).status === 200);
    await first.end("SIGKILL");
    await until("it is not healthy", 15_000, async () => (await health()) === "TIMEOUT");
    await until("it is asked no more", 10_000, async () => {
      const reply = await ask(mesh.mesh, { host: "checked.test" });
      return reply.headers["x-wayside-reason"] === "no_healthy_endpoints" || reply.status === 503;
    });
  });

  it("a newer one takes over from the older without a failed request, and the older does not come back", async () => {
    await createTunneledService(mesh, { name: "handed", instances: [{ name: "handed-1", port: app.port }] });
    const older = await agent("handed", "handed-1", app.port);
    const slow = await headOf(open("handed.test", { path: "/events" }).end());
    expect(String((await once(slow, "data"))[0])).toBe("data: one\n\n");
    const newer = await agent("handed", "handed-1", app.port);
    for (let round = 0; round < 10; round++) expect((await ask(mesh.mesh, { host: "handed.test" })).status).toBe(200);
    expect(older.states.at(-1)?.state).toBe("connected");
    app.release();
    expect(await textOf(slow)).toBe("data: two\n\n");
    await older.is("replaced");
    expect(newer.states).toEqual([{ state: "connected" }]);
    expect((await ask(mesh.mesh, { host: "handed.test" })).status).toBe(200);
  });

  it("one that leaves finishes what it has", async () => {
    await createTunneledService(mesh, { name: "left", instances: [{ name: "left-1", port: app.port }] });
    const leaving = await agent("left", "left-1", app.port);
    const slow = await headOf(open("left.test", { path: "/events" }).end());
    expect(String((await once(slow, "data"))[0])).toBe("data: one\n\n");
    const ended = leaving.end("SIGTERM");
    await until("it takes no more", 5_000, async () => (await ask(mesh.mesh, { host: "left.test" })).status === 503);
    app.release();
    expect(await textOf(slow)).toBe("data: two\n\n");
    expect(await ended).toBe(0);
    expect(leaving.states.at(-1)?.state).toBe("closed");
  });
});

describe("who connects", () => {
  it("must be no page of the web", async () => {
    const headers = { authorization: `Bearer ${session}`, origin: "https://evil.example" };
    expect((await fetch(mesh.api + tunnelPath("web", "web-1"), { headers })).status).toBe(403);
  });

  it("must speak the protocol", async () => {
    const response = await fetch(mesh.api + tunnelPath("web", "web-1"), { headers: { authorization: `Bearer ${session}` } });
    expect([response.status, await response.text()]).toEqual([426, expect.stringContaining(protocol)]);
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>, number]>([
    ["text", "hello", 1003],
    ["bytes that are no frames", new Uint8Array([255, 1, 2]), 1002],
    ["a message that is too large", new Uint8Array(frameLimits.message + 1), 1009],
  ])("and sends %s is closed with a reason", async (_what, message, code) => {
    const name = `hostile-${code}`;
    await createTunneledService(mesh, { name, instances: [{ name, port: app.port }] });
    const socket = new WebSocket(mesh.api.replace("http", "ws") + tunnelPath(name, name), {
      protocols: [protocol],
      headers: { authorization: `Bearer ${session}` },
    });
    await once(socket, "open");
    const closed = once(socket, "close") as unknown as Promise<[CloseEvent]>;
    socket.send(message);
    const [{ code: given, reason }] = await closed;
    expect(given).toBe(code);
    expect(reason).not.toBe("");
    expect((await ask(mesh.mesh, { host: `${name}.test` })).status).toBe(503);
  });

  it("is told in the API where its instance is", async () => {
    const { instances } = await must(mesh.api, "GET", "/wayside/v1/projects/demo/instances");
    expect(instances.find(({ name }: { name: string }) => name === "web-1").address).toBe("web-1.web.us-central1-a.tunnel");
    const wrong = await call(mesh.api, "POST", "/wayside/v1/projects/demo/instances", { group: "web", tunnel: "yes" });
    expect([wrong.status, wrong.body.error.message]).toEqual([400, expect.stringContaining("tunnel")]);
  });
});
