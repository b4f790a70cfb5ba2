/** Which services a project has: one for each host pattern that a route claims. */
import { forwardingRules } from "#model/compute/forwarding-rules.ts";
import { targetHttpProxies } from "#model/compute/target-http-proxies.ts";
import { urlMaps } from "#model/compute/url-maps.ts";
import { grpcRoutes } from "#model/networkservices/grpc-routes.ts";
import { httpRoutes } from "#model/networkservices/http-routes.ts";
import { filtersPass, settingsOf } from "./mesh-settings.ts";
import { resolve } from "./references.ts";
import { collectionOf, read, type ResourceView, type ViewedResource } from "./view.ts";

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
    for (const service of services(hosts)) {
      const first = owners.get(service);
      if (first === undefined) owners.set(service, owner);
      else conflicts.push({ service, owner: first, ignored: owner });
    }
  }
  const entries = [...owners].map(([service, owner]) => ({ service, owner }));
  return { entries: entries.toSorted((a, b) => compare(a.service, b.service)), conflicts };
}

/**
 * The hosts, each once, that a route claims, or that a URL map claims when traffic can reach it; undefined for what is neither. Only this one
 * resource is looked at.
 */
export function claimedHosts(view: ResourceView, key: string): readonly string[] | undefined {
  switch (collectionOf(key)) {
    case "httpRoutes":
      return services(hostsOfRoute(read(view, httpRoutes, key)));
    case "grpcRoutes":
      return services(hostsOfRoute(read(view, grpcRoutes, key)));
    case "urlMaps":
      return services(hostsOfMap(read(view, urlMaps, key)));
    default:
      return undefined;
  }
}

/** The services that host patterns name. */
function services(hosts: readonly string[]): string[] {
  return [...new Set(hosts.map((host) => host.toLowerCase()))];
}

/** What the claims of a route depend on. */
interface Attached {
  readonly hostnames?: readonly string[];
  readonly meshes?: readonly string[];
  readonly gateways?: readonly string[];
}

function hostsOfRoute(route: Attached | undefined): readonly string[] {
  const { hostnames = [], meshes = [], gateways = [] } = route ?? {};
  return meshes.length + gateways.length > 0 ? hostnames : [];
}

function hostsOfMap(map: { readonly hostRules?: readonly { readonly hosts?: readonly string[] }[] } | undefined): readonly string[] {
  return [...(map?.hostRules ?? []).flatMap((rule) => rule.hosts ?? []), "*"];
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
  return routes.map(({ key, route, createdAtMs }) => ({ owner: key, createdAtMs, hosts: hostsOfRoute(route) }));
}

function mapClaims(view: ResourceView): Claim[] {
  const served = servedMaps(view);
  return view.list("urlMaps").flatMap(({ key, resource, createdAtMs }) => {
    return served.has(key) ? [{ owner: key, createdAtMs, hosts: hostsOfMap(urlMaps.read(resource)) }] : [];
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
