import type { Fault } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import { resolve } from "#control/compiler/references.ts";
import type { Kind, Reference } from "#model/kind.ts";
import { kindOfCollection } from "#model/kinds.ts";
import { parseReference } from "#model/references.ts";
import type { ResourceKey } from "../store/store.ts";
import type { Call } from "./context.ts";
import { derived } from "./derived.ts";
import { invalidFault, notFoundFault } from "./faults.ts";
import { collectionOf } from "./names.ts";
import { viewOf } from "./view.ts";

export interface References {
  readonly keys: readonly ResourceKey[];
  /** One for each resource that is not there. */
  readonly faults: readonly Fault[];
}

/**
 * The keys that a resource refers to. What names a collection that is not served here (backend buckets, networks, certificates) is
 * accepted and protects nothing.
 */
export function referencesOf(call: Call, kind: Kind, resource: JsonObject): References {
  const keys = new Set<ResourceKey>();
  const faults: Fault[] = [];
  for (const reference of kind.references(resource)) {
    const read = readReference(call, reference);
    if (typeof read === "string") keys.add(read);
    else if (read !== undefined) faults.push(read);
  }
  return { keys: [...keys].toSorted(), faults };
}

/** The key that a reference names, or what is wrong with it; undefined where there is nothing to hold it against. */
function readReference(call: Call, { field, value, collections }: Reference): ResourceKey | Fault | undefined {
  const { project } = call.command;
  const parsed = parseReference(value, { collections, project });
  if (parsed === undefined) return invalidFault(field, value, "The URL is malformed.");
  const collection = "key" in parsed ? collectionOf(parsed.key) : undefined;
  if (collection !== undefined && kindOfCollection(collection) === undefined) return undefined;
  if (collection !== undefined && !collections.includes(collection)) {
    return invalidFault(field, value, `It must name a resource of ${collections.join(" or ")}.`);
  }
  const key = resolve(viewOf(call), value, collections);
  return key === undefined || exists(call, key) ? key : notFoundFault(project, key, field);
}

/** Whether there is such a resource, stored or derived. */
function exists({ command, context }: Call, key: ResourceKey): boolean {
  return context.store.get(key) !== undefined || derived(context.store, command.project, key) !== undefined;
}
