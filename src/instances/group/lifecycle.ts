import { configured, withConfig } from "../rollout/configs.ts";
import { drained } from "../rollout/moves.ts";
import { replace } from "./facts.ts";
import { act, countInFlight, fleetKey, isManaged, put, remove, wakeBy } from "./state.ts";
import type { Draft, Instance, Phase } from "./state.ts";
import { graceMs, listIntervalMs, longestBackoffMs, releaseBoundMs, releasePollMs } from "./times.ts";

/** What each managed instance needs next, by the phase of its life. */

/** So many VMs are made or ended at the same time; the rest follow as these come back. */
const mostFleetCalls = 16;

export function planInstance(draft: Draft, instance: Instance): void {
  const { phase } = instance;
  switch (phase.is) {
    case "creating":
      return create(draft, instance, phase);
    case "running":
      return verify(draft, instance, phase);
    case "draining":
      return drain(draft, instance, phase);
    case "replacing":
    case "ending":
    case "halting":
      return end(draft, instance, phase);
    case "halted":
    case "abandoned":
      return undefined;
  }
}

function create(draft: Draft, instance: Instance, phase: Extract<Phase, { is: "creating" }>): void {
  const template = draft.templates.get(instance.templateRevision ?? 0);
  if (!draft.hasFleet || !template) return;
  if (phase.dueAtMs > draft.now) return wakeBy(draft, phase.dueAtMs);
  if (countInFlight(draft, "fleet") >= mostFleetCalls) return;
  const made = phase.started ? instance : { ...configured(draft, instance), phase: { ...phase, started: true } };
  if (made !== instance) put(draft, made);
  act(draft, { kind: "create", key: fleetKey(made.id), instance: made, template: withConfig(template, made.config) });
}

/**
 * Autohealing, as Google's: an instance is being verified until its health check has succeeded once; a failing check replaces it, but not during the
 * initial delay unless it had succeeded before.
 */
function verify(draft: Draft, instance: Instance, phase: Extract<Phase, { is: "running" }>): void {
  const healing = draft.spec.managed?.autoHealing;
  const health = healing ? (instance.health[healing.probeId] ?? "UNKNOWN") : "HEALTHY";
  if (health === "HEALTHY") {
    if (!phase.verified) put(draft, { ...instance, phase: { ...phase, verified: true } });
    return;
  }
  if (!healing || health === "UNKNOWN" || draft.spec.managed?.repair?.onFailedHealthCheck === false) return;
  const toleratedUntilMs = phase.verified ? draft.now : phase.sinceMs + healing.initialDelayMs;
  if (toleratedUntilMs > draft.now) return wakeBy(draft, toleratedUntilMs);
  const lastError = `the autohealing health check ${healing.probeId} found the VM ${health}`;
  planInstance(draft, replace(draft, instance, { ended: false, lastError }));
}

function drain(draft: Draft, instance: Instance, phase: Extract<Phase, { is: "draining" }>): void {
  const boundAtMs = phase.sinceMs + releaseBoundMs;
  if (phase.endAtMs === undefined && boundAtMs > draft.now) return wakeBy(draft, boundAtMs);
  const endAtMs = phase.endAtMs ?? draft.now + graceMs(draft.spec);
  if (endAtMs > draft.now) {
    if (phase.endAtMs === undefined) put(draft, { ...instance, phase: { ...phase, endAtMs } });
    return wakeBy(draft, endAtMs);
  }
  const ending = drained(draft, instance, phase.then);
  put(draft, ending);
  planInstance(draft, ending);
}

/** Where no fleet made it, there is no process to end. */
function end(draft: Draft, instance: Instance, phase: Extract<Phase, { is: "ending" | "replacing" | "halting" }>): void {
  if (!draft.hasFleet) {
    if (phase.is === "ending") remove(draft, instance.name);
    else if (phase.is === "halting") put(draft, { ...instance, phase: { is: "halted", suspended: phase.suspends } });
    return;
  }
  if (phase.dueAtMs > draft.now) return wakeBy(draft, phase.dueAtMs);
  if (countInFlight(draft, "fleet") >= mostFleetCalls) return;
  const kind = phase.is === "halting" && phase.suspends ? "suspend" : "delete";
  act(draft, { kind, key: fleetKey(instance.id), name: instance.name, id: instance.id });
}

/** Asks the proxies to confirm that they have let go, once per batch of instances that began to drain together. */
export function planRelease(draft: Draft): void {
  const waiting = [...draft.instances.values()].filter((each) => each.phase.is === "draining" && each.phase.endAtMs === undefined);
  if (waiting.length === 0) return;
  if (draft.releaseDueAtMs > draft.now) return wakeBy(draft, draft.releaseDueAtMs);
  const batches = Map.groupBy(waiting, (each) => (each.phase.is === "draining" ? each.phase.sinceMs : 0));
  for (const [sinceMs, batch] of batches) {
    act(draft, { kind: "askReleased", key: `released ${sinceMs}`, names: batch.map((each) => each.name) });
  }
}

/** Lists the fleet when that is due: first of all after a start, then now and again. */
export function planList(draft: Draft): void {
  const concerned = draft.spec.kind === "managed" || [...draft.instances.values()].some(isManaged);
  if (!draft.hasFleet || !concerned) return;
  if (draft.listDueAtMs > draft.now) return wakeBy(draft, draft.listDueAtMs);
  act(draft, { kind: "list", key: "list" });
}

/** Brings times that a clock put back has moved out of reach to the latest that can have been set, so that no wait grows longer than it was. */
export function mendTimes(draft: Draft): void {
  draft.listDueAtMs = Math.min(draft.listDueAtMs, draft.now + listIntervalMs(draft.spec));
  draft.releaseDueAtMs = Math.min(draft.releaseDueAtMs, draft.now + releasePollMs);
  for (const instance of draft.instances.values()) {
    const phase = mended(draft, instance.phase);
    if (phase !== instance.phase) put(draft, { ...instance, phase });
  }
}

function mended(draft: Draft, phase: Phase): Phase {
  const { now } = draft;
  const latestDueMs = now + longestBackoffMs;
  switch (phase.is) {
    case "halted":
    case "abandoned":
      return phase;
    case "creating":
    case "ending":
    case "halting":
      return phase.dueAtMs > latestDueMs ? { ...phase, dueAtMs: latestDueMs } : phase;
    case "replacing":
      if (phase.dueAtMs <= latestDueMs && phase.restartAtMs <= latestDueMs) return phase;
      return { ...phase, dueAtMs: Math.min(phase.dueAtMs, latestDueMs), restartAtMs: Math.min(phase.restartAtMs, latestDueMs) };
    case "running":
      return phase.sinceMs > now ? { ...phase, sinceMs: now } : phase;
    case "draining":
      return mendedDrain(draft, phase);
  }
}

function mendedDrain(draft: Draft, phase: Extract<Phase, { is: "draining" }>): Phase {
  const sinceMs = Math.min(phase.sinceMs, draft.now);
  const endAtMs = phase.endAtMs === undefined ? undefined : Math.min(phase.endAtMs, draft.now + graceMs(draft.spec));
  if (sinceMs === phase.sinceMs && endAtMs === phase.endAtMs) return phase;
  return { ...phase, sinceMs, ...(endAtMs === undefined ? {} : { endAtMs }) };
}
