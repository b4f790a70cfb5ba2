/** What the API keeps and nothing here obeys: whoever relies on one must be told. */
import { autoscalers } from "#model/compute/autoscalers.ts";
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
  return [...whole, ...predictions(view)];
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
