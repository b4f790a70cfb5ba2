/** One valid resource of each kind, with what it refers to. */
import type { JsonObject } from "#base/json.ts";
import type { InstanceReport } from "#instances/group/spec.ts";
import { kinds } from "#model/kinds.ts";
import type { Kind } from "#model/kind.ts";
import { compute, project, services, zone, type Harness } from "./harness.ts";

/** By collection; without the name. */
export const samples: Readonly<Record<string, JsonObject>> = {
  healthChecks: { type: "HTTP", httpHealthCheck: { port: 80 } },
  instanceTemplates: { properties: { machineType: "e2-small", metadata: { items: [{ key: "startup-script", value: "true" }] } } },
  instances: { networkInterfaces: [{ networkIP: "10.0.0.9" }] },
  instanceGroups: { namedPorts: [{ name: "http", port: 8080 }] },
  instanceGroupManagers: { instanceTemplate: "global/instanceTemplates/base", targetSize: 2 },
  autoscalers: { target: `${zone}/instanceGroupManagers/base`, autoscalingPolicy: { minNumReplicas: 1, maxNumReplicas: 4 } },
  networkEndpointGroups: { networkEndpointType: "NON_GCP_PRIVATE_IP_PORT", defaultPort: 8080 },
  serverTlsPolicies: { allowOpen: true },
  clientTlsPolicies: { sni: "a.example" },
  authorizationPolicies: { action: "ALLOW", rules: [] },
  serviceLbPolicies: { loadBalancingAlgorithm: "WATERFALL_BY_REGION" },
  backendServices: { protocol: "HTTP", loadBalancingScheme: "INTERNAL_SELF_MANAGED", healthChecks: ["global/healthChecks/base"] },
  urlMaps: { defaultService: "global/backendServices/base" },
  targetHttpProxies: { urlMap: "global/urlMaps/base" },
  targetGrpcProxies: { urlMap: "global/urlMaps/base" },
  forwardingRules: { target: "global/targetHttpProxies/base", loadBalancingScheme: "INTERNAL_SELF_MANAGED", portRange: "80" },
  meshSettings: { tracing: { samplingRatio: 0.5 } },
  trafficPolicies: { target: "backendServices/base", slowStart: { windowMs: 30_000 } },
  meshes: { interceptionPort: 15001 },
  gateways: { type: "OPEN_MESH", scope: "edge", ports: [80] },
  httpRoutes: {
    hostnames: ["cart.shop.mesh"],
    meshes: [`projects/${project}/locations/global/meshes/base`],
    rules: [{ action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/base` }] } }],
  },
  grpcRoutes: {
    hostnames: ["cart.shop.grpc"],
    meshes: [`projects/${project}/locations/global/meshes/base`],
    rules: [{ action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/base` }] } }],
  },
  tcpRoutes: { rules: [{ action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/base` }] } }] },
  tlsRoutes: {
    rules: [
      {
        matches: [{ sniHost: ["a.example"] }],
        action: { destinations: [{ serviceName: `projects/${project}/locations/global/backendServices/base` }] },
      },
    ],
  },
  endpointPolicies: {
    type: "SIDECAR_PROXY",
    endpointMatcher: { metadataLabelMatcher: { metadataLabelMatchCriteria: "MATCH_ANY", metadataLabels: [] } },
  },
};

/** Kinds that `execute` serves, in the order in which they can be created. */
export const servedKinds: readonly Kind[] = kinds.filter(({ api }) => api !== "secretmanager");

/** Path of a kind's collection, in the scope that its sample is made for. */
export function collectionPath(kind: Kind): string {
  if (kind.api === "wayside") return `/wayside/v1/projects/${project}/${kind.collection}`;
  if (kind.api !== "compute") return `${services}/${kind.collection}`;
  return `${compute}/${kind.scopes.includes("global") && kind.collection !== "networkEndpointGroups" ? "global" : zone}/${kind.collection}`;
}

/** Path by which one resource of a kind is changed, with room for a query. */
export function changePath(kind: Kind, name: string): string {
  return kind.changedThroughCollection ? `${collectionPath(kind)}?${kind.singular}=${name}&` : `${collectionPath(kind)}/${name}?`;
}

/** Creates the sample of a kind. */
export async function create(harness: Harness, kind: Kind, name: string): ReturnType<Harness["send"]> {
  if (kind.collection === "autoscalers") {
    // There from the second time on.
    await harness.send("POST", `${compute}/${zone}/instanceGroupManagers`, { name: "base", ...samples["instanceGroupManagers"] });
  }
  const body = samples[kind.collection] ?? {};
  const isNamedInBody = kind.api === "compute" || kind.api === "wayside";
  const path = collectionPath(kind);
  return harness.send("POST", isNamedInBody ? path : `${path}?${kind.singular}Id=${name}`, isNamedInBody ? { name, ...body } : body);
}

/** Resources named `base` that the samples refer to. */
export async function createBase(harness: Harness): Promise<void> {
  for (const kind of servedKinds) {
    if (!["healthChecks", "instanceTemplates", "backendServices", "urlMaps", "targetHttpProxies", "meshes"].includes(kind.collection))
      continue;
    const answer = await create(harness, kind, "base");
    if (answer.status !== 200) throw new Error(`${kind.collection}: ${JSON.stringify(answer.body)}`);
  }
}

/** A managed instance that runs and is healthy. */
export function instanceReport(name: string, changes: Partial<InstanceReport> = {}): InstanceReport {
  return {
    name,
    id: "77",
    address: "127.10.0.1",
    status: "RUNNING",
    action: "NONE",
    template: "instanceTemplates/base",
    health: { "global/healthChecks/base@80": "HEALTHY" },
    createdAtMs: 0,
    ...changes,
  };
}
