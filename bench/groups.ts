/**
 * `npm run bench:groups`: simulated agents against the real Workers in workerd, as `wayside dev` runs them. Options behind `--`: `--agents N` (10,000),
 * `--groups N` (20), `--seconds N` (40), `--interval N` (10, seconds between an agent's heartbeats), `--json`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Agents, type Place } from "./groups/agents.ts";
import { Api } from "./groups/api.ts";

const place: Place = { project: "demo", zone: "us-central1-a" };
const connections = 48;
const startTimeoutMs = 30_000;
const changesMeasured = 5;

const { values: flags } = parseArgs({
  options: {
    agents: { type: "string", default: "10000" },
    groups: { type: "string", default: "20" },
    seconds: { type: "string", default: "40" },
    interval: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
  },
});

const folder = mkdtempSync(path.join(tmpdir(), "wayside-bench-groups-"));

interface Dev {
  readonly process: ChildProcess;
  readonly api: string;
}

async function startDev(): Promise<Dev> {
  const args = ["bin/wayside.js", "dev", "--port", "0", "--mesh-port", "0", "--state", folder, "-o", "json"];
  const child = spawn(process.execPath, args, { cwd: path.join(import.meta.dirname, ".."), stdio: ["ignore", "pipe", "inherit"] });
  const api = await new Promise<string>((resolve, reject) => {
    setTimeout(() => reject(new Error("the emulator is not ready")), startTimeoutMs).unref();
    child.once("exit", (status) => reject(new Error(`the emulator ended with ${status}`)));
    createInterface(child.stdout).on("line", (line) => {
      const event = JSON.parse(line) as { event?: string; api?: string };
      if (event.event === "ready") resolve(String(event.api));
    });
  });
  return { process: child, api };
}

async function stopDev({ process: child }: Dev): Promise<void> {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await gone;
}

/** One group, one backend service, one proxy for each. */
async function createGroups(api: Api, names: readonly string[]): Promise<void> {
  const { project, zone } = place;
  const compute = `/compute/v1/projects/${project}`;
  const services = `/v1/projects/${project}/locations/global`;
  await api.call({ method: "POST", path: `${services}/meshes?meshId=mesh`, body: {} });
  for (const name of names) {
    await api.call({ method: "POST", path: `${compute}/zones/${zone}/instanceGroups`, body: { name } });
    const backends = [{ group: `zones/${zone}/instanceGroups/${name}` }];
    const service = { name, protocol: "HTTP", loadBalancingScheme: "INTERNAL_SELF_MANAGED", backends };
    await api.call({ method: "POST", path: `${compute}/global/backendServices`, body: service });
    const destinations = [{ serviceName: `projects/${project}/locations/global/backendServices/${name}` }];
    const route = {
      hostnames: [`${name}.mesh`],
      meshes: [`projects/${project}/locations/global/meshes/mesh`],
      rules: [{ action: { destinations } }],
    };
    await api.call({ method: "POST", path: `${services}/httpRoutes?httpRouteId=${name}`, body: route });
  }
}

/** Bytes in the databases of Lease objects and their write-ahead logs: what heartbeats would add to if they wrote. */
function leaseBytes(): number {
  const files = filesBelow(folder).filter((name) => /lease/i.test(name));
  return files.reduce((sum, file) => sum + statSync(file).size, 0);
}

function filesBelow(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

interface Shown {
  readonly service: string;
  readonly appliedGeneration?: number;
  readonly wantedGeneration?: number;
  readonly state: string;
}

async function statusOf(api: Api, service: string): Promise<Shown | undefined> {
  const { proxies } = (await api.call({ method: "GET", path: `/wayside/v1/projects/${place.project}/status` })) as unknown as {
    proxies: Shown[];
  };
  return proxies.find((proxy) => proxy.service === service);
}

/** From taking an instance out of traffic until its service's proxy has applied a configuration without it. */
async function changeMs(api: Api, { name, service }: { readonly name: string; readonly service: string }): Promise<number> {
  const before = (await statusOf(api, service))?.appliedGeneration ?? 0;
  const began = performance.now();
  await api.call({ method: "POST", path: `/wayside/v1/projects/${place.project}/instances/${name}/drain` });
  for (;;) {
    const shown = await statusOf(api, service);
    if (shown && (shown.appliedGeneration ?? 0) > before && shown.state === "SYNCED") return performance.now() - began;
    if (performance.now() - began > 60_000)
      throw new Error(`the proxy of ${service} has not followed in a minute: ${JSON.stringify(shown)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resident memory of all workerd processes that the emulator started, in MiB. */
function workerdMiB(parent: number): number {
  let kib = 0;
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${entry}/status`, "utf8");
      if (!/^Name:\s+workerd$/m.test(status) || !isBelow(Number(entry), parent)) continue;
      kib += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    } catch {
      // It has ended meanwhile.
    }
  }
  return kib / 1024;
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1;) {
    if (at === ancestor) return true;
    at = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${at}/status`, "utf8"))?.[1] ?? 0);
  }
  return false;
}

/** For the end by a signal; `main` ends what it began by itself. */
let running: Dev | undefined;
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => {
    running?.process.kill("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
    process.exit(status);
  });

async function main(): Promise<void> {
  const [count, groupCount, seconds] = [Number(flags.agents), Number(flags.groups), Number(flags.seconds)];
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const dev = await startDev();
  running = dev;
  const api = new Api(dev.api, connections);
  try {
    const names = Array.from({ length: groupCount }, (_, index) => `group-${index}`);
    await createGroups(api, names);
    const agents = new Agents(api, place);
    progress(`${count} agents join ${groupCount} groups`);
    const joins = await agents.join(count, names, connections);
    progress("they connect");
    const connects = await agents.connect(connections);
    const service = `${names[0]}.mesh`;
    progress(`heartbeats for ${seconds} s`);
    // The first round makes every connection CONNECTED, which is written.
    await agents.heartbeat(Number(flags.interval), Number(flags.interval) * 1000);
    const before = leaseBytes();
    const heartbeats = await agents.heartbeat(seconds, Number(flags.interval) * 1000);
    const after = leaseBytes();
    progress("changes");
    const changes: number[] = [];
    for (const name of agents.namesOf(names[0] ?? "").slice(0, changesMeasured)) changes.push(await changeMs(api, { name, service }));
    const result = {
      agents: count,
      groups: groupCount,
      joinsPerSecond: Math.round(joins),
      connectsPerSecond: Math.round(connects),
      heartbeats: { ...heartbeats, perSecond: Math.round(heartbeats.perSecond) },
      bytesWrittenPerHeartbeat: (after - before) / Math.max(1, heartbeats.count),
      changeToProxyMs: changes.toSorted((a, b) => a - b).map(Math.round),
      workerdMiB: Math.round(workerdMiB(dev.process.pid ?? 0)),
    };
    process.stdout.write(`${JSON.stringify(result, undefined, flags.json ? 0 : 2)}\n`);
  } finally {
    api.close();
    await stopDev(dev);
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
