import type { Cluster } from "#ir/cluster.ts";
import type { Action, Destination, HeaderMatch, HeaderMutation, Match, PathMatch, QueryMatch, Rule } from "#ir/route.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import { type CompiledSnapshot, compileSnapshot } from "#proxy/match/compile.ts";
import type { RequestView } from "#proxy/match/request.ts";

/** Builders of small snapshots and requests for tests of the matcher and the filters. */

/** What a `Headers` object can be made from. */
export type HeaderSource = NonNullable<ConstructorParameters<typeof Headers>[0]>;

export const noMutation: HeaderMutation = { remove: [], set: [], add: [] };

export function destination(cluster: string, more: Partial<Destination> = {}): Destination {
  return { cluster, weight: 1, requestHeaders: [], responseHeaders: [], ...more };
}

export function routeTo(cluster: string, more: Partial<Extract<Action, { kind: "route" }>> = {}): Action {
  return { kind: "route", destinations: [destination(cluster)], timeoutMs: 30_000, ...more };
}

export function match(path: PathMatch, headers: readonly HeaderMatch[] = [], query: readonly QueryMatch[] = []): Match {
  return { path, headers, query };
}

export const prefix = (value: string): PathMatch => ({ kind: "prefix", value });
export const exact = (value: string): PathMatch => ({ kind: "exact", value });
export const regex = (value: string): PathMatch => ({ kind: "regex", value });

/** Rules of `httpRoutes/test`, numbered in list order. */
export function rules(...parts: readonly (Partial<Rule> & Pick<Rule, "action">)[]): Rule[] {
  return parts.map((part, index) => ({
    ref: { resource: "httpRoutes/test", index },
    matches: [],
    requestHeaders: [],
    responseHeaders: [],
    ...part,
  }));
}

export function cluster(name: string, more: Partial<Cluster> = {}): Cluster {
  return {
    name,
    scheme: "http",
    transport: "vpc-network",
    groups: [],
    requestHeaders: noMutation,
    responseHeaders: noMutation,
    ...more,
  };
}

/** One virtual host for `cart.shop.mesh` with these rules, and a cluster for every destination. */
export function snapshotOf(ruleList: readonly Rule[], more: Partial<Snapshot> = {}): Snapshot {
  const names = ruleList.flatMap(({ action }) => (action.kind === "route" ? action.destinations.map((each) => each.cluster) : []));
  return {
    schemaVersion: 1,
    project: "demo",
    service: "cart.shop.mesh",
    tracing: { samplingRatio: 1 },
    virtualHosts: [{ hosts: ["cart.shop.mesh"], rules: ruleList }],
    clusters: Object.fromEntries(names.map((name) => [name, cluster(name)])),
    secrets: [],
    ...more,
  };
}

/** The compiled snapshot; throws with the reason when it is refused. */
export function compiled(snapshot: Snapshot): CompiledSnapshot {
  const result = compileSnapshot(snapshot);
  if ("error" in result) throw new Error(result.error);
  return result.compiled;
}

/** A GET request for `http://cart.shop.mesh` unless said otherwise. */
export function request(target: string, more: Partial<Omit<RequestView, "headers">> & { headers?: HeaderSource } = {}): RequestView {
  const { headers, ...rest } = more;
  return { method: "GET", scheme: "http", authority: "cart.shop.mesh", target, ...rest, headers: new Headers(headers) };
}
