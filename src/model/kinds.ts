/** The table of all kinds, and look-ups in it. Adding a resource is one file in its API's folder and one row here. */
import { autoscalers } from "./compute/autoscalers.ts";
import { backendServices } from "./compute/backend-services.ts";
import { forwardingRules } from "./compute/forwarding-rules.ts";
import { healthChecks } from "./compute/health-checks.ts";
import { instanceGroupManagers } from "./compute/instance-group-managers.ts";
import { instanceGroups } from "./compute/instance-groups.ts";
import { instanceTemplates } from "./compute/instance-templates.ts";
import { instances } from "./compute/instances.ts";
import { networkEndpointGroups } from "./compute/network-endpoint-groups.ts";
import { targetGrpcProxies } from "./compute/target-grpc-proxies.ts";
import { targetHttpProxies } from "./compute/target-http-proxies.ts";
import { urlMaps } from "./compute/url-maps.ts";
import type { Kind } from "./kind.ts";
import { authorizationPolicies } from "./networksecurity/authorization-policies.ts";
import { clientTlsPolicies } from "./networksecurity/client-tls-policies.ts";
import { serverTlsPolicies } from "./networksecurity/server-tls-policies.ts";
import { endpointPolicies } from "./networkservices/endpoint-policies.ts";
import { gateways } from "./networkservices/gateways.ts";
import { grpcRoutes } from "./networkservices/grpc-routes.ts";
import { httpRoutes } from "./networkservices/http-routes.ts";
import { meshes } from "./networkservices/meshes.ts";
import { serviceLbPolicies } from "./networkservices/service-lb-policies.ts";
import { tcpRoutes } from "./networkservices/tcp-routes.ts";
import { tlsRoutes } from "./networkservices/tls-routes.ts";
import { secrets } from "./secretmanager/secrets.ts";
import { meshSettings } from "./wayside/mesh-settings.ts";
import { trafficPolicies } from "./wayside/traffic-policies.ts";

/** In the order in which they can be created: a kind refers only to kinds above it. Deleting goes the other way. */
export const kinds: readonly Kind[] = [
  secrets,
  healthChecks,
  instanceTemplates,
  instances,
  instanceGroups,
  instanceGroupManagers,
  autoscalers,
  networkEndpointGroups,
  serverTlsPolicies,
  clientTlsPolicies,
  authorizationPolicies,
  serviceLbPolicies,
  backendServices,
  urlMaps,
  targetHttpProxies,
  targetGrpcProxies,
  forwardingRules,
  meshSettings,
  meshes,
  gateways,
  httpRoutes,
  grpcRoutes,
  tcpRoutes,
  tlsRoutes,
  endpointPolicies,
  trafficPolicies,
];

const byCollection = new Map(kinds.map((kind) => [kind.collection, kind]));
const byKind = new Map(kinds.map((kind) => [kind.kind, kind]));

/** `urlMaps`. A collection's name belongs to one kind in all APIs. */
export function kindOfCollection(collection: string): Kind | undefined {
  return byCollection.get(collection);
}

/** `compute#urlMap`, as a document's `kind` has it. */
export function kindNamed(kind: string): Kind | undefined {
  return byKind.get(kind);
}

/** The kind that a full `selfLink` or `name` path tells, by the collection before its last part. */
export function kindOfPath(path: string): Kind | undefined {
  const collection = path.split("/").at(-2);
  return collection === undefined ? undefined : byCollection.get(collection);
}
