/** VMs that join: the documented commands, a VM's whole life, what goes wrong, and one agent after the other. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ControlPlane } from "#agent/control-plane.ts";
import { Identity } from "#agent/identity.ts";
import { freePort, instances, processesWith, startAgent, tokenOf, watched, type AgentProcess } from "./harness/agents.ts";
import { call, must, until } from "./harness/rest.ts";
import { ask, startLoad } from "./harness/traffic.ts";
import { root, startMesh, wayside, type Mesh } from "./harness/wayside.ts";

const host = "hello.shop.mesh";
const scratch = mkdtempSync(join(tmpdir(), "wayside-agents-"));
const started: AgentProcess[] = [];
let mesh: Mesh;
let folders = 0;

const newFolder = (): string => join(scratch, String(folders++));

async function agent(
  more: { token?: string; folder?: string; port?: number; more?: readonly string[] } = {},
): Promise<AgentProcess & { port: number }> {
  const { folder = newFolder(), port = await freePort() } = more;
  const one = startAgent({ api: mesh.api, folder, port, ...more });
  started.push(one);
  return { ...one, port };
}

/** One that has joined and takes requests. */
async function joined(): Promise<AgentProcess & { port: number; name: string }> {
  const one = await agent({ token: await tokenOf(mesh.api, "hello") });
  const [, name = ""] = await one.said(/registered (\S+) in /);
  await one.said(/is healthy: the mesh may send it requests/);
  return { ...one, name };
}

const row = async (name: string) => (await instances(mesh.api)).find((one) => one.name === name);
const tell = (one: AgentProcess, command: string) => wayside(["agent", command, "--state", one.folder, "-o", "json"]);
const serves = () => until("an answer", 10_000, async () => (await ask(mesh.mesh, { host })).status === 200);
const servesNot = () => until("no endpoint", 15_000, async () => (await ask(mesh.mesh, { host })).status === 503);

beforeAll(async () => {
  mesh = await startMesh(["--state", join(scratch, "mesh")]);
  const applied = await wayside(["apply", "-f", "examples/agent/hello.yaml"], { env: { WAYSIDE_API: mesh.api } });
  expect(applied.status, applied.stderr).toBe(0);
});

afterAll(async () => {
  for (const one of started) if (one.process.exitCode === null) one.process.kill("SIGTERM");
  await Promise.all(started.map((one) => one.ended()));
  await mesh.stop();
  rmSync(scratch, { recursive: true, force: true });
});

describe("docs/agent.md", () => {
  it("has three commands for the first VM, and one for each further one", async () => {
    const text = readFileSync(join(root, "docs/agent.md"), "utf8");
    const [dev = "", apply = "", joinOne = "", ...others] = [...text.matchAll(/```sh agent\n([\s\S]*?)```/g)].map(
      (match) => match[1] ?? "",
    );
    expect(others).toEqual([]);
    const shell = (script: string, env: Record<string, string>) =>
      watched(spawn("bash", ["-c", `exec ${script}`], { cwd: root, env: { ...process.env, ...env } }), scratch);
    const emulator = shell(dev.replace("--port 8787 --mesh-port 8788", "--port 0 --mesh-port 0 -o json"), {});
    const [, api = "", entry = ""] = await emulator.said(/"api":"([^"]+)","mesh":"([^"]+)"/);
    const env = { WAYSIDE_API: api };
    expect(await shell(apply, env).ended()).toBe(0);
    const join1 = joinOne.replaceAll("http://127.0.0.1:8787", api);
    const vm = async () => {
      const one = shell(join1.replace("9001", String(await freePort())), { ...env, XDG_STATE_HOME: newFolder() });
      await one.said(/is healthy/);
      return one;
    };
    const vms = [await vm(), await vm()];
    await until("answers of both", 10_000, async () => {
      const bodies = await Promise.all(Array.from({ length: 10 }, async () => (await ask(entry, { host })).body));
      return new Set(bodies.filter((body) => body.startsWith("hello"))).size === 2;
    });
    for (const one of vms) one.process.kill("SIGTERM");
    expect(await Promise.all(vms.map((one) => one.ended()))).toEqual([0, 0]);
    emulator.process.kill("SIGTERM");
    expect(await emulator.ended()).toBe(0);
  });
});

