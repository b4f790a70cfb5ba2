import type { FleetState } from "../fleet.ts";
import { addSignals } from "../scale/samples.ts";
import { takeCpuTimes } from "../scale/group.ts";
import { healthAfter, nextProbeAt } from "../health/plan.ts";
import { drained } from "../rollout/moves.ts";
import { revisionFor } from "../rollout/plan.ts";
import { nextId } from "./names.ts";
import { act, byId, fleetKey, isManaged, probeKey, put, remove } from "./state.ts";
import type { Draft, Fact, Instance } from "./state.ts";
import { backoffMs, graceMs, listIntervalMs, listRetryMs, provenAliveMs, releasePollMs } from "./times.ts";

/** What each fact does to the state. */

/** Takes a fact in: the action with its key is no longer in flight, and the instance it speaks of moves on. */
export function take(draft: Draft, fact: Fact): void {
  if ("key" in fact) draft.inFlight.delete(fact.key);
  switch (fact.kind) {
    case "created":
      return takeState(draft, byId(draft, fact.id), fact.state);
    case "createFailed":
      return takeCreateFailure(draft, byId(draft, fact.id), fact.error);
    case "deleted":
    case "suspended":
      return takeDeleted(draft, byId(draft, fact.id));
    case "deleteFailed":
      return takeDeleteFailure(draft, byId(draft, fact.id), fact.error);
    case "exited":
      return takeExit(draft, byId(draft, fact.id), `the VM ended by itself: ${fact.exit}`);
    case "listed":
      return takeList(draft, fact.states, fact.askedAtMs);
    case "listFailed":
      draft.listDueAtMs = draft.now + listRetryMs;
      return;
    case "measured":
      draft.scaling = { ...draft.scaling, samples: addSignals(draft.scaling.samples, fact.signals, draft.now) };
      return;
    case "released":
      return takeReleased(draft, fact.released ? fact.names : []);
    case "probed":
      return takeProbe(draft, fact);
  }
}

function takeState(draft: Draft, instance: Instance | undefined, state: FleetState): void {
  if (instance?.phase.is !== "creating" || state.suspended) return;
  if (!state.running) return takeExit(draft, instance, `the VM ended by itself: ${state.exit ?? "reason unknown"}`);
  if (!instance.phase.again) noteCreation(draft, instance);
  put(draft, { ...instance, address: state.address, phase: { is: "running", sinceMs: draft.now, verified: false } });
}

/** What is decided on at one moment is one batch; of an older one nothing is counted any more. */
function noteCreation(draft: Draft, { createdAtMs }: Instance): void {
  const { creation, now } = draft;
  if (creation && createdAtMs < creation.decidedAtMs) return;
  const made = creation?.decidedAtMs === createdAtMs ? creation.made : 0;
  draft.creation = { decidedAtMs: createdAtMs, made: made + 1, lastMadeAtMs: now };
}

function takeCreateFailure(draft: Draft, instance: Instance | undefined, error: string): void {
  if (instance?.phase.is !== "creating") return;
  const failures = instance.failures + 1;
  const dueAtMs = draft.now + backoffMs(failures);
  put(draft, { ...instance, failures, lastError: error, phase: { ...instance.phase, started: false, dueAtMs } });
}

function takeDeleted(draft: Draft, instance: Instance | undefined): void {
  const phase = instance?.phase;
  if (phase?.is === "ending") return remove(draft, instance?.name ?? "");
  if (instance && phase?.is === "halting") {
    return put(draft, { ...instance, address: "", health: {}, phase: { is: "halted", suspended: phase.suspends } });
  }
  if (!instance || phase?.is !== "replacing") return;
  const made = { is: "creating", again: true, started: false, dueAtMs: phase.restartAtMs } as const;
  if (phase.restarts === true) return put(draft, { ...instance, address: "", health: {}, phase: { ...made, as: "RESTARTING" } });
  draft.lastId = nextId(draft.lastId, draft.now, draft.random);
  put(draft, { ...instance, id: draft.lastId, createdAtMs: draft.now, address: "", health: {}, phase: made });
}

function takeDeleteFailure(draft: Draft, instance: Instance | undefined, error: string): void {
  const phase = instance?.phase;
  if (!instance || (phase?.is !== "ending" && phase?.is !== "replacing" && phase?.is !== "halting")) return;
  put(draft, { ...instance, lastError: error, phase: { ...phase, dueAtMs: draft.now + backoffMs(1) } });
}

