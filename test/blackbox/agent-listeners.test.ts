/** The listeners of an agent: what reaches the VM's application, what the VM's programs reach, and one agent after the other behind them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { Resolver } from "node:dns/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, instances, processesWith, startAgent, tokenOf, type AgentProcess } from "./harness/agents.ts";
import { startApplication, type Application } from "./harness/application.ts";
import { startCollector, type Collector } from "./harness/collector.ts";
import { must, until } from "./harness/rest.ts";
import { exchange, open } from "./harness/socket.ts";
import { ask, startLoad, watchFor } from "./harness/traffic.ts";
import { startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const host = "hello.shop.mesh";
const scratch = mkdtempSync(join(tmpdir(), "wayside-listeners-"));
const keyFile = join(scratch, "key");
const first = "first-key-of-the-group";
const second = "second-key-of-the-group";
const secret = "/v1/projects/demo/secrets/hello-key";

let mesh: Mesh;
let collector: Collector;
let app: Application;
let agent: AgentProcess;
let ports: Record<"app" | "inbound" | "outbound" | "resolver", number>;

const addVersion = (value: string): Promise<unknown> =>
  must(mesh.api, "POST", `${secret}:addVersion`, { payload: { data: Buffer.from(value).toString("base64") } });
const serves = () => until("an answer", 15_000, async () => (await ask(mesh.mesh, { host })).status === 200);
const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
const viaOutbound = (url: string): Promise<{ status: number; text: string }> =>
  exchange(`http://127.0.0.1:${ports.outbound}`, `GET ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nConnection: close\r\n\r\n`);

async function status(): Promise<{ requests: { inbound: { passed: number } } }> {
  const { stdout } = await wayside(["agent", "status", "--state", agent.folder, "-o", "json"]);
  return JSON.parse(stdout) as { requests: { inbound: { passed: number } } };
}

/** One through the mesh to the application, which sends back what it is told. */
async function openWebSocket(): Promise<{ says(two: string): Promise<unknown>; close(): void }> {
  const socket = open(mesh.mesh);
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  const upgrade =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  socket.write(`GET /ws HTTP/1.1\r\nHost: ${host}\r\n${upgrade}\r\n`);
  await until("the handshake", 5_000, () => Promise.resolve(text.includes("101 Switching")));
  return {
    says: (two) => {
      const seen = text.length;
      socket.write(Buffer.concat([Buffer.from([0x81, 0x82, 0, 0, 0, 0]), Buffer.from(two)]));
      return until(`the echo of ${two}`, 5_000, () => Promise.resolve(text.slice(seen).endsWith(two)));
    },
    close: () => void socket.destroy(),
  };
}

beforeAll(async () => {
  const state = ["--state", join(scratch, "mesh")];
  [mesh, collector, app] = await Promise.all([startMesh(state), startCollector(), startApplication()]);
  const applied = await wayside(["apply", "-f", "examples/agent/hello.yaml"], { env: { WAYSIDE_API: mesh.api } });
  expect(applied.status, applied.stderr).toBe(0);
  await must(mesh.api, "POST", "/v1/projects/demo/secrets?secretId=hello-key", { replication: { automatic: {} } });
  await addVersion(first);
  const policy = { name: "hello", target: "backendServices/hello", inboundKey: "projects/demo/secrets/hello-key" };
  await must(mesh.api, "POST", "/wayside/v1/projects/demo/trafficPolicies", policy);
  writeFileSync(keyFile, first);
  ports = { app: app.port, inbound: await freePort(), outbound: await freePort(), resolver: await freePort() };
  agent = startAgent({
    api: mesh.api,
    folder: join(scratch, "agent"),
    port: ports.app,
    token: await tokenOf(mesh.api, "hello"),
    more: `--inbound ${ports.inbound} --inbound-key-file ${keyFile} --health-path /healthz --outbound ${ports.outbound} --mesh-entry ${mesh.mesh} --resolver ${ports.resolver} --otlp ${collector.url}`.split(
      " ",
    ),
    command: [],
  });
  await agent.said(/is healthy: the mesh may send it requests/);
  await serves();
});

afterAll(async () => {
  if (agent.process.exitCode === null) agent.process.kill("SIGTERM");
  await agent.ended();
  await mesh.stop();
  await Promise.all([collector.close(), app.close()]);
  rmSync(scratch, { recursive: true, force: true });
});

