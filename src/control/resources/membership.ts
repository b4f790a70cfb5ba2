import { sameJson, type Json, type JsonObject } from "#base/json.ts";
import { groupKeyOf, groupSource } from "#control/compiler/group-source.ts";
import {
  endpointsCollection,
  membersCollection,
  type AttachedEndpoint,
  type AttachedEndpoints,
  type GroupMember,
  type InstanceGroupMembers,
} from "#control/compiler/membership.ts";
import { shortName } from "#control/compiler/references.ts";
import type { Change } from "../command.ts";
import type { ResourceKey } from "../store/store.ts";
import type { Call } from "./context.ts";
import { putResource } from "./draft.ts";
import { forgetInstance } from "./membership-state.ts";
import { collectionOf, keyOf, nameOf, scopeOf } from "./names.ts";
import { viewOf } from "./view.ts";

/** Members of unmanaged groups and attached endpoints, as one stored list beside each group. */

export function membersOf({ context }: Call, key: ResourceKey): readonly GroupMember[] {
  const stored = context.store.get(key)?.resource as InstanceGroupMembers | undefined;
  return stored?.members ?? [];
}

export function endpointsOf({ context }: Call, key: ResourceKey): readonly AttachedEndpoint[] {
  const stored = context.store.get(key)?.resource as AttachedEndpoints | undefined;
  return stored?.endpoints ?? [];
}

/**
 * Keeps the members of a group; they refer to their instances, so that an instance's end takes it out of its groups. What was kept of a
 * member that is one no longer goes with it.
 */
export function putMembers(call: Call, key: ResourceKey, members: readonly GroupMember[]): readonly Change[] {
  const staying = new Set(members.map(({ instance }) => instance));
  const group = keyOf(scopeOf(key), "instanceGroups", nameOf(key));
  const left = membersOf(call, key).filter(({ instance }) => !staying.has(instance));
  const forgotten = left.flatMap(({ name }) => forgetInstance(call, group, name));
  const listed = putList(call, key, { field: "members", items: members, references: members.map(({ instance }) => instance) });
  return [...listed, ...forgotten];
}

export function putEndpoints(call: Call, key: ResourceKey, endpoints: readonly AttachedEndpoint[]): readonly Change[] {
  const scope = scopeOf(key);
  const references = endpoints.flatMap(({ instance }) => (instance === undefined ? [] : [`${scope}/instances/${shortName(instance)}`]));
  return putList(call, key, { field: "endpoints", items: endpoints, references });
}

interface StoredList {
  readonly field: "members" | "endpoints";
  readonly items: readonly (GroupMember | AttachedEndpoint)[];
  readonly references: readonly ResourceKey[];
}

function putList(call: Call, key: ResourceKey, { field, items, references }: StoredList): readonly Change[] {
  const before = call.context.store.get(key);
  if (before && sameJson(before.resource[field], items)) return [];
  // Members and endpoints are plain data of optional fields, which is JSON.
  const resource = { [field]: items as unknown as Json } satisfies JsonObject;
  const collection = collectionOf(key);
  putResource(call, { key, collection, ...(before ? { before } : {}) }, { resource, references });
  return [{ key, kind: before ? "updated" : "created" }];
}

/** Takes an instance out of every group and endpoint list that has it. */
export function leaveGroups(call: Call, instance: ResourceKey): readonly Change[] {
  return call.context.store.referrers(instance).flatMap((key) => {
    if (collectionOf(key) === membersCollection) {
      return putMembers(
        call,
        key,
        membersOf(call, key).filter((member) => member.instance !== instance),
      );
    }
    if (collectionOf(key) !== endpointsCollection) return [];
    const name = shortName(instance);
    return putEndpoints(
      call,
      key,
      endpointsOf(call, key).filter((endpoint) => shortName(endpoint.instance ?? "") !== name),
    );
  });
}

/** The group that a reference names, with what it is made of; undefined when there is none. */
export function findGroup(call: Call, reference: string): ReturnType<typeof groupSource> {
  const view = viewOf(call);
  const key = groupKeyOf(view, reference);
  return key === undefined ? undefined : groupSource(view, key);
}
