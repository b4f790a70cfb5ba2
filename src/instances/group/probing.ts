import { dueAt, firstProbe } from "../health/plan.ts";
import type { ProbeRecord } from "../health/plan.ts";
import type { GroupSpec, ProbeSpec } from "./spec.ts";
import { act, countInFlight, probeKey, put, wakeBy } from "./state.ts";
import type { Action, Draft, Instance } from "./state.ts";

/** Which probes of which instances are due. Health is probed here, centrally, and never by proxies. */

/** Deployed Workers wait for at most six answers at a time; a seventh probe would only time out in the queue. */
const mostProbesInFlight = 6;

interface Due {
  readonly atMs: number;
  readonly action: Extract<Action, { kind: "probe" }>;
}

/** Asks for the probes that are due, longest due first, and forgets what is no longer probed. */
export function planProbes(draft: Draft): void {
  const records = new Map<string, ProbeRecord>();
  const due: Due[] = [];
  for (const instance of draft.instances.values()) {
    if (instance.phase.is !== "running") continue;
    for (const probe of draft.spec.probes) {
      const port = portOf(draft.spec, instance, probe);
      if (port === undefined) continue;
      const key = probeKey(instance.id, probe.id);
      const record = draft.probes.get(key) ?? firstProbe(draft.now);
      records.set(key, record);
      if (draft.inFlight.has(key)) continue;
      const atMs = dueAt(record, probe, draft.now);
      if (atMs > draft.now) wakeBy(draft, atMs);
      else due.push({ atMs, action: { kind: "probe", key, id: instance.id, probe, target: { address: instance.address, port } } });
    }
  }
  draft.probes = records;
  const room = Math.max(0, mostProbesInFlight - countInFlight(draft, "probe"));
  due.sort((a, b) => a.atMs - b.atMs);
  // Those that find no room need no wake: the end of any probe in flight comes back as a fact, and with it the planner.
  for (const { action } of due.slice(0, room)) act(draft, action);
}

/** The port to probe; undefined when the probe asks for the serving port and nothing names one. */
function portOf(spec: GroupSpec, instance: Instance, probe: ProbeSpec): number | undefined {
  return probe.port === "serving" ? (instance.port ?? spec.namedPorts[0]?.port) : probe.port;
}

/** Drops health under probes that are gone, lest it be believed when one of that id comes back. */
export function forgetHealth(draft: Draft): void {
  const ids = new Set(draft.spec.probes.map(({ id }) => id));
  for (const instance of draft.instances.values()) {
    const kept = Object.entries(instance.health).filter(([id]) => ids.has(id));
    if (kept.length < Object.keys(instance.health).length) put(draft, { ...instance, health: Object.fromEntries(kept) });
  }
}