describe("the life of a VM", () => {
  it("joins, serves, is drained, leaves, and nothing of it is left", async () => {
    const one = await joined();
    expect(await row(one.name)).toMatchObject({ health: "HEALTHY", drained: false, connection: { state: "CONNECTED", epoch: 1 } });
    expect(statSync(join(one.folder, "identity.json")).mode & 0o777).toBe(0o600);
    expect(statSync(join(one.folder, "agent.sock")).mode & 0o777).toBe(0o600);
    await serves();
    expect((await wayside(["vm", "drain", one.name], { env: { WAYSIDE_API: mesh.api } })).status).toBe(0);
    await servesNot();
    expect(await row(one.name)).toMatchObject({ health: "DRAINING", drained: true });
    expect((await fetch(`http://127.0.0.1:${one.port}/`)).status, "the application goes on").toBe(200);
    expect(JSON.parse((await tell(one, "undrain")).stdout)).toMatchObject({ draining: false });
    await serves();
    const left = await tell(one, "leave");
    expect(left.status, left.stderr).toBe(0);
    expect(await one.ended()).toBe(0);
    expect(one.output()).toMatch(/is draining\n.*no proxy sends requests.*\n.* left /s);
    expect(await instances(mesh.api)).toEqual([]);
    expect(await call(mesh.api, "GET", `/compute/v1/projects/demo/zones/us-central1-a/instances/${one.name}`)).toMatchObject({
      status: 404,
    });
    expect(processesWith(`:${one.port}`).concat(processesWith(one.folder))).toEqual([]);
    expect(existsSync(join(one.folder, "agent.sock"))).toBe(false);
    await until("no lease on disk", 5_000, async () => leasesOnDisk().length === 0);
  });

  it("fails no request while one of two leaves", async () => {
    const [leaving, staying] = [await joined(), await joined()];
    await serves();
    const load = startLoad(mesh.mesh, { host }, 100);
    leaving.process.kill("SIGTERM");
    expect(await leaving.ended()).toBe(0);
    const { failures, ok } = await load.stop();
    expect(failures).toEqual({});
    expect(ok).toBeGreaterThan(50);
    await tell(staying, "leave");
  });
});

/** Rows of all Lease objects, as SQLite has them. */
function leasesOnDisk(): string[] {
  const base = join(scratch, "mesh");
  const files = readdirSync(base, { recursive: true, encoding: "utf8" }).filter((file) => /LeaseObject.*\.sqlite$/.test(file));
  expect(files.length, "the Lease object has been here").toBeGreaterThan(0);
  return files.flatMap((file) => {
    const database = new DatabaseSync(join(base, file), { readOnly: true });
    try {
      const has = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'lease'").all().length > 0;
      return has
        ? database
            .prepare("SELECT name FROM lease")
            .all()
            .map((each) => String(each["name"]))
        : [];
    } finally {
      database.close();
    }
  });
}

describe("an agent that is killed", () => {
  it("leaves routing when its lease ends, and comes back as what it was", async () => {
    const one = await joined();
    await serves();
    const before = (await (await fetch(`http://127.0.0.1:${one.port}/`)).text()).trim();
    one.process.kill("SIGKILL");
    await one.ended();
    await until("LOST", 10_000, async () => (await row(one.name))?.connection?.state === "LOST");
    await servesNot();
    expect((await (await fetch(`http://127.0.0.1:${one.port}/`)).text()).trim(), "the application goes on").toBe(before);
    const again = await agent({ folder: one.folder, port: one.port });
    await again.said(/took over the application/);
    await again.said(new RegExp(`connected as ${one.name}, epoch 2`));
    await serves();
    expect(await row(one.name)).toMatchObject({ connection: { state: "CONNECTED", epoch: 2 } });
    expect(await row(one.name)).not.toHaveProperty("cloneSuspected");
    await tell(again, "leave");
    expect(await again.ended()).toBe(0);
  });
});

describe("a clone", () => {
  it("takes the place of the first, which says so and ends", async () => {
    const one = await joined();
    const twin = newFolder();
    cpSync(join(one.folder, "identity.json"), join(twin, "identity.json"));
    const other = await agent({ folder: twin });
    await other.said(/connected as/);
    expect(await one.ended()).toBe(1);
    expect(one.output()).toMatch(/Another agent with the identity of '\S+' connected from \S+ at \S+; this one has to give way/);
    await until("suspicion", 5_000, async () => (await row(one.name))?.cloneSuspected !== undefined);
    await wayside(["vm", "drain", one.name], { env: { WAYSIDE_API: mesh.api } });
    await until("seen", 5_000, async () => (await row(one.name))?.cloneSuspected === undefined);
    await tell(other, "leave");
    expect(await other.ended()).toBe(0);
  });
});

