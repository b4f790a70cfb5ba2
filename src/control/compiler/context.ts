/** What grows while one snapshot is compiled: the clusters it needs, the secrets its headers name, and what is not obeyed. */
import type { JsonObject } from "#base/json.ts";
import type { Cluster } from "#ir/cluster.ts";
import type { SecretUse } from "#ir/snapshot.ts";
import type { TrafficPolicy } from "#model/wayside/traffic-policies.ts";
import type { RecordingView } from "./view.ts";

/** A cluster with what only the compiler needs of its backend service. */
export interface CompiledBackend {
  /** Its key in `Snapshot.clusters`. */
  readonly id: string;
  /** Key of the backend service. */
  readonly key: string;
  readonly cluster: Cluster;
  /** The backend service's `timeoutSec`: default of the routes that lead there. */
  readonly timeoutMs: number;
  /** The backend service's `maxStreamDuration`, likewise; absent or 0: none. */
  readonly maxStreamDurationMs?: number;
}

/** A traffic policy with its key. */
export interface KeyedPolicy {
  readonly key: string;
  readonly policy: TrafficPolicy;
}

/** One compilation. Made by `newContext`, used once. */
export interface Context {
  readonly view: RecordingView;
  /** By their keys in `Snapshot.clusters`. */
  readonly backends: Map<string, CompiledBackend>;
  readonly secretNames: Set<string>;
  readonly warnings: Set<string>;
  /** Labels of the service's proxies, for metadata filters. */
  readonly labels: Readonly<Record<string, string>>;
  /** All of the project's by what they are about; undefined until they are asked for. */
  trafficPolicies: ReadonlyMap<string, readonly KeyedPolicy[]> | undefined;
}

export function newContext(view: RecordingView, labels: Readonly<Record<string, string>> = {}): Context {
  return { view, backends: new Map(), secretNames: new Set(), warnings: new Set(), labels, trafficPolicies: undefined };
}

/** Clusters as a snapshot holds them. `fromEntries` defines own properties, so that no name can reach a prototype. */
export function clustersOf(context: Context): Record<string, Cluster> {
  return Object.fromEntries([...context.backends].map(([id, backend]) => [id, backend.cluster]));
}

/** The secrets that header values and traffic policies name, by name, with the version that is current now. */
export function secretsOf(context: Context): SecretUse[] {
  return [...context.secretNames].toSorted().map((name) => ({ name, version: context.view.secretVersion(name) }));
}

/** Says of each of `fields` that is set (`false`, an empty list and an object without fields that are set are not) that it is stored and has no effect. */
export function warnIgnored(context: Context, where: string, holder: { object: object | undefined; fields: readonly string[] }): void {
  const object = (holder.object ?? {}) as JsonObject;
  for (const field of holder.fields) {
    if (isSet(object[field])) context.warnings.add(`${where}.${field} is stored; it has no effect on traffic`);
  }
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.values(value).some(isSet);
}