describe("inbound", () => {
  it("is what is registered, and says so", async () => {
    expect(agent.output()).toContain(`inbound listener at 127.0.0.1:${ports.inbound}, to 127.0.0.1:${ports.app}`);
    expect(agent.output()).toMatch(new RegExp(`registered \\S+ in \\S+ at 127.0.0.1, port ${ports.inbound}\n`));
    expect(await status()).toMatchObject({
      inbound: `127.0.0.1:${ports.inbound}, to 127.0.0.1:${ports.app}`,
      outbound: `127.0.0.1:${ports.outbound}, to ${mesh.mesh}`,
      resolver: `127.0.0.1:${ports.resolver}`,
    });
  });

  it("restores Host for the mesh, refuses everybody else, and records a span", async () => {
    expect(await ask(mesh.mesh, { host, path: "/seen" })).toMatchObject({ status: 200, body: "ok" });
    expect(app.received.find(({ url }) => url === "/seen")?.headers).toContainEqual(["host", host]);
    const stranger = await fetch(`http://127.0.0.1:${ports.inbound}/seen`);
    expect([stranger.status, await stranger.text()]).toEqual([403, expect.stringContaining("not signed by a proxy")]);
    expect(await fetch(`http://127.0.0.1:${ports.inbound}/healthz`)).toMatchObject({ status: 403 });
    await until("a SERVER span of the listener", 10_000, () =>
      Promise.resolve(collector.bodies.some((each) => each.includes("wayside-agent") && each.includes("/seen"))),
    );
  });

  it("takes a new key from its file while requests come, and none fails", async () => {
    const load = startLoad(mesh.mesh, { host }, 50);
    writeFileSync(`${keyFile}.old`, first);
    writeFileSync(keyFile, "short");
    await agent.said(/the inbound listener keeps its keys: .*16 bytes/);
    writeFileSync(keyFile, first);
    const { failures, ok } = await load.stop();
    expect(failures).toEqual({});
    expect(ok).toBeGreaterThan(20);
    writeFileSync(keyFile, second);
    await agent.said(/the keys of the inbound listener have changed/);
    expect((await ask(mesh.mesh, { host })).status).toBe(403);
    await addVersion(second);
    await serves();
  });
});

describe("outbound", () => {
  it("reaches services by their names, which the VM's own session may ask for, and all else directly", async () => {
    const service = await viaOutbound(`http://${host}/by-name`);
    const direct = await viaOutbound(`http://127.0.0.1:${ports.app}/directly`);
    expect([service.status, direct.status]).toEqual([200, 200]);
    expect(app.received.map(({ url }) => url)).toEqual(expect.arrayContaining(["/by-name", "/directly"]));
  });

  it("is where names of the mesh lead to by the resolver", async () => {
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${ports.resolver}`]);
    expect(await resolver.resolve4(host)).toEqual(["127.0.0.1"]);
    await expect(resolver.resolve4("no.such.name.invalid")).rejects.toThrow();
  });
});

describe("an agent after the other", () => {
  it("takes over five times in a row: no request fails either way, a WebSocket stays, and the counts go on", async () => {
    const passed = async (): Promise<number> => (await status()).requests.inbound.passed;
    const before = await passed();
    const socket = await openWebSocket();
    const inward = startLoad(mesh.mesh, { host }, 200);
    const outward = startLoad(`http://127.0.0.1:${ports.outbound}`, { host }, 20);
    for (let turn = 0; turn < 5; turn++) {
      const upgraded = await wayside(["agent", "upgrade", "--state", agent.folder]);
      expect(upgraded.status, upgraded.stderr).toBe(0);
      await socket.says("hi");
    }
    const results = [await inward.stop(), await outward.stop()];
    expect(results.map(({ failures }) => failures)).toEqual([{}, {}]);
    expect(results[0]?.ok).toBeGreaterThan(200);
    // Those that an agent finished after it had handed over are not among them.
    expect(await passed()).toBeGreaterThan(before + 0.8 * (results[0]?.ok ?? 0));
    await until("the sixth epoch", 5_000, async () => (await instances(mesh.api))[0]?.connection?.epoch === 6);
    expect(await instances(mesh.api)).toMatchObject([{ health: "HEALTHY", connection: { state: "CONNECTED" } }]);
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${ports.resolver}`]);
    expect(await resolver.resolve4(host)).toEqual(["127.0.0.1"]);
    // Longer than kept connections are waited for: only the end of the socket itself ends it.
    await watchFor(7_000);
    await socket.says("ho");
    socket.close();
  });

  it("leaves within seconds, and no port stays open", async () => {
    const began = performance.now();
    expect((await wayside(["agent", "leave", "--state", agent.folder])).status).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    await until("no process", 10_000, () => Promise.resolve(processesWith(agent.folder).length === 0));
    const left = await Promise.all([ports.inbound, ports.outbound, ports.resolver].map(isOpen));
    expect(left).toEqual([false, false, false]);
    expect(await instances(mesh.api)).toEqual([]);
  });
});

describe("what cannot be is refused before anything is registered", () => {
  it.each([
    [["--inbound", "9"], "--inbound needs --inbound-key-file"],
    [["--outbound"], "--outbound needs --mesh-entry"],
    [["--inbound", "nowhere"], "it is a port, or ADDRESS:PORT"],
    [["--inbound-key-file", "x"], "say --inbound, too"],
    [["--inbound", "9", "--inbound-key-file", "x", "--tunnel"], "exclude each other"],
    [["--resolver", "9053"], "--resolver needs --outbound"],
    [["--inbound", "9009", "--inbound-key-file", join(scratch, "nothing")], "nothing cannot be read"],
    [["--inbound", "192.0.2.1:9009", "--inbound-key-file", "package.json"], "192.0.2.1:9009 is none of this machine"],
  ])("%j", async (more, message) => {
    const join1 = ["agent", "join", "--mesh", mesh.api, "--state", join(scratch, "refused"), "--port", "9010", ...more];
    const { status, stderr } = await wayside([...join1, "--token", "wjt_none", "--", "sleep", "60"]);
    expect(status).not.toBe(0);
    expect(stderr).toContain(message);
    expect(processesWith("sleep 60")).toEqual([]);
  });
});