describe("a token", () => {
  it("lets in one VM, in time, into its group", async () => {
    const token = await tokenOf(mesh.api, "hello");
    const [first, second] = [await agent({ token }), await agent({ token, more: [] })];
    const statuses = await Promise.race([first.ended(), second.ended()]);
    expect(statuses).toBe(1);
    expect(first.output() + second.output()).toMatch(/This join token has been used\. Make one for each VM/);
    await must(mesh.api, "POST", "/compute/v1/projects/demo/zones/us-central1-a/instanceGroups", { name: "other" });
    const stranger = await agent({ token: await tokenOf(mesh.api, "other"), more: ["--group", "hello"] });
    expect(await stranger.ended()).toBe(1);
    expect(stranger.output()).toMatch(/This join token is for the group '\S+other', not for '\S+hello'/);
    const short = await tokenOf(mesh.api, "hello", ["--ttl", "1"]);
    await until("its end", 5_000, async () => {
      const { joinTokens } = await must(mesh.api, "GET", "/wayside/v1/projects/demo/joinTokens");
      return (joinTokens as { expireTime: string }[]).every(({ expireTime }) => Date.parse(expireTime) > Date.now() + 2_000);
    });
    const late = await agent({ token: short });
    expect(await late.ended()).toBe(1);
    expect(late.output()).toMatch(/This join token expired at \S+\. Make another/);
    for (const one of [first, second]) if (one.process.exitCode === null) await tell(one, "leave");
    expect(await instances(mesh.api)).toEqual([]);
  });
});

describe("a hundred VMs at once", () => {
  it("join, come back and leave, and the control plane refuses none", async () => {
    const token = await tokenOf(mesh.api, "hello", ["--uses", "100"]);
    const plane = new ControlPlane(mesh.api, "demo");
    const place = { networkInterfaces: [{ networkIP: "127.0.0.1" }], port: 9, namedPorts: [], labels: {} };
    const vms = Array.from({ length: 100 }, () => Identity.open(newFolder()));
    const registered = await Promise.all(vms.map((vm) => plane.join(vm, token, place)));
    for (const epoch of [1, 2]) {
      await Promise.all(
        vms.map(async (vm, index) => {
          const as = registered[index];
          if (!as) throw new Error("not registered");
          const session = await plane.connect(vm, as, { place });
          expect(session.epoch).toBe(epoch);
          await plane.heartbeat(session, as.name, { sequence: 1, healthy: false });
          if (epoch === 2) await plane.deregister(session, as.name);
        }),
      );
    }
    expect(await instances(mesh.api)).toEqual([]);
    await until("no lease on disk", 10_000, () => Promise.resolve(leasesOnDisk().length === 0));
  });
});

describe("an agent after the other", () => {
  it("takes over five times in a row, and no request fails", async () => {
    const one = await joined();
    await serves();
    const load = startLoad(mesh.mesh, { host }, 200);
    const pids = new Set<string>();
    for (let turn = 0; turn < 5; turn++) {
      const upgraded = await wayside(["agent", "upgrade", "--state", one.folder]);
      expect(upgraded.status, upgraded.stderr).toBe(0);
      pids.add(/^process (\d+) has taken over/.exec(upgraded.stdout)?.[1] ?? "");
    }
    const { failures, ok } = await load.stop();
    expect(failures).toEqual({});
    expect(ok).toBeGreaterThan(100);
    expect(pids.size).toBe(5);
    await until("the sixth epoch", 5_000, async () => (await row(one.name))?.connection?.epoch === 6);
    expect(await row(one.name)).toMatchObject({ connection: { state: "CONNECTED" }, health: "HEALTHY" });
    expect(await row(one.name)).not.toHaveProperty("cloneSuspected");
    expect(await one.ended()).toBe(0);
    expect((await tell(one, "leave")).status).toBe(0);
    await until("no process", 5_000, () => Promise.resolve(processesWith(one.folder).length === 0));
  });
});

describe("a control plane that is away", () => {
  it("is waited for: the application serves, the token is kept, and a session outlives a restart", async () => {
    const [port, apiPort, folder] = [await freePort(), await freePort(), newFolder()];
    const state = newFolder();
    const start = () => startMesh(["--state", state, "--port", String(apiPort)]);
    let other = await start();
    const env = { WAYSIDE_API: other.api };
    expect((await wayside(["apply", "-f", "examples/agent/hello.yaml"], { env })).status).toBe(0);
    const token = await tokenOf(other.api, "hello");
    await other.stop();
    const one = startAgent({ api: other.api, folder, port, token });
    started.push(one);
    await one.said(/cannot be reached; trying again in [\d.]+ s/);
    const serving = async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 200;
    await until("the application", 10_000, serving);
    other = await start();
    await one.said(/is healthy: the mesh may send it requests/);
    await other.stop();
    expect(await serving()).toBe(true);
    other = await start();
    await until("a heartbeat", 15_000, async () => (await ask(other.mesh, { host })).status === 200);
    expect(await instances(other.api)).toMatchObject([{ connection: { state: "CONNECTED", epoch: 1 } }]);
    one.process.kill("SIGTERM");
    expect(await one.ended()).toBe(0);
    expect(processesWith(folder)).toEqual([]);
    expect(await instances(other.api)).toEqual([]);
    await other.stop();
  });
});
