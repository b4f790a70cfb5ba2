/** From what happens to one VM to the last proxy that has applied a configuration without it. */
import { type Agents, type Place } from "./agents.ts";
import type { Api } from "./api.ts";
import type { Mesh } from "./mesh.ts";

interface Row {
  readonly service: string;
  readonly appliedGeneration?: number;
  readonly state: string;
}

interface Watched {
  readonly api: Api;
  readonly mesh: Mesh;
  readonly place: Place;
  readonly agents: Agents;
  readonly group: string;
  /** Services whose proxies use the group. */
  readonly services: readonly string[];
}

export interface Changes {
  /** From the heartbeat that says that an application is unhealthy. */
  readonly unhealthyMs: readonly number[];
  /** From the end of the lease of an agent that fell silent. */
  readonly lostMs: readonly number[];
  /** Written to Workers KV for one endpoint, per service that uses it. */
  readonly kvBytes: number;
  readonly kvWrites: number;
}

const measured = 5;
const shortLeaseSec = 3;
const givenUpMs = 60_000;
const pollMs = 20;

/** Measures both. Adds agents of its own, which are lost afterwards. */
export async function measureChanges(watched: Watched): Promise<Changes> {
  const { agents, group, mesh, services } = watched;
  const unhealthyMs: number[] = [];
  const before = await mesh.counts();
  for (const agent of agents.of(group, measured)) {
    const seen = await applied(watched);
    const began = performance.now();
    await agents.beat(agent, false);
    await follow(watched, seen);
    unhealthyMs.push(performance.now() - began);
  }
  const after = await mesh.counts();
  return {
    unhealthyMs: sorted(unhealthyMs),
    lostMs: sorted(await losses(watched)),
    kvBytes: (after.kvBytes - before.kvBytes) / (measured * services.length),
    kvWrites: (after.kvWrites - before.kvWrites) / (measured * services.length),
  };
}

async function losses(watched: Watched): Promise<number[]> {
  const { agents, group } = watched;
  const times: number[] = [];
  for (let turn = 0; turn < measured; turn++) {
    const seen = await applied(watched);
    const agent = await agents.joinOne(group, shortLeaseSec);
    await agents.beat(agent, true);
    const began = performance.now();
    await follow(watched, seen);
    await follow(watched, await applied(watched));
    times.push(performance.now() - began - shortLeaseSec * 1000);
  }
  return times;
}

/** The newest generation that each proxy has applied. */
async function applied({ api, place, services }: Watched): Promise<Map<string, number>> {
  const { proxies } = (await api.call({ method: "GET", path: `/wayside/v1/projects/${place.project}/status` })) as unknown as {
    proxies: Row[];
  };
  const ours = proxies.filter(({ service, state }) => services.includes(service) && state === "SYNCED");
  return new Map(ours.map(({ service, appliedGeneration = 0 }) => [service, appliedGeneration]));
}

/** Waits until every proxy has applied something newer. */
async function follow(watched: Watched, before: ReadonlyMap<string, number>): Promise<void> {
  const began = performance.now();
  for (;;) {
    const now = await applied(watched);
    if (watched.services.every((service) => (now.get(service) ?? 0) > (before.get(service) ?? 0))) return;
    if (performance.now() - began > givenUpMs) throw new Error(`not all proxies have followed in a minute: ${JSON.stringify([...now])}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function sorted(times: readonly number[]): number[] {
  return times.toSorted((a, b) => a - b).map(Math.round);
}
