import { freeName, nextId } from "./names.ts";
import type { MemberSpec } from "./spec.ts";
import { isLeaving, isManaged, newestRevision, put, remove } from "./state.ts";
import type { Draft, Instance } from "./state.ts";

/** Which instances there should be: the wanted number of a managed group, the listed members of the others. */

/** Brings the number of managed instances that stay to the wanted one. A group that is managed no longer keeps none. */
export function planSize(draft: Draft): void {
  const managed = draft.spec.kind === "managed" ? draft.spec.managed : undefined;
  const staying = [...draft.instances.values()].filter((instance) => isManaged(instance) && !isLeaving(instance));
  const target = managed?.targetSize ?? 0;
  if (staying.length > target) {
    staying.sort((a, b) => compareVictims(draft, a, b));
    for (const victim of staying.slice(0, staying.length - target)) leave(draft, victim);
  }
  for (let size = staying.length; managed && size < target; size++) grow(draft, managed.baseInstanceName);
}

function grow(draft: Draft, baseInstanceName: string): void {
  draft.lastId = nextId(draft.lastId, draft.now, draft.random);
  put(draft, {
    name: freeName(baseInstanceName, draft.instances, draft.random),
    id: draft.lastId,
    createdAtMs: draft.now,
    phase: { is: "creating", again: false, started: false, dueAtMs: draft.now },
    address: "",
    templateRevision: newestRevision(draft.templates),
    health: {},
    failures: 0,
  });
}

/**
 * Google names what counts (status, health, template version) and leaves the order open. Ours takes least away: first what does not run yet, then
 * what is unhealthy, then what is not known to be healthy, then what an older template made; among equals the youngest.
 */
function compareVictims(draft: Draft, a: Instance, b: Instance): number {
  return worth(draft, a) - worth(draft, b) || (BigInt(a.id) < BigInt(b.id) ? 1 : -1);
}

function worth(draft: Draft, instance: Instance): number {
  if (instance.phase.is !== "running") return 0;
  const states = draft.spec.probes.map((probe) => instance.health[probe.id] ?? "UNKNOWN");
  if (states.some((state) => state === "UNHEALTHY" || state === "TIMEOUT")) return 1;
  if (states.some((state) => state !== "HEALTHY")) return 2;
  return instance.templateRevision === newestRevision(draft.templates) ? 4 : 3;
}

/** A running instance is drained first; one that takes no requests is ended at once. */
function leave(draft: Draft, instance: Instance): void {
  const drains = instance.phase.is === "running";
  put(draft, { ...instance, phase: drains ? { is: "draining", sinceMs: draft.now } : { is: "ending", dueAtMs: draft.now } });
}

/** Members of unmanaged groups and network endpoint groups: as the specification lists them, running, and nobody's to end. */
export function planMembers(draft: Draft): void {
  const { kind, members } = draft.spec;
  const wanted = new Map((kind === "unmanaged" || kind === "endpoints" ? (members ?? []) : []).map((member) => [member.name, member]));
  for (const instance of [...draft.instances.values()].filter((each) => !isManaged(each))) {
    if (!wanted.has(instance.name)) remove(draft, instance.name);
  }
  for (const member of wanted.values()) {
    const known = draft.instances.get(member.name);
    // A managed instance of that name is still on its way out; the member follows when it is gone.
    if (known && (isManaged(known) || samePlace(known, member))) continue;
    draft.lastId = nextId(draft.lastId, draft.now, draft.random);
    put(draft, asInstance(draft, member));
  }
}

/** At another address it is another instance: what was known of its health does not hold there. */
function samePlace(instance: Instance, member: MemberSpec): boolean {
  return instance.address === member.address && instance.port === member.port;
}

function asInstance(draft: Draft, member: MemberSpec): Instance {
  return {
    name: member.name,
    id: draft.lastId,
    createdAtMs: draft.now,
    phase: { is: "running", sinceMs: draft.now, verified: true },
    address: member.address,
    ...(member.port === undefined ? {} : { port: member.port }),
    health: {},
    failures: 0,
  };
}

/** Forgets templates that nothing is made from any more. */
export function forgetTemplates(draft: Draft): void {
  const newest = newestRevision(draft.templates);
  const used = new Set([...draft.instances.values()].map((instance) => instance.templateRevision)).add(newest);
  const kept = [...draft.templates].filter(([revision]) => used.has(revision));
  if (kept.length < draft.templates.size) draft.templates = new Map(kept);
}