/** A process is gone: one that was wanted is made again, one on its way out has nothing left to drain. */
function takeExit(draft: Draft, instance: Instance | undefined, lastError: string): void {
  if (!instance || !isManaged(instance)) return;
  const { phase } = instance;
  if (phase.is === "draining") return put(draft, drained(draft, instance, phase.then));
  if (phase.is !== "running" && phase.is !== "creating") return;
  if (draft.spec.managed?.repair?.onFailure === false)
    return put(draft, { ...instance, lastError, phase: { is: "halted", suspended: false, failed: true } });
  replace(draft, instance, { ended: true, lastError });
}

/**
 * Sends a running instance, or one that never came to run, back to be made again: at once when it had proven itself, else after a pause that
 * doubles with each failure in a row.
 */
export function replace(draft: Draft, instance: Instance, why: { readonly ended: boolean; readonly lastError: string }): Instance {
  const { phase } = instance;
  const proven = phase.is === "running" && draft.now - phase.sinceMs >= provenAliveMs;
  const failures = proven ? 0 : instance.failures + 1;
  const restartAtMs = draft.now + backoffMs(failures);
  const replacing: Instance = {
    ...instance,
    ...(draft.spec.managed?.repair?.updates === true && { templateRevision: revisionFor(draft, instance) }),
    failures,
    lastError: why.lastError,
    phase: { is: "replacing", ended: why.ended, dueAtMs: draft.now, restartAtMs },
  };
  put(draft, replacing);
  return replacing;
}

/** Reconciles with what the fleet says there is. An instance that came to run after the question is left to the next list. */
function takeList(draft: Draft, states: readonly FleetState[], askedAtMs: number): void {
  draft.listDueAtMs = draft.now + listIntervalMs(draft.spec);
  takeCpuTimes(draft, states);
  const listed = new Map(states.map((state) => [state.id, state]));
  for (const { id, name, phase } of draft.instances.values()) {
    if (phase.is !== "abandoned") continue;
    // What was given away runs on until it ends; then what is left of it is taken away like any other.
    if (listed.get(id)?.running === true) listed.delete(id);
    else remove(draft, name);
  }
  for (const instance of [...draft.instances.values()].filter(isManaged)) {
    const state = listed.get(instance.id);
    listed.delete(instance.id);
    if (instance.phase.is === "creating") {
      if (state) takeState(draft, instance, state);
    } else if (!state && startedBefore(instance, askedAtMs)) {
      takeLoss(draft, instance);
    } else if (state && !state.running) {
      takeExit(draft, instance, `the VM ended by itself: ${state.exit ?? "reason unknown"}`);
    }
  }
  for (const orphan of listed.values()) {
    act(draft, { kind: "delete", key: fleetKey(orphan.id), name: orphan.name, id: orphan.id });
  }
}

function startedBefore(instance: Instance, askedAtMs: number): boolean {
  return (instance.phase.is === "running" || instance.phase.is === "draining") && instance.phase.sinceMs < askedAtMs;
}

/** The fleet does not know it: the host was started anew. Nothing speaks against the instance, so nothing is counted against it. */
function takeLoss(draft: Draft, instance: Instance): void {
  if (instance.phase.is === "draining") return put(draft, drained(draft, instance, instance.phase.then));
  const phase = { is: "replacing", ended: true, dueAtMs: draft.now, restartAtMs: draft.now } as const;
  put(draft, { ...instance, lastError: "the VM was lost with its host", phase });
}

function takeReleased(draft: Draft, names: readonly string[]): void {
  draft.releaseDueAtMs = draft.now + releasePollMs;
  for (const name of names) {
    const instance = draft.instances.get(name);
    if (instance?.phase.is !== "draining" || instance.phase.endAtMs !== undefined) continue;
    put(draft, { ...instance, phase: { ...instance.phase, endAtMs: draft.now + graceMs(draft.spec) } });
  }
}

function takeProbe(draft: Draft, fact: Extract<Fact, { kind: "probed" }>): void {
  const instance = byId(draft, fact.id);
  const spec = draft.spec.probes.find((probe) => probe.id === fact.probeId);
  const record = draft.probes.get(probeKey(fact.id, fact.probeId));
  if (instance?.phase.is !== "running" || !spec || !record) return;
  const before = instance.health[spec.id] ?? "UNKNOWN";
  const { health, against } = healthAfter({ health: before, record, spec, result: fact });
  const { now, random } = draft;
  const nextAtMs = nextProbeAt({ health, spec, startedAtMs: fact.startedAtMs, now, random });
  draft.probes.set(probeKey(fact.id, fact.probeId), { ...record, against, nextAtMs });
  if (health === before) return;
  const since = health === "HEALTHY" ? { healthySinceMs: { ...instance.healthySinceMs, [spec.id]: now } } : {};
  put(draft, { ...instance, health: { ...instance.health, [spec.id]: health }, ...since });
}
