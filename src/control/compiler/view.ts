/**
 * What the compiler sees of a project. The Project object implements it over its store; tests over a plain list of resources.
 * Reading through `recordingView` tells what a result was made of, so that an edit recompiles only what it touches.
 */
import type { JsonObject } from "#base/json.ts";
import type { GroupReport } from "#instances/group/spec.ts";
import type { Kind } from "#model/kind.ts";

/** A resource with what decides who came first; a stored resource is one. */
export interface ViewedResource {
  /** `global/urlMaps/x`, as the store spells it. */
  readonly key: string;
  readonly resource: JsonObject;
  readonly createdAtMs: number;
}

/** One project at one moment. Synchronous and without side effects. */
export interface ResourceView {
  readonly project: string;
  get(key: string): JsonObject | undefined;
  /** All resources of a collection over all scopes, in any order. */
  list(collection: string): readonly ViewedResource[];
  /** The newest report of a group; undefined before the first. */
  groupReport(groupKey: string): GroupReport | undefined;
  /** Latest enabled version of a secret; null when there is no such secret or no enabled version. */
  secretVersion(name: string): number | null;
}

/** A resource of a kind, read by its key; undefined when there is none. */
export function read<Resource>(view: ResourceView, kind: Kind<Resource>, key: string | undefined): Resource | undefined {
  const resource = key === undefined ? undefined : view.get(key);
  return resource && kind.read(resource);
}

/** Names of what was read, besides plain resource keys. */
export const dependency = {
  /** Any change in a collection: a list was read. */
  collection: (collection: string): string => `${collection}/*`,
  /** A new report of a group. */
  group: (groupKey: string): string => `group:${groupKey}`,
  /** A version of a secret added, enabled, disabled or destroyed. */
  secret: (name: string): string => `secret:${name}`,
  /** Another traffic policy is about the resource `key`; of those that were about it already, their own keys tell. */
  policies: (key: string): string => `policies:${key}`,
};

/** `urlMaps` of `global/urlMaps/x`. */
export function collectionOf(key: string): string {
  return key.split("/").at(-2) ?? "";
}

export interface RecordingView extends ResourceView {
  /** Everything read so far, sorted, each once: resource keys (missing ones too) and names made by `dependency`. */
  dependencies(): string[];
  /** The same view without memory, for what is looked up in a way of its own, and then noted. */
  readonly unrecorded: ResourceView;
  note(name: string): void;
}

/** A view that remembers what is read through it. */
export function recordingView(view: ResourceView): RecordingView {
  const seen = new Set<string>();
  return {
    project: view.project,
    unrecorded: view,
    note: (name) => void seen.add(name),
    get(key) {
      seen.add(key);
      return view.get(key);
    },
    list(collection) {
      seen.add(dependency.collection(collection));
      return view.list(collection);
    },
    groupReport(groupKey) {
      seen.add(dependency.group(groupKey));
      return view.groupReport(groupKey);
    },
    secretVersion(name) {
      seen.add(dependency.secret(name));
      return view.secretVersion(name);
    },
    dependencies: () => [...seen].toSorted(),
  };
}
