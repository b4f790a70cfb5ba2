/** Resources that the API keeps and nothing here obeys: whoever relies on one must be told. */
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
  return inert.flatMap((collection) => view.list(collection).map(({ key }) => `${nameOf(key)} is stored; it has no effect on traffic`));
}

function nameOf(key: string): string {
  return `${collectionOf(key)}/${key.slice(key.lastIndexOf("/") + 1)}`;
}
