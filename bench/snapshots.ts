/** Configurations to measure with: as many rules and endpoints as asked for, and requests that the rules take. */
import type { Cluster, Endpoint } from "#ir/cluster.ts";
import type { HeaderMutation, Match, PathMatch, Rule } from "#ir/route.ts";
import { schemaVersion, type Snapshot } from "#ir/snapshot.ts";
import { tunnelHost } from "#tunnel/address.ts";

/** The service of every configuration here. Its proxy is asked under whatever host the load generator has. */
export const service = "*";
export const project = "bench";

export interface Shape {
  readonly rules: number;
  readonly endpoints: number;
  /** `mixed`: a third each exact, prefix and regular expression, every second with a header predicate. `regex`: expressions only. */
  readonly kind: "mixed" | "regex";
  /** Port of the upstream, which listens on all of 127.0.0.0/8. */
  readonly port: number;
  readonly samplingRatio: number;
  /** Whether nothing but tunnels reaches the endpoints. */
  readonly isTunneled?: boolean;
}

/** Where the endpoint of that number is, where it is behind a tunnel. */
export function tunnelHostOf(number: number): string {
  return tunnelHost("us-central1-a", "bench", `vm-${number}`);
}

const nothing: HeaderMutation = { remove: [], set: [], add: [] };
/** Every request of the load carries it, for the header predicates. */
export const tenantHeader = { name: "x-tenant", value: "blue" } as const;
const clusters = 10;

export function snapshotOf(shape: Shape): Snapshot {
  const names = Array.from({ length: Math.min(clusters, shape.endpoints) }, (_, at) => `backend-${at}`);
  return {
    schemaVersion,
    project,
    service,
    tracing: { samplingRatio: shape.samplingRatio },
    virtualHosts: [{ hosts: ["*"], rules: Array.from({ length: shape.rules }, (_, at) => ruleOf(shape, at, names)) }],
    clusters: Object.fromEntries(names.map((name, at) => [name, clusterOf(name, endpointsOf(shape, at, names.length))])),
    secrets: [],
  };
}

/** Paths that the rule at each of `places` takes, and no rule before it. */
export function targetsOf(shape: Shape, places: readonly number[]): string[] {
  return places.map((place) => {
    switch (kindOf(shape, place)) {
      case "exact":
        return `/exact/${place}/item`;
      case "prefix":
        return `/prefix/${place}/items/17?page=2`;
      case "regex":
        return `/regex/${place}/red/items/42`;
    }
  });
}

/** `count` places of rules, spread evenly over the list and over its kinds. */
export function spread(shape: Shape, count: number): number[] {
  const step = shape.rules / count;
  return Array.from({ length: count }, (_, at) => Math.min(shape.rules - 1, Math.floor(at * step) + (step > 3 ? at % 3 : 0)));
}

/** The expression of the rule at `place`, in a dialect that RE2, PCRE and HAProxy share. */
export function expressionOf(place: number): string {
  return `/regex/${place}/[a-z]+/items/[0-9]+`;
}

function kindOf({ kind }: Shape, place: number): "exact" | "prefix" | "regex" {
  if (kind === "regex") return "regex";
  return (["exact", "prefix", "regex"] as const)[place % 3] ?? "exact";
}

function ruleOf(shape: Shape, place: number, names: readonly string[]): Rule {
  const headers = shape.kind === "mixed" && place % 2 === 1 ? [tenantPredicate] : [];
  const matches: Match[] = [{ path: pathOf(shape, place), headers, query: [] }];
  const destination = { cluster: names[place % names.length] ?? "", weight: 1, requestHeaders: [], responseHeaders: [] };
  return {
    ref: { resource: "httpRoutes/bench", index: place },
    matches,
    action: { kind: "route", destinations: [destination], timeoutMs: 15_000 },
    requestHeaders: [],
    responseHeaders: [],
  };
}

const tenantPredicate = { name: tenantHeader.name, test: { kind: "exact", value: tenantHeader.value } } as const;

function pathOf(shape: Shape, place: number): PathMatch {
  switch (kindOf(shape, place)) {
    case "exact":
      return { kind: "exact", value: `/exact/${place}/item` };
    case "prefix":
      return { kind: "prefix", value: `/prefix/${place}/` };
    case "regex":
      return { kind: "regex", value: expressionOf(place) };
  }
}

function clusterOf(name: string, endpoints: readonly Endpoint[]): Cluster {
  const group = { group: `zones/us-central1-a/instanceGroups/${name}`, capacityScaler: 1, endpoints };
  return { name, scheme: "http", transport: "vpc-network", groups: [group], requestHeaders: nothing, responseHeaders: nothing };
}

function endpointsOf({ endpoints, port, isTunneled = false }: Shape, cluster: number, count: number): Endpoint[] {
  const own = Math.floor(endpoints / count) + (cluster < endpoints % count ? 1 : 0);
  return Array.from({ length: own }, (_, at) => {
    const number = at * count + cluster;
    const address = isTunneled ? tunnelHostOf(number) : `127.20.${Math.floor(number / 250)}.${1 + (number % 250)}`;
    return { instance: `vm-${number}`, address, port, zone: "us-central1-a", health: "HEALTHY" };
  });
}
