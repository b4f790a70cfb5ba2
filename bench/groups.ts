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

async function measure(mesh: Mesh, api: Api): Promise<object> {
  const [count, groups, interval] = [Number(flags.agents), Number(flags.groups), Number(flags.interval)];
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const names = Array.from({ length: groups }, (_, index) => `group-${index}`);
  const services = await createGroups(api, names, Number(flags.proxies));
  const agents = new Agents(api, place);
  progress(`${count} agents join ${groups} groups`);
  const joins = await loadOf(mesh, () => agents.join(count, names, Math.max(shortestLeaseSec, Math.ceil(interval * beatsPerLease))));
  progress(`${joins.value.toFixed(0)}/s, ${JSON.stringify(joins.load)}; they connect`);
  const connects = await loadOf(mesh, () => agents.connect());
  progress(`${connects.value.toFixed(0)}/s, ${JSON.stringify(connects.load)}; the first heartbeat of each`);
  // It makes every connection CONNECTED, which is written and published.
  const first = await agents.heartbeat(1, interval * 1000);
  progress(`${first.perSecond.toFixed(0)}/s; ${flags.rounds} rounds of heartbeats`);
  const before = await mesh.counts();
  const beats = await loadOf(mesh, () => agents.heartbeat(Number(flags.rounds), interval * 1000));
  const after = await mesh.counts();
  const heartbeats = beats.value;
  progress(`${heartbeats.perSecond.toFixed(0)}/s, ${JSON.stringify(beats.load)}; changes, while they go on`);
  const end = new AbortController();
  const beating = agents.heartbeat(Number.POSITIVE_INFINITY, interval * 1000, end.signal);
  const changes = await measureChanges({ api, mesh, place, agents, group: names[0] ?? "", services }).finally(() => end.abort());
  await beating;
  return {
    agents: count,
    groups,
    proxies: groups - 1 + services.length,
    intervalSec: interval,
    joinsPerSecond: Math.round(joins.value),
    joins: joins.load,
    connectsPerSecond: Math.round(connects.value),
    connects: connects.load,
    heartbeatsPerSecond: Math.round(heartbeats.perSecond),
    heartbeats: { ...heartbeats, ...beats.load, cpuMicroseconds: Math.round((1e6 * beats.cpuSeconds) / heartbeats.count) },
    rowsWrittenPerHeartbeat: (after.leaseRows - before.leaseRows) / heartbeats.count,
    endpointChange: changes,
    workerdMiB: Math.round(mesh.memoryMiB()),
  };
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
