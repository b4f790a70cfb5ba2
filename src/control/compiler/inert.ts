/** What the API keeps and nothing here obeys: whoever relies on one must be told. */
import { autoscalers } from "#model/compute/autoscalers.ts";
import { isJsonObject, type JsonObject } from "#base/json.ts";
import { configsCollection, type InstanceConfigs } from "./membership.ts";
import { collectionOf, type ResourceView } from "./view.ts";

/** Their collections. A compiler that begins to obey one takes it from here. */
const inert: readonly string[] = [
  "authorizationPolicies",
  "serverTlsPolicies",
  "clientTlsPolicies",
  "endpointPolicies",
  "targetGrpcProxies",
  "tcpRoutes",
  "tlsRoutes",
];

/** One warning a resource, in the order of the collections. */
export function inertWarnings(view: ResourceView): string[] {
  const whole = inert.flatMap((collection) =>
    view.list(collection).map(({ key }) => `${nameOf(key)} is stored; it has no effect on traffic`),
  );
  return [...whole, ...predictions(view), ...preservedWithoutEffect(view)];
}

/** A VM here has neither disks nor addresses of its own; its name and its metadata are what it can keep. */
function preservedWithoutEffect(view: ResourceView): string[] {
  const policies = view.list("instanceGroupManagers").flatMap(({ key, resource }) => {
    const policy = isJsonObject(resource["statefulPolicy"]) ? resource["statefulPolicy"]["preservedState"] : undefined;
    return unpreserved(policy).map((field) => `${nameOf(key)}.statefulPolicy.preservedState.${field}`);
  });
  const configs = view.list(configsCollection).flatMap(({ key, resource }) => {
    const wanted = new Map((resource as unknown as InstanceConfigs).configs.map((config) => [config.name, config.preservedState]));
    const where = `instanceGroupManagers/${key.slice(key.lastIndexOf("/") + 1)}.perInstanceConfigs`;
    return [...wanted].flatMap(([name, state]) => unpreserved(state).map((field) => `${where}[${name}].preservedState.${field}`));
  });
  return [...policies, ...configs].map((field) => `${field} is stored; it has no effect on instances`);
}

/** Fields that ask for what no instance has. */
function unpreserved(state: unknown): string[] {
  const given: JsonObject = isJsonObject(state) ? state : {};
  return ["disks", "internalIPs", "externalIPs"].filter((field) => isJsonObject(given[field]) && Object.keys(given[field]).length > 0);
}

/** Autoscalers look at what is, not at what was a week ago. */
function predictions(view: ResourceView): string[] {
  return view.list("autoscalers").flatMap(({ key, resource }) => {
    const method = autoscalers.read(resource).autoscalingPolicy?.cpuUtilization?.predictiveMethod ?? "NONE";
    const field = `${nameOf(key)}.autoscalingPolicy.cpuUtilization.predictiveMethod`;
    return method === "NONE" ? [] : [`${field} is stored; it has no effect on the size`];
  });
}

function nameOf(key: string): string {
  return `${collectionOf(key)}/${key.slice(key.lastIndexOf("/") + 1)}`;
}
