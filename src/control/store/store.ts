import type { JsonObject } from "#base/json.ts";
import type { GroupReport } from "#instances/group/spec.ts";

/** `global/urlMaps/x`, `zones/z/instanceGroupManagers/x`, `locations/global/httpRoutes/x`: a resource's name without its project. */
export type ResourceKey = string;

export interface StoredResource {
  readonly key: ResourceKey;
  readonly collection: string;
  readonly name: string;
  /** As it was given, plus defaults; without what the server computes (id, selfLink, kind, fingerprint, status). */
  readonly resource: JsonObject;
  /** Decimal, unique in the project for ever. */
  readonly id: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Grows by one with each change in the project; the fingerprint is made of it and the content. */
  readonly revision: number;
}

/**
 * What a Project object keeps. Synchronous: Durable Object SQLite in workerd, `node:sqlite` in tests of pure code.
 * Calls between `transaction` begin and end are kept together or not at all.
 */
export interface Store {
  transaction<T>(work: () => T): T;
  get(key: ResourceKey): StoredResource | undefined;
  /** Sorted by key. `prefix` narrows to a scope such as `zones/z/`. */
  list(collection: string, prefix?: string): readonly StoredResource[];
  /** Creates or replaces, with the keys that the resource refers to. */
  put(resource: StoredResource, references: readonly ResourceKey[]): void;
  delete(key: ResourceKey): void;
  /** Keys of the resources that refer to `key`, sorted. */
  referrers(key: ResourceKey): readonly ResourceKey[];
  nextRevision(): number;
  groupReport(groupKey: string): GroupReport | undefined;
  putGroupReport(report: GroupReport): void;
  deleteGroupReport(groupKey: string): void;
}
