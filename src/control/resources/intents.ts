import type { Json } from "#base/json.ts";
import { intentsCollection, intentsKey, type GroupIntents } from "#control/compiler/membership.ts";
import type { Intent } from "#instances/group/spec.ts";
import type { Change } from "../command.ts";
import type { ResourceKey, StoredResource } from "../store/store.ts";
import type { Call } from "./context.ts";
import { groupKeyOfManager } from "./derived.ts";
import { putResource } from "./draft.ts";
import { scopeOf } from "./names.ts";

/**
 * What verbs ask of single instances, on its way to the group: kept beside the manager and part of the group's specification until the group
 * has said that it is done. Kept in the transaction of the verb, so that it is neither lost nor done without its change of size.
 */

type WithoutId<Any> = Any extends unknown ? Omit<Any, "id"> : never;

export function putIntent(call: Call, manager: StoredResource, asked: WithoutId<Intent>): Change {
  const key = keyOfIntents(manager.key, manager.name);
  const before = call.context.store.get(key);
  const { lastId, intents } = intentsOf(call, key);
  const done = call.context.store.groupReport(groupKeyOfManager(manager.key))?.intentsDone ?? 0;
  const id = lastId + 1;
  const kept = [...intents.filter((intent) => intent.id > done), { ...asked, id }];
  // Intents are plain data, which is JSON.
  const resource = { lastId: id, intents: kept as unknown as Json };
  putResource(call, { key, collection: intentsCollection, ...(before ? { before } : {}) }, { resource, references: [] });
  return { key, kind: before ? "updated" : "created" };
}

/** Whether the group has carried out all that was asked. */
export function areIntentsDone(call: Call, manager: StoredResource, done: number): boolean {
  return intentsOf(call, keyOfIntents(manager.key, manager.name)).lastId <= done;
}

/** Names of the instances that the group has been asked to make and has not begun with. */
export function namesToCome(call: Call, manager: StoredResource): ReadonlySet<string> {
  const done = call.context.store.groupReport(groupKeyOfManager(manager.key))?.intentsDone ?? 0;
  const { intents } = intentsOf(call, keyOfIntents(manager.key, manager.name));
  return new Set(intents.flatMap((intent) => (intent.kind === "create" && intent.id > done ? intent.names : [])));
}

export function keyOfIntents(managerKey: ResourceKey, name: string): ResourceKey {
  return intentsKey(scopeOf(managerKey), name);
}

function intentsOf({ context }: Call, key: ResourceKey): GroupIntents {
  return (context.store.get(key)?.resource as GroupIntents | undefined) ?? { lastId: 0, intents: [] };
}
