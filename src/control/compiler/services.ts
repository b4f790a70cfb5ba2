/** Which services a project has: one for each host pattern that a route claims. */
import { forwardingRules } from "#model/compute/forwarding-rules.ts";
import { targetHttpProxies } from "#model/compute/target-http-proxies.ts";
import { urlMaps } from "#model/compute/url-maps.ts";
import { grpcRoutes } from "#model/networkservices/grpc-routes.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";
import { filtersPass, settingsOf } from "./mesh-settings.ts";
import { resolve } from "./references.ts";
import { read, type ResourceView, type ViewedResource } from "./view.ts";

/** A service: the host pattern callers use, and the resource that says what happens there. */
export interface ServiceEntry {
  /** Lower case; names the service everywhere. `*` takes the hosts that no other service takes. */
  readonly service: string;
  /** Key of the HttpRoute, GrpcRoute or URL map. */
  readonly owner: string;
}

/** A host pattern claimed again: `owner` serves it, `ignored` does not. */
export interface ServiceConflict {
  readonly service: string;
  readonly owner: string;
  readonly ignored: string;
}

export interface ServiceTable {
  /** By service name, in code-unit order. */
  readonly entries: ServiceEntry[];
  readonly conflicts: ServiceConflict[];
}

/** A change in one of these can change the table; no other can. */
export const serviceTableCollections: readonly string[] = [
  "httpRoutes",
  "grpcRoutes",
  "urlMaps",
  "targetHttpProxies",
  "forwardingRules",
  "meshSettings",
];

/**
 * All services. An HttpRoute or GrpcRoute counts when it names a mesh or a gateway; a URL map when a forwarding rule of scheme
 * INTERNAL_SELF_MANAGED that is meant for its proxies leads to it through a target HTTP proxy, with `*` for its default. Of two claims on a host the older
 * resource has it (of two made in the same millisecond, the one whose key is first).
 */
export function serviceTable(view: ResourceView): ServiceTable {
  const claims = [...routeClaims(view), ...mapClaims(view)].toSorted((a, b) => a.createdAtMs - b.createdAtMs || compare(a.owner, b.owner));
  const owners = new Map<string, string>();
  const conflicts: ServiceConflict[] = [];
  for (const { hosts, owner } of claims) {
    for (const service of new Set(hosts.map((host) => host.toLowerCase()))) {
      const first = owners.get(service);
      if (first === undefined) owners.set(service, owner);
      else conflicts.push({ service, owner: first, ignored: owner });
    }
  }
  const entries = [...owners].map(([service, owner]) => ({ service, owner }));
  return { entries: entries.toSorted((a, b) => compare(a.service, b.service)), conflicts };
}

interface Claim {
  readonly owner: string;
  readonly createdAtMs: number;
  readonly hosts: readonly string[];
}

function routeClaims(view: ResourceView): Claim[] {
  const routes = [
    ...view.list("httpRoutes").map((stored) => ({ ...stored, route: httpRoutes.read(stored.resource) })),
    ...view.list("grpcRoutes").map((stored) => ({ ...stored, route: grpcRoutes.read(stored.resource) })),
  ];
  return routes.flatMap(({ key, route, createdAtMs }) => {
    const attached = (route.meshes ?? []).length + (route.gateways ?? []).length > 0;
    return attached ? [{ owner: key, createdAtMs, hosts: route.hostnames ?? [] }] : [];
  });
}

function mapClaims(view: ResourceView): Claim[] {
  const served = servedMaps(view);
  return view.list("urlMaps").flatMap(({ key, resource, createdAtMs }) => {
    if (!served.has(key)) return [];
    const hosts = (urlMaps.read(resource).hostRules ?? []).flatMap((rule) => rule.hosts ?? []);
    return [{ owner: key, createdAtMs, hosts: [...hosts, "*"] }];
  });
}

/** Keys of the URL maps that traffic can reach. */
function servedMaps(view: ResourceView): Set<string> {
  const maps = view.list("forwardingRules").map((rule) => mapOfRule(view, rule));
  return new Set(maps.filter((key) => key !== undefined));
}

function mapOfRule(view: ResourceView, { resource }: ViewedResource): string | undefined {
  const rule = forwardingRules.read(resource);
  if (rule.loadBalancingScheme !== "INTERNAL_SELF_MANAGED") return undefined;
  const key = resolve(view, rule.target, ["targetHttpProxies"]);
  const map = resolve(view, read(view, targetHttpProxies, key)?.urlMap, ["urlMaps"]);
  if (map === undefined || !rule.metadataFilters?.length) return map;
  return filtersPass(rule.metadataFilters, settingsOf(view, map)?.proxyLabels ?? {}) ? map : undefined;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
