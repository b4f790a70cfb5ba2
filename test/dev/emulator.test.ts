/** The emulator as a whole, with the real Workers in workerd and real processes as VMs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#base/errors.ts";
import { type Emulator, type EmulatorEvent, type EmulatorOptions, startEmulator } from "#dev/emulator.ts";
import { listProcesses, type ProcessInfo } from "#processes/processes.ts";
import { readRuns, runsFolder } from "#dev/runs/run-file.ts";
import { eventually } from "./waiting.ts";

// Runs on record are cleaned up by whichever emulator starts next, such as one of another test: these have records of their own.
const temporary = mkdtempSync(path.join(tmpdir(), "wayside-emulator-"));
process.env["TMPDIR"] = temporary;
afterAll(() => rmSync(temporary, { recursive: true }));

const running: Emulator[] = [];

async function start(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const emulator = await startEmulator({ project: "demo", port: 0, meshPort: 0, configRefreshMs: 200, ...options });
  running.push(emulator);
  return emulator;
}

/** `what` is a method and a path: `GET /wayside/v1/healthz`. */
async function call(origin: string, what: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const [method = "", target = ""] = what.split(" ");
  const response = await fetch(`${origin}${target}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? (JSON.parse(text) as unknown) : text };
}

/** Status of a request with headers that `fetch` does not let through, such as Host. */
function rawStatus(origin: string, target: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${origin}${target}`, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

function workerdOf(pid: number): ProcessInfo[] {
  return listProcesses().filter((info) => info.parent === pid && info.name.startsWith("workerd"));
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((emulator) => emulator.stop()));
});

describe("a running emulator", { timeout: 60_000 }, () => {
  const events: EmulatorEvent[] = [];
  let emulator: Emulator;
  const zone = "/compute/v1/projects/demo/zones/us-central1-a";

  beforeAll(async () => {
    emulator = await startEmulator({
      project: "demo",
      port: 0,
      meshPort: 0,
      configRefreshMs: 200,
      onEvent: (event) => void events.push(event),
    });
  }, 60_000);
  afterAll(() => emulator.stop(), 60_000);

  it("answers as API and as mesh, each on its own origin", async () => {
    expect(await call(emulator.api, "GET /wayside/v1/healthz")).toMatchObject({ status: 200 });
    const unknown = await fetch(emulator.mesh);
    expect(unknown.headers.get("x-wayside-reason")).toMatch(/no_service|no_config/);
    expect(emulator.dashboard).toBe(`${emulator.api}/`);
  });

  it("makes the VMs of a managed group, serves their logs, and tells the group of one that ends", async () => {
    const items = [{ key: "startup-script", value: 'echo "up on $HOST"; exec sleep 600' }];
    await call(emulator.api, "POST /compute/v1/projects/demo/global/instanceTemplates", {
      name: "sleeper",
      properties: { machineType: "e2-small", metadata: { items } },
    });
    await call(emulator.api, `POST ${zone}/instanceGroupManagers`, {
      name: "sleepers",
      baseInstanceName: "sleeper",
      instanceTemplate: "projects/demo/global/instanceTemplates/sleeper",
      targetSize: 1,
    });
    const vm = await eventually("a VM", () => events.find((event) => event.event === "vmStarted"));
    const log = `/wayside/v1/projects/demo/instances/${vm.name}/logs`;
    await eventually("its log", async () => String((await call(emulator.api, `GET ${log}`)).body).includes(`up on ${vm.address}`));
    expect((await call(emulator.api, "GET /wayside/v1/projects/demo/instances/nobody/logs")).status).toBe(404);
    expect((await call(emulator.api, `POST ${log}`)).status).toBe(405);

    process.kill(vm.pid, "SIGKILL");
    const again = await eventually("another life", () =>
      events.findLast((event) => event.event === "vmStarted" && event.name === vm.name && event.pid !== vm.pid),
    );
    expect(events).toContainEqual({ event: "vmEnded", project: "demo", name: vm.name, exit: "signal SIGKILL" });
    expect(again).not.toMatchObject({ address: vm.address });
    await call(emulator.api, `POST ${zone}/instanceGroupManagers/sleepers/resize?size=0`);
    const pid = again.event === "vmStarted" ? again.pid : 0;
    await eventually("the VM is gone", () => !listProcesses().some((info) => info.pid === pid));
  });

  it("shows, changes and takes away faults", async () => {
    const target = "/wayside/v1/dev/faults";
    expect(await call(emulator.api, `POST ${target}`, { kv: { failReads: true } })).toMatchObject({
      status: 200,
      body: { kv: { failReads: true } },
    });
    expect(await call(emulator.api, `GET ${target}`)).toMatchObject({ body: { kv: { failReads: true }, control: { fail: false } } });
    expect(await call(emulator.api, `POST ${target}`, { kv: { nope: 1 } })).toMatchObject({ status: 400 });
    expect(await call(emulator.api, `DELETE ${target}`)).toMatchObject({ status: 200, body: { kv: { failReads: false } } });
    expect((await call(emulator.api, `PUT ${target}`)).status).toBe(405);
  });

  it("lets no web page near its own paths", async () => {
    const target = "/wayside/v1/dev/faults";
    expect(await rawStatus(emulator.api, target, {})).toBe(200);
    expect(await rawStatus(emulator.api, target, { host: "localhost:8787", origin: "http://localhost:3000" })).toBe(200);
    expect(await rawStatus(emulator.api, target, { host: "rebound.example" })).toBe(403);
    expect(await rawStatus(emulator.api, target, { origin: "https://evil.example" })).toBe(403);
    expect(await rawStatus(emulator.api, target, { origin: "null" })).toBe(403);
  });

  it("is back on the same ports after workerd has crashed", async () => {
    await call(emulator.api, "POST /compute/v1/projects/demo/global/healthChecks", {
      name: "kept",
      type: "TCP",
      tcpHealthCheck: { port: 80 },
    });
    const before = workerdOf(process.pid);
    for (const { pid } of before) process.kill(pid, "SIGKILL");
    const found = await eventually("an answer", async () => {
      const answer = await call(emulator.api, "GET /compute/v1/projects/demo/global/healthChecks/kept").catch(() => undefined);
      return answer?.status === 200 && answer;
    });
    expect(found.body).toMatchObject({ name: "kept" });
    const now = workerdOf(process.pid).map((info) => info.pid);
    const own = (): number[] =>
      readRuns(runsFolder()).flatMap(({ run }) => (run.owner.pid === process.pid ? run.workerd.map((one) => one.leader.pid) : []));
    await eventually("the new process is on record", () => now.every((pid) => own().includes(pid)));
    expect(events).toContainEqual(expect.objectContaining({ event: "log", level: "warn" }));
  });
});

