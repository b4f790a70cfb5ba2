/** From what happens to one VM to the last proxy that has applied a configuration without it. */
import type { Agents, Place, SimulatedAgent } from "./agents.ts";
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
/** Longer than the measurement. */
const longLeaseSec = 600;
const givenUpMs = 60_000;
const pollMs = 20;

/** Measures both, with agents of its own: what those of the load say would be taken for a change. */
export async function measureChanges(watched: Watched): Promise<Changes> {
  const { agents, mesh, services } = watched;
  const unhealthyMs: number[] = [];
  const lostMs: number[] = [];
  let [kvBytes, kvWrites] = [0, 0];
  for (let turn = 0; turn < measured; turn++) {
    const { agent } = await newcomer(watched, longLeaseSec);
    const [seen, before] = [await applied(watched), await mesh.counts()];
    const began = performance.now();
    await agents.beat(agent, false);
    await follow(watched, seen);
    unhealthyMs.push(performance.now() - began);
    const after = await mesh.counts();
    kvBytes += (after.kvBytes - before.kvBytes) / (measured * services.length);
    kvWrites += (after.kvWrites - before.kvWrites) / (measured * services.length);
  }
  for (let turn = 0; turn < measured; turn++) {
    const { lastHeardMs } = await newcomer(watched, shortLeaseSec);
    await follow(watched, await applied(watched));
    lostMs.push(performance.now() - lastHeardMs - shortLeaseSec * 1000);
  }
  return { unhealthyMs: sorted(unhealthyMs), lostMs: sorted(lostMs), kvBytes: Math.round(kvBytes), kvWrites };
}

/** One more agent in the group, which all proxies know, and which falls silent. */
async function newcomer(watched: Watched, leaseSec: number): Promise<{ readonly agent: SimulatedAgent; readonly lastHeardMs: number }> {
  const { agents, group } = watched;
  const seen = await applied(watched);
  const agent = await agents.joinOne(group, leaseSec);
  const lastHeardMs = performance.now();
  await agents.beat(agent, true);
  await follow(watched, seen);
  return { agent, lastHeardMs };
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
