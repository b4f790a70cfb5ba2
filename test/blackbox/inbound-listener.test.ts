/** A VM behind an inbound listener: what the mesh sends arrives with its Host, what anybody else sends does not, and a key is changed without a failed request. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InboundListener, startInbound } from "#agent/inbound/listener.ts";
import { type Application, startApplication } from "./harness/application.ts";
import { compute, createMesh } from "./harness/resources.ts";
import { must, until } from "./harness/rest.ts";
import { exchange, open } from "./harness/socket.ts";
import { ask, startLoad } from "./harness/traffic.ts";
import { createHostileService } from "./harness/upstream.ts";
import { type Mesh, startMesh } from "./harness/wayside.ts";

const host = "guarded.test";
const first = "first-key-of-the-group";
const second = "second-key-of-the-group";
const secret = "/v1/projects/demo/secrets/guarded-key";

let mesh: Mesh;
let app: Application;
let listener: InboundListener;

const addVersion = (value: string): Promise<unknown> =>
  must(mesh.api, "POST", `${secret}:addVersion`, { payload: { data: Buffer.from(`${value}\n`).toString("base64") } });

const header = (name: string): string[] =>
  app
    .last()
    .headers.filter(([each]) => each === name)
    .map(([, value]) => value);

beforeAll(async () => {
  [mesh, app] = await Promise.all([startMesh(), startApplication()]);
  const address = "127.0.0.1";
  listener = await startInbound({
    listen: { address, port: 0 },
    app: { host: address, port: app.port },
    keys: [first],
    healthPath: "/healthz",
  });
  await createMesh(mesh.api, "demo");
  await createHostileService({ api: mesh.api, mesh: mesh.mesh, name: "guarded", ports: [listener.port] });
});
afterAll(async () => {
  await listener.close();
  await app.close();
  await mesh.stop();
});

describe("a VM behind an inbound listener", () => {
  it("is out of reach while the mesh does not sign", async () => {
    const reply = await ask(mesh.mesh, { host, path: "/a" });
    expect([reply.status, reply.headers["x-wayside-reason"]]).toEqual([403, undefined]);
    expect(app.received).toEqual([]);
  });

  it("costs 503 while the secret that the policy names is not there", async () => {
    const policy = { name: "guarded", target: "backendServices/guarded", inboundKey: "projects/demo/secrets/guarded-key" };
    await must(mesh.api, "POST", "/wayside/v1/projects/demo/trafficPolicies", policy);
    const reply = await until("503", 10_000, async () => {
      const each = await ask(mesh.mesh, { host, path: "/a" });
      return each.status === 503 && each;
    });
    expect(reply.headers["x-wayside-reason"]).toBe("secret_unavailable");
  });

  it("gets the mesh's requests, with the Host that they were made to", async () => {
    await must(mesh.api, "POST", "/v1/projects/demo/secrets?secretId=guarded-key", { replication: { automatic: {} } });
    await addVersion(first);
    await until("an answer", 10_000, async () => (await ask(mesh.mesh, { host, path: "/a" })).status === 200);
    const path = "/x%2Fy/%20z?q=%22a%22&b='|{}";
    const reply = await ask(mesh.mesh, { host, path, method: "POST", body: "hello", headers: { "x-wayside-signature": "forged" } });
    expect([reply.status, reply.body]).toEqual([200, "ok"]);
    expect([header("host"), app.last().body.toString(), header("x-wayside-signature")]).toEqual([[host], "hello", []]);
  });

  it("gets bodies that are too large to be kept", async () => {
    const body = "x".repeat(1_000_000);
    const reply = await ask(mesh.mesh, { host, path: "/upload", method: "POST", body });
    expect([reply.status, app.last().body.length]).toEqual([200, 1_000_000]);
    const chunked = await ask(mesh.mesh, { host, path: "/upload", method: "PUT", body, headers: { "transfer-encoding": "chunked" } });
    expect([chunked.status, app.last().body.length]).toEqual([200, 1_000_000]);
  });

  it("gets nothing else", async () => {
    const before = app.received.length;
    const url = `http://127.0.0.1:${listener.port}/a`;
    expect((await fetch(url)).status).toBe(403);
    const copied = await exchange(url, `GET /a HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Host: ${host}\r\nConnection: close\r\n\r\n`);
    expect(copied.status).toBe(403);
    expect(copied.text).toContain("takes requests of the mesh only");
    expect(app.received.length).toBe(before);
  });

  it("speaks WebSocket through the mesh, and large bodies pass", async () => {
    const upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const socket = open(mesh.mesh);
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.write(`GET /ws HTTP/1.1\r\nHost: ${host}\r\n${upgrade}\r\n`);
    await until("the handshake", 5_000, async () => text.includes("101 Switching"));
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    await until("the echo", 5_000, async () => text.endsWith("hi"));
    socket.destroy();
    const events = await ask(mesh.mesh, { host, path: "/large" });
    expect(events.body.length).toBe(500_000);
  });

  it("is healthy to probers without a key", async () => {
    const base = compute("demo");
    const check = { name: "guarded-hc", type: "HTTP", checkIntervalSec: 1, timeoutSec: 1, healthyThreshold: 1 };
    const httpHealthCheck = { portSpecification: "USE_SERVING_PORT", requestPath: "/healthz" };
    await must(mesh.api, "POST", `${base}/global/healthChecks`, { ...check, httpHealthCheck });
    await must(mesh.api, "PATCH", `${base}/global/backendServices/guarded`, { healthChecks: ["global/healthChecks/guarded-hc"] });
    await until("a probe", 10_000, async () => (listener.counts()["health"] ?? 0) > 0);
    await until("an answer", 10_000, async () => (await ask(mesh.mesh, { host, path: "/a" })).status === 200);
  });

  it("keeps answering while its key is changed", async () => {
    const load = startLoad(mesh.mesh, { host, path: "/load" }, 50);
    listener.setKeys([second, first]);
    await addVersion(second);
    // The agent's old key is let go when the proxies have the new version.
    await until("the new version", 10_000, async () => {
      const { proxies } = await must(mesh.api, "GET", "/wayside/v1/projects/demo/status");
      return proxies.every((proxy: { state: string }) => proxy.state === "SYNCED");
    });
    expect((await load.stop()).failures).toEqual({});
    listener.setKeys([second]);
    await until("an answer", 10_000, async () => (await ask(mesh.mesh, { host, path: "/a" })).status === 200);
    expect(mesh.output()).not.toContain(first);
  });
});
