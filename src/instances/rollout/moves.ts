import { put } from "../group/state.ts";
import type { Afterwards, Draft, Instance, Phase } from "../group/state.ts";

/** The first step of whatever takes an instance out of traffic: one that runs is drained, one that takes no requests is not waited for. */

/** It goes for good; one that is being drained already is drained to the end. */
export function leave(draft: Draft, instance: Instance, { byUpdate = false } = {}): void {
  const why = byUpdate ? { byUpdate } : {};
  put(draft, { ...instance, phase: { ...wayOut(instance.phase, draft.now), ...why } });
}

function wayOut(phase: Phase, now: number): Extract<Phase, { is: "draining" | "ending" }> {
  if (phase.is === "running") return { is: "draining", sinceMs: now };
  if (phase.is !== "draining") return { is: "ending", dueAtMs: now };
  const { then: _then, ...draining } = phase;
  return draining;
}

/** It is made again from a revision under its name; `restarts`: as the same VM. */
export function again(draft: Draft, instance: Instance, how: Omit<Extract<Afterwards, { to: "again" }>, "to">): void {
  const then: Afterwards = { to: "again", ...how };
  if (instance.phase.is === "running") return put(draft, { ...instance, phase: { is: "draining", sinceMs: draft.now, then } });
  put(draft, drained(draft, instance, then));
}

/** It stays the group's, with no process. */
export function halt(draft: Draft, instance: Instance, suspends: boolean): void {
  const then: Afterwards = { to: "halt", suspends };
  if (instance.phase.is === "running") return put(draft, { ...instance, phase: { is: "draining", sinceMs: draft.now, then } });
  put(draft, drained(draft, instance, then));
}

/** What a drained instance goes on to; `then` absent: to its end. */
export function drained(draft: Draft, instance: Instance, then: Afterwards | undefined): Instance {
  const { now } = draft;
  if (!then) {
    const byUpdate = instance.phase.is === "draining" && instance.phase.byUpdate === true;
    return { ...instance, phase: { is: "ending", dueAtMs: now, ...(byUpdate && { byUpdate }) } };
  }
  if (then.to === "halt") return { ...instance, phase: { is: "halting", dueAtMs: now, suspends: then.suspends } };
  const phase: Phase = { is: "replacing", ended: false, dueAtMs: now, restartAtMs: now, ...(then.restarts && { restarts: true }) };
  return { ...instance, templateRevision: then.revision, failures: 0, phase };
}
