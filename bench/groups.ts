/**
 * `npm run bench:groups`: simulated agents against the real Workers in workerd, as `wayside dev` runs them. Options behind `--`: `--agents N` (10,000),
 * `--groups N` (20), `--rounds N` (4 heartbeats of each agent), `--interval N` (10, seconds between an agent's heartbeats), `--proxies N` (5, that use
 * the group whose changes are measured; each other group has one), `--json`.
 */
import { parseArgs } from "node:util";
import { Agents, type Place } from "./groups/agents.ts";
import { Api } from "./groups/api.ts";
import { measureChanges } from "./groups/changes.ts";
import { Mesh } from "./groups/mesh.ts";

const place: Place = { project: "demo", zone: "us-central1-a" };
const connections = 48;
/** An agent heartbeats three times within its lease. */
const beatsPerLease = 3;
const shortestLeaseSec = 3;

const { values: flags } = parseArgs({
  options: {
    agents: { type: "string", default: "10000" },
    groups: { type: "string", default: "20" },
    rounds: { type: "string", default: "4" },
    interval: { type: "string", default: "10" },
    proxies: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});

/** One group, one backend service and one route for each; gives the services of the first, one proxy each. */
async function createGroups(api: Api, names: readonly string[], proxies: number): Promise<string[]> {
  const { project, zone } = place;
  const compute = `/compute/v1/projects/${project}`;
  const services = `/v1/projects/${project}/locations/global`;
  await api.call({ method: "POST", path: `${services}/meshes?meshId=mesh`, body: {} });
  const watched = names.slice(0, 1).flatMap((name) => Array.from({ length: proxies }, (_, index) => `${name}-${index}.mesh`));
  for (const [at, name] of names.entries()) {
    await api.call({ method: "POST", path: `${compute}/zones/${zone}/instanceGroups`, body: { name } });
    const backends = [{ group: `zones/${zone}/instanceGroups/${name}` }];
    const service = { name, protocol: "HTTP", loadBalancingScheme: "INTERNAL_SELF_MANAGED", backends };
    await api.call({ method: "POST", path: `${compute}/global/backendServices`, body: service });
    const route = {
      hostnames: at === 0 ? watched : [`${name}.mesh`],
      meshes: [`projects/${project}/locations/global/meshes/mesh`],
      rules: [{ action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/${name}` }] } }],
    };
    await api.call({ method: "POST", path: `${services}/httpRoutes?httpRouteId=${name}`, body: route });
  }
  return watched;
}

interface Load {
  /** Cores that were busy, of workerd and of this process. */
  readonly workerdCores: number;
  readonly generatorCores: number;
}

async function loadOf<T>(
  mesh: Mesh,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly load: Load; readonly cpuSeconds: number }> {
  const [began, own, theirs] = [performance.now(), process.cpuUsage(), mesh.cpuSeconds()];
  const value = await work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(own);
  const cpuSeconds = mesh.cpuSeconds() - theirs;
  return {
    value,
    cpuSeconds,
    load: { workerdCores: rounded(cpuSeconds / seconds), generatorCores: rounded((user + system) / 1e6 / seconds) },
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Heartbeats of agents that are all connected: nothing changes, and so nothing is to be written. */
async function steadyState(mesh: Mesh, agents: Agents, intervalMs: number): Promise<object> {
  const before = await mesh.counts();
  const { value, load, cpuSeconds } = await loadOf(mesh, () => agents.heartbeat(Number(flags.rounds), intervalMs));
  const after = await mesh.counts();
  return {
    ...value,
    ...load,
    workerdMicroseconds: Math.round((1e6 * cpuSeconds) / value.count),
    rowsWritten: (after.leaseRows - before.leaseRows) / value.count,
    workerdMiB: Math.round(mesh.memoryMiB()),
  };
}

async function measure(mesh: Mesh, api: Api): Promise<object> {
  const [count, groups, intervalMs] = [Number(flags.agents), Number(flags.groups), Number(flags.interval) * 1000];
  const names = Array.from({ length: groups }, (_, index) => `group-${index}`);
  const services = await createGroups(api, names, Number(flags.proxies));
  const agents = new Agents(api, place);
  const result: Record<string, unknown> = { agents: count, groups, proxies: groups - 1 + services.length, intervalMs };
  const phase = async (name: string, work: () => Promise<object>): Promise<void> => {
    process.stderr.write(`${name}\n`);
    result[name] = await work();
    process.stderr.write(`  ${JSON.stringify(result[name])}\n`);
  };
  const rate = async (work: () => Promise<number>): Promise<object> => {
    const { value, load } = await loadOf(mesh, work);
    return { perSecond: Math.round(value), ...load };
  };
  const leaseSec = Math.max(shortestLeaseSec, Math.ceil((intervalMs / 1000) * beatsPerLease));
  await phase("joins", () => rate(() => agents.join(count, names, leaseSec)));
  await phase("connects", () => rate(() => agents.connect()));
  // The first makes a connection CONNECTED, which is written and published.
  await phase("firstHeartbeats", () => rate(async () => (await agents.heartbeat(1, intervalMs)).perSecond));
  await phase("heartbeats", () => steadyState(mesh, agents, intervalMs));
  const end = new AbortController();
  const beating = agents.heartbeat(Number.POSITIVE_INFINITY, intervalMs, end.signal);
  const watched = { api, mesh, place, agents, group: names[0] ?? "", services };
  await phase("endpointChanges", () => measureChanges(watched).finally(() => end.abort()));
  await beating;
  return result;
}

let mesh: Mesh | undefined;
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => void mesh?.stop().finally(() => process.exit(status)));

mesh = await Mesh.start();
const api = new Api(mesh.api, connections);
try {
  process.stdout.write(`${JSON.stringify(await measure(mesh, api), undefined, flags.json ? 0 : 2)}\n`);
} finally {
  api.close();
  await mesh.stop();
}
