import { UserError } from "#base/errors.ts";
import { configsKey, endpointsCollection, endpointsKey, membersCollection, membersKey } from "#control/compiler/membership.ts";
import type { Kind } from "#model/kind.ts";
import type { Change } from "../command.ts";
import type { ResourceKey, StoredResource } from "../store/store.ts";
import type { Call, Result } from "./context.ts";
import { groupKeyOfManager } from "./derived.ts";
import { keyOfIntents } from "./intents.ts";
import { forgetGroup } from "./membership-state.ts";
import { leaveGroups } from "./membership.ts";
import { collectionOf, pathOf, scopeOf, snakeCase } from "./names.ts";

/** Deletes a resource and what hangs on it alone. Refused while another resource refers to it. */
export function remove(call: Call, kind: Kind, before: StoredResource): Result {
  refuseInUse(call, kind, before);
  const { store } = call.context;
  const changes: Change[] = [];
  const drop = (key: ResourceKey): void => {
    if (!store.get(key)) return;
    store.delete(key);
    changes.push({ key, kind: "deleted" });
  };
  if (kind.collection === "instances") changes.push(...leaveGroups(call, before.key));
  drop(before.key);
  const scope = scopeOf(before.key);
  if (kind.collection === "instanceGroupManagers") {
    drop(keyOfIntents(before.key, before.name));
    drop(configsKey(scope, before.name));
  }
  if (kind.collection === "instanceGroups") drop(membersKey(scope, before.name));
  if (kind.collection === "networkEndpointGroups") drop(endpointsKey(scope, before.name));
  for (const groupKey of groupKeysOf(kind, before.key)) {
    store.deleteGroupReport(groupKey);
    changes.push(...forgetGroup(call, groupKey));
  }
  return { target: before.key, changes };
}

/** The group that goes with a resource, under the key by which reports and backends know it. */
function groupKeysOf(kind: Kind, key: ResourceKey): ResourceKey[] {
  if (kind.collection === "instanceGroupManagers") return [groupKeyOfManager(key)];
  return kind.collection === "instanceGroups" || kind.collection === "networkEndpointGroups" ? [key] : [];
}

/** A manager is in use through its instance group, too. Memberships are no use: they end with the instance. */
function refuseInUse({ command, context }: Call, kind: Kind, before: StoredResource): void {
  const keys = [before.key, ...groupKeysOf(kind, before.key)];
  const user = keys
    .flatMap((key) => context.store.referrers(key))
    .find((key) => key !== before.key && ![membersCollection, endpointsCollection].includes(collectionOf(key)));
  if (user === undefined) return;
  const what = snakeCase(kind.singular);
  throw new UserError({
    code: "resourceInUseByAnotherResource",
    message: `The ${what} resource '${pathOf(command.project, before.key)}' is already being used by '${pathOf(command.project, user)}'`,
  });
}
