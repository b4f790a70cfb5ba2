import { sameJson, type JsonObject } from "#base/json.ts";
import {
  drainedKey,
  leaseKey,
  leasesCollection,
  servingStatesKey,
  type DrainedInstances,
  type InstanceLease,
} from "#control/compiler/membership.ts";
import type { ServingState, ServingStates } from "#instances/switching/switch.ts";
import { servingStatesOf } from "#control/compiler/traffic.ts";
import type { GroupKey } from "#instances/group/spec.ts";
import type { Change } from "../command.ts";
import type { ResourceKey } from "../store/store.ts";
import type { Call } from "./context.ts";
import { managerKeyOf } from "./derived.ts";
import { putResource } from "./draft.ts";
import { collectionOf, scopeOf } from "./names.ts";
import { viewOf } from "./view.ts";

/** What is kept of an instance beside its membership: the lease of its agent, whether it was taken out of traffic, and its serving state. */

export function leaseOf({ context }: Call, key: ResourceKey): InstanceLease | undefined {
  return context.store.get(key)?.resource as InstanceLease | undefined;
}

export function putLease(call: Call, instance: string, lease: InstanceLease): Change {
  return putPlain(call, leaseKey(scopeOf(lease.group), instance), lease);
}

export function isDrained({ context }: Call, group: GroupKey, name: string): boolean {
  return drainedOf(context.store.get(drainedKey(group))?.resource).includes(name);
}

/** Takes an instance out of traffic, or lets it in again; no change where that is so already. */
export function setDrained(call: Call, group: GroupKey, { name, drained }: { readonly name: string; readonly drained: boolean }): Change[] {
  const key = drainedKey(group);
  const before = drainedOf(call.context.store.get(key)?.resource);
  if (before.includes(name) === drained) return [];
  const others = stillThere(call, group, before).filter((one) => one !== name);
  const names = drained ? [...others, name].toSorted() : others;
  if (names.length > 0) return [putPlain(call, key, { names } satisfies DrainedInstances)];
  return [forget(call, key)];
}

/** Gives an instance a serving state; no change where it has it. */
export function setServingState(
  call: Call,
  group: GroupKey,
  { name, state }: { readonly name: string; readonly state: ServingState },
): Change[] {
  const before = servingStatesOf(viewOf(call), group);
  const others = stillThere(call, group, before.others).filter((one) => one !== name);
  return putServingStates(call, group, { ...before, others: state === before.state ? others : [...others, name].toSorted() });
}

/** A manager makes and ends instances without a word to us: names of those that are gone are left out when something is written anyway. */
function stillThere({ context }: Call, group: GroupKey, names: readonly string[]): readonly string[] {
  if (!context.store.get(managerKeyOf(group))) return names;
  const known = new Set(context.store.groupReport(group)?.instances.map(({ name }) => name));
  return names.filter((name) => known.has(name));
}

/** Keeps the serving states of a whole group; no change where they are so already. */
export function putServingStates(call: Call, group: GroupKey, states: ServingStates): Change[] {
  const key = servingStatesKey(group);
  if (sameJson(servingStatesOf(viewOf(call), group), states)) return [];
  return [states.state === "RUNNING" && states.others.length === 0 ? forget(call, key) : putPlain(call, key, states)];
}

/** Forgets what was kept of an instance of that group: it is no more. */
export function forgetInstance(call: Call, group: GroupKey, name: string): Change[] {
  const { store } = call.context;
  const { state } = servingStatesOf(viewOf(call), group);
  const key = leaseKey(scopeOf(group), name);
  return [
    ...setDrained(call, group, { name, drained: false }),
    ...setServingState(call, group, { name, state }),
    ...(store.get(key) ? [forget(call, key)] : []),
  ];
}

/** The same for all instances of a group. */
export function forgetGroup(call: Call, group: GroupKey): Change[] {
  const { store } = call.context;
  const leases = store.list(leasesCollection, `${scopeOf(group)}/`).filter(({ resource }) => resource["group"] === group);
  const kept = [drainedKey(group), servingStatesKey(group)].filter((key) => store.get(key));
  return [...leases.map(({ key }) => key), ...kept].map((key) => forget(call, key));
}

function forget({ context }: Call, key: ResourceKey): Change {
  context.store.delete(key);
  return { key, kind: "deleted" };
}

function drainedOf(resource: JsonObject | undefined): readonly string[] {
  return (resource as DrainedInstances | undefined)?.names ?? [];
}

function putPlain(call: Call, key: ResourceKey, value: InstanceLease | DrainedInstances | ServingStates): Change {
  const before = call.context.store.get(key);
  // Plain data of optional fields, which is JSON.
  const resource = value as unknown as JsonObject;
  putResource(call, { key, collection: collectionOf(key), ...(before ? { before } : {}) }, { resource, references: [] });
  return { key, kind: before ? "updated" : "created" };
}