describe("starting", { timeout: 60_000 }, () => {
  it("refuses a port that is taken, naming the option and the holder", async () => {
    const first = await start();
    const port = Number(new URL(first.api).port);
    const refused = start({ meshPort: port });
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(
      `--mesh-port ${port}: port ${port} of 127.0.0.1 is taken by process ${workerdOf(process.pid)[0]?.pid}`,
    );
    await expect(start({ port: 4711, meshPort: 4711 })).rejects.toThrow(/must differ/);
  });

  it("keeps its state for the next run when it is asked to, and lets no two runs share it", async () => {
    const parent = mkdtempSync(path.join(tmpdir(), "wayside-kept-"));
    const state = path.join(parent, "state");
    const first = await start({ state });
    await call(first.api, "POST /compute/v1/projects/demo/global/healthChecks", {
      name: "kept",
      type: "TCP",
      tcpHealthCheck: { port: 80 },
    });
    await expect(start({ state })).rejects.toThrow(`is in use by process ${process.pid}`);
    await first.stop();
    const second = await start({ state });
    expect(await call(second.api, "GET /compute/v1/projects/demo/global/healthChecks/kept")).toMatchObject({ status: 200 });
    await second.stop();
    expect(statSync(path.join(state, "master.key")).mode & 0o777).toBe(0o600);
    rmSync(parent, { recursive: true });
  });

  it("leaves nothing behind: no process, no run, no folder", async () => {
    const emulator = await start();
    const own = (): number => readRuns(runsFolder()).filter(({ run }) => run.owner.pid === process.pid).length;
    expect(own()).toBe(1);
    await emulator.stop();
    await emulator.stop();
    expect(own()).toBe(0);
    expect(workerdOf(process.pid)).toEqual([]);
    await expect(fetch(emulator.api)).rejects.toThrow();
  });
});

it("ends the workerd of a run that was killed", { timeout: 60_000 }, async () => {
  const owner = spawn(process.execPath, [path.join(import.meta.dirname, "emulator-owner.ts")], { stdio: ["ignore", "pipe", "inherit"] });
  await once(owner.stdout, "data");
  const pid = owner.pid ?? 0;
  const [workerd] = workerdOf(pid);
  const ended = once(owner, "exit");
  owner.kill("SIGKILL");
  await ended;
  const alive = (): boolean => listProcesses().some((info) => info.pid === workerd?.pid && info.started === workerd.started);
  expect(alive()).toBe(true);
  const events: EmulatorEvent[] = [];
  await start({ onEvent: (event) => void events.push(event) });
  expect(events).toContainEqual({ event: "cleaned", pid, vms: 0 });
  expect(alive()).toBe(false);
});
