/** One service as its proxy needs it: the entry of the service table, compiled. */
import { schemaVersion, type Snapshot } from "#ir/snapshot.ts";
import type { Rule } from "#ir/route.ts";
import { urlMaps } from "#model/compute/url-maps.ts";
import { grpcRoutes } from "#model/networkservices/grpc-routes.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";
import { clustersOf, newContext, secretsOf, type Context } from "./context.ts";
import { grpcRouteRules } from "./grpc-route.ts";
import { withHedge } from "./hedge.ts";
import { httpRouteRules } from "./http-route.ts";
import { messagePolicies, settingsOf } from "./mesh-settings.ts";
import { shortName } from "./references.ts";
import type { ServiceEntry } from "./services.ts";
import { withRateLimits } from "./rate-limits.ts";
import { trafficPolicyOf } from "./traffic-policies.ts";
import { urlMapRules } from "./url-map.ts";
import { collectionOf, read, recordingView, type ResourceView } from "./view.ts";

export interface CompiledService {
  readonly snapshot: Snapshot;
  /** What was read, sorted: resource keys, and names made by `dependency`. Another snapshot can only come of a change in these. */
  readonly dependencies: string[];
  /** What the resources ask for and the mesh does not do, for people. */
  readonly warnings: string[];
}

/** Compiles a service. Never throws on resources that `conform` accepted, whatever is missing; without its owner it has no rules. */
export function compileService(view: ResourceView, entry: ServiceEntry): CompiledService {
  const recording = recordingView(view);
  const settings = settingsOf(recording, entry.owner);
  const context = newContext(recording, settings?.proxyLabels);
  const policy = trafficPolicyOf(context, entry.owner);
  const rules = withHedge(withRateLimits(rulesOf(context, entry), entry.owner, policy), policy);
  const snapshot: Snapshot = {
    schemaVersion,
    project: view.project,
    service: entry.service,
    tracing: { samplingRatio: settings?.tracing?.samplingRatio ?? 1 },
    virtualHosts: [{ hosts: [entry.service], rules }],
    clusters: clustersOf(context),
    secrets: secretsOf(context),
    ...messagePolicies(settings),
  };
  return { snapshot, dependencies: recording.dependencies(), warnings: [...context.warnings].toSorted() };
}

function rulesOf(context: Context, { service, owner }: ServiceEntry): Rule[] {
  const name = shortName(owner);
  if (collectionOf(owner) === "urlMaps") {
    const map = read(context.view, urlMaps, owner);
    return map ? urlMapRules(context, { name, map, host: service }) : [];
  }
  if (collectionOf(owner) === "grpcRoutes") {
    const grpcRoute = read(context.view, grpcRoutes, owner);
    return grpcRoute ? grpcRouteRules(context, name, grpcRoute) : [];
  }
  const route = read(context.view, httpRoutes, owner);
  return route ? httpRouteRules(context, name, route) : [];
}
