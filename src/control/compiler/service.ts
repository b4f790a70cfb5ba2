/** One service as its proxy needs it: the entry of the service table, compiled. */
import { schemaVersion, type Snapshot } from "#ir/snapshot.ts";
import type { Rule } from "#ir/route.ts";
import { urlMaps } from "#model/compute/url-maps.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";
import { meshSettings } from "#model/wayside/mesh-settings.ts";
import { clustersOf, newContext, secretsOf, type Context } from "./context.ts";
import { httpRouteRules } from "./http-route.ts";
import { resolve, shortName } from "./references.ts";
import type { ServiceEntry } from "./services.ts";
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
  const context = newContext(recording);
  const rules = rulesOf(context, entry);
  const snapshot: Snapshot = {
    schemaVersion,
    project: view.project,
    service: entry.service,
    tracing: { samplingRatio: samplingRatio(recording, entry.owner) },
    virtualHosts: [{ hosts: [entry.service], rules }],
    clusters: clustersOf(context),
    secrets: secretsOf(context),
  };
  return { snapshot, dependencies: recording.dependencies(), warnings: [...context.warnings].toSorted() };
}

function rulesOf(context: Context, { service, owner }: ServiceEntry): Rule[] {
  const name = shortName(owner);
  if (collectionOf(owner) === "urlMaps") {
    const map = read(context.view, urlMaps, owner);
    return map ? urlMapRules(context, { name, map, host: service }) : [];
  }
  const route = read(context.view, httpRoutes, owner);
  return route ? httpRouteRules(context, name, route) : [];
}

/** Of the first mesh or gateway of the route that has settings; all traces where none has, and for URL maps, which have no mesh. */
function samplingRatio(view: ResourceView, owner: string): number {
  if (collectionOf(owner) !== "httpRoutes") return 1;
  const route = read(view, httpRoutes, owner);
  const scopes = [
    ...(route?.meshes ?? []).map((mesh) => resolve(view, mesh, ["meshes"])),
    ...(route?.gateways ?? []).map((gateway) => resolve(view, gateway, ["gateways"])),
  ];
  for (const scope of scopes) {
    const settings = scope === undefined ? undefined : read(view, meshSettings, `meshSettings/${shortName(scope)}`);
    if (settings?.tracing?.samplingRatio !== undefined) return settings.tracing.samplingRatio;
  }
  return 1;
}
