import type { Kind, ScopeKind } from "#model/kind.ts";
import { kinds } from "#model/kinds.ts";
import { operationVerbs } from "../operations/verbs.ts";
import type { Verb } from "./context.ts";
import { groupSwitchesCollection } from "./group-switches.ts";
import { aggregatedListVerb, listVerb } from "./list.ts";
import { places } from "./places.ts";
import { standardVerbs } from "./standard.ts";
import { backendServiceVerbs } from "./verbs/backend-services.ts";
import { groupSwitchVerbs } from "./verbs/group-switches.ts";
import { groupVerbs } from "./verbs/groups.ts";
import { managerVerbs } from "./verbs/instance-group-managers.ts";
import { instanceGroupVerbs } from "./verbs/instance-groups.ts";
import { joinTokenVerbs } from "./verbs/join-tokens.ts";
import { endpointGroupVerbs } from "./verbs/network-endpoint-groups.ts";
import { registrationVerbs } from "./verbs/registration.ts";
import { forwardingRuleVerbs, targetProxyVerbs } from "./verbs/setters.ts";
import { urlMapVerbs } from "./verbs/url-maps.ts";

/** A collection as the HTTP layer routes it and `execute` runs it. */
export interface Collection {
  readonly name: string;
  /** Absent for operations, places and the like. */
  readonly kind?: Kind;
  readonly scopes: readonly (ScopeKind | "")[];
  readonly verbs: ReadonlyMap<string, Verb>;
}

const customVerbs: Readonly<Record<string, ReadonlyMap<string, Verb>>> = {
  backendServices: backendServiceVerbs,
  forwardingRules: forwardingRuleVerbs,
  instanceGroupManagers: managerVerbs,
  instanceGroups: instanceGroupVerbs,
  instances: registrationVerbs,
  networkEndpointGroups: endpointGroupVerbs,
  targetHttpProxies: targetProxyVerbs,
  urlMaps: urlMapVerbs,
};

function collectionOfKind(kind: Kind): Collection {
  const verbs = new Map<string, Verb>([...standardVerbs(kind), ["list", listVerb(kind)], ...(customVerbs[kind.collection] ?? [])]);
  if (kind.api === "compute") verbs.set("aggregatedList", aggregatedListVerb(kind));
  return { name: kind.collection, kind, scopes: kind.scopes, verbs };
}

const joinTokens: Collection = { name: "joinTokens", scopes: [""], verbs: joinTokenVerbs };

const groups: Collection = { name: "groups", scopes: [""], verbs: groupVerbs };

const groupSwitches: Collection = { name: groupSwitchesCollection, scopes: [""], verbs: groupSwitchVerbs };

const operations: Collection = { name: "operations", scopes: ["global", "zone", "region", "location"], verbs: operationVerbs };

/**
 * Every collection that `execute` runs, by name. Secrets are not among them: their versions need sealing and have a module of their own.
 * The wayside API's instances are the collection `instances` with the project itself as its scope.
 */
export const catalogue: ReadonlyMap<string, Collection> = new Map<string, Collection>([
  ...kinds.filter((kind) => kind.api !== "secretmanager").map((kind): [string, Collection] => [kind.collection, collectionOfKind(kind)]),
  ["operations", operations],
  ["joinTokens", joinTokens],
  ["groups", groups],
  [groupSwitchesCollection, groupSwitches],
  ...[...places].map(([name, place]): [string, Collection] => [name, { name, ...place }]),
]);
