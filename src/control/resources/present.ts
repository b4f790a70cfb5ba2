import type { JsonObject } from "#base/json.ts";
import type { Kind } from "#model/kind.ts";
import { endpointsKey, membersKey, type AttachedEndpoints, type InstanceGroupMembers } from "#control/compiler/membership.ts";
import type { StoredResource } from "../store/store.ts";
import { autoscalerStatus } from "./autoscaler-status.ts";
import type { Call } from "./context.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { managerStatus } from "./manager-status.ts";
import { computeLink, nameOf, pathOf, scopeOf } from "./names.ts";

/** A resource as it is answered: what was given, plus what the server computes. No field is null: Google's own client refuses nulls. */
export function present(call: Call, kind: Kind, stored: StoredResource): JsonObject {
  return kind.api === "compute" ? presentCompute(call, kind, stored) : presentV1(call, kind, stored);
}

function presentCompute(call: Call, kind: Kind, stored: StoredResource): JsonObject {
  const { project } = call.command;
  return {
    kind: kind.kind,
    id: stored.id,
    creationTimestamp: timestamp(stored.createdAtMs),
    ...stored.resource,
    name: stored.name,
    ...place(project, stored),
    selfLink: computeLink(project, stored.key),
    ...(kind.fingerprint ? { fingerprint: fingerprintOf(stored) } : {}),
    ...extras[kind.collection]?.(call, stored),
  };
}

/** Network Services, Network Security, Secret Manager and our own: a resource is named by its path, and has times instead of an id. */
function presentV1(call: Call, kind: Kind, stored: StoredResource): JsonObject {
  const computed: JsonObject = {
    createTime: timestamp(stored.createdAtMs),
    updateTime: timestamp(stored.updatedAtMs),
    selfLink: `https://${kind.api}.googleapis.com/v1/${pathOf(call.command.project, stored.key)}`,
  };
  const known = Object.entries(computed).filter(([field]) => kind.outputOnly.includes(field));
  const name = kind.api === "wayside" ? stored.name : pathOf(call.command.project, stored.key);
  return { ...stored.resource, name, ...Object.fromEntries(known) };
}

/** RFC 3339 with milliseconds, as Google writes it. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}

function place(project: string, stored: StoredResource): JsonObject {
  const scope = scopeOf(stored.key);
  if (scope.startsWith("zones/")) return { zone: computeLink(project, scope) };
  return scope.startsWith("regions/") ? { region: computeLink(project, scope) } : {};
}

/** What single collections compute beyond the rest. */
const extras: Readonly<Record<string, (call: Call, stored: StoredResource) => JsonObject>> = {
  autoscalers: autoscalerStatus,
  instanceGroupManagers: managerStatus,
  instanceGroups: (call, stored) => ({ size: groupSize(call, stored) }),
  networkEndpointGroups: (call, stored) => {
    const attached = call.context.store.get(endpointsKey(scopeOf(stored.key), stored.name))?.resource as AttachedEndpoints | undefined;
    return { size: attached?.endpoints.length ?? 0 };
  },
  forwardingRules: (_call, stored) => ({ labelFingerprint: fingerprintOf(stored) }),
  instances: (_call, stored) => ({ status: stored.resource["status"] ?? "RUNNING" }),
};

function groupSize({ context }: Call, stored: StoredResource): number {
  const members = context.store.get(membersKey(scopeOf(stored.key), nameOf(stored.key)))?.resource as InstanceGroupMembers | undefined;
  return members?.members.length ?? context.store.groupReport(stored.key)?.instances.length ?? 0;
}
