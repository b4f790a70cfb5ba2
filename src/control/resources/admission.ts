import type { Fault } from "#base/errors.ts";
import type { Json, JsonObject } from "#base/json.ts";
import { autoscalerOf, managerOf } from "#control/compiler/autoscaling.ts";
import { resolve } from "#control/compiler/references.ts";
import { testFailureFaults } from "#control/validate/url-map-faults.ts";
import { runUrlMapTests } from "#control/validate/url-map-tests.ts";
import { autoscalers } from "#model/compute/autoscalers.ts";
import { instances } from "#model/compute/instances.ts";
import type { Kind } from "#model/kind.ts";
import type { ResourceKey } from "../store/store.ts";
import { addressRefusal } from "./addresses.ts";
import type { Call } from "./context.ts";
import { groupKeyOfManager, managerKeyOf } from "./derived.ts";
import { invalidFault } from "./faults.ts";
import { pathOf, scopeOf } from "./names.ts";
import { regionalFaults } from "./regional-managers.ts";
import { viewOf } from "./view.ts";

interface Made {
  readonly key: ResourceKey;
  readonly resource: JsonObject;
}

type Rule = (call: Call, made: Made) => Fault[];

/** Rules that a resource alone cannot be held against: they need the rest of the project, or the decision function. */
const rules: Readonly<Record<string, Rule>> = {
  autoscalers: onlyAutoscaler,
  urlMaps: (_call, { resource }) => testFailureFaults(runUrlMapTests(resource)),
  httpRoutes: uniqueHostnames,
  grpcRoutes: uniqueHostnames,
  instances: reachableAddresses,
  instanceGroups: (call, { key }) => [...zonal(key), ...taken(call, managerKeyOf(key))],
  instanceGroupManagers: (call, made) => [...regionalFaults(made), ...taken(call, groupKeyOfManager(made.key))],
};

/** All faults that these rules find. */
export function admit(call: Call, kind: Kind, made: Made): Fault[] {
  return rules[kind.collection]?.(call, made) ?? [];
}

/** A manager and its instance group share one name, whichever of the two came first. */
function taken({ command, context }: Call, other: ResourceKey): Fault[] {
  if (context.store.get(other) === undefined) return [];
  return [{ code: "alreadyExists", message: `The resource '${pathOf(command.project, other)}' already exists` }];
}

/** Google: one autoscaler for a group, in its zone or region. */
function onlyAutoscaler(call: Call, { key, resource }: Made): Fault[] {
  const autoscaler = autoscalers.read(resource);
  const manager = managerOf(viewOf(call), autoscaler);
  if (manager === undefined) return [];
  if (scopeOf(manager) !== scopeOf(key)) {
    return [
      invalidFault("resource.target", autoscaler.target, `The instance group manager must be in ${scopeOf(key)}, as the autoscaler is.`),
    ];
  }
  const { project } = call.command;
  const other = autoscalerOf(viewOf(call), manager);
  if (!other || other.key === key) return [];
  return [
    {
      code: "resourceInUseByAnotherResource",
      field: "resource.target",
      message: `The instance_group_manager resource '${pathOf(project, manager)}' is already being used by '${pathOf(project, other.key)}'`,
    },
  ];
}

/** Google has regional groups of managers only. */
function zonal(key: ResourceKey): Fault[] {
  return key.startsWith("zones/")
    ? []
    : [invalidFault("resource.zone", key.split("/")[1], "An unmanaged instance group must be in a zone.")];
}

/** Google: a hostname is unique within each mesh and gateway that a route is attached to. What the route has there already is its own. */
function uniqueHostnames(call: Call, made: Made): Fault[] {
  const { store } = call.context;
  const before = store.get(made.key)?.resource ?? {};
  const own = hostnamesOf(before);
  const ownScopes = scopesOf(call, before);
  return scopesOf(call, made.resource).flatMap((scope) => {
    const hostnames = hostnamesOf(made.resource);
    if (ownScopes.includes(scope)) for (const name of own) hostnames.delete(name);
    if (hostnames.size === 0) return [];
    return store
      .referrers(scope)
      .filter((key) => key !== made.key)
      .flatMap((key) => {
        const claimed = texts(store.get(key)?.resource["hostnames"]).filter((name) => hostnames.has(name.toLowerCase()));
        const path = pathOf(call.command.project, key);
        return claimed.map((name) =>
          invalidFault(
            "resource.hostnames",
            name,
            `The hostname is already used by '${path}' on '${pathOf(call.command.project, scope)}'.`,
          ),
        );
      });
  });
}

function hostnamesOf(route: JsonObject): Set<string> {
  return new Set(texts(route["hostnames"]).map((name) => name.toLowerCase()));
}

function scopesOf(call: Call, route: JsonObject): ResourceKey[] {
  const view = viewOf(call);
  return (["meshes", "gateways"] as const).flatMap((collection) =>
    texts(route[collection]).flatMap((text) => resolve(view, text, [collection]) ?? []),
  );
}

function reachableAddresses({ context }: Call, { resource }: Made): Fault[] {
  return (instances.read(resource).networkInterfaces ?? []).flatMap(({ networkIP: address }, index) => {
    if (address === undefined) return [];
    const why = addressRefusal(address, context.loopbackAllowed);
    return why === undefined ? [] : [invalidFault(`resource.networkInterfaces[${index}].networkIP`, address, why)];
  });
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
