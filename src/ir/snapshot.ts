import type { Cluster } from "./cluster.ts";
import type { MessageLimits, PathPolicy } from "./policy.ts";
import type { VirtualHost } from "./route.ts";

/** Raised when a reader of the last version could misread a snapshot; readers know this one and the one before. */
export const schemaVersion = 1;

/** A secret that header values of this service name, or that its requests are signed with. */
export interface SecretUse {
  readonly name: string;
  /** Latest enabled version when compiled; null when there is none, which costs 503 on the rules that use it. */
  readonly version: number | null;
}

/** What one proxy needs, whole: immutable, content-addressed by the SHA-256 of its canonical JSON. No secret value is in it. */
export interface Snapshot {
  readonly schemaVersion: typeof schemaVersion;
  readonly project: string;
  /** The host pattern that names the service; `*` for a URL map's default. */
  readonly service: string;
  readonly tracing: {
    /** Share of new traces that are recorded, 0 to 1. A caller's decision wins (parent-based). */
    readonly samplingRatio: number;
  };
  readonly virtualHosts: readonly VirtualHost[];
  /** By name of the backend service. */
  readonly clusters: Readonly<Record<string, Cluster>>;
  readonly secrets: readonly SecretUse[];
  /** Absent: `defaultPathPolicy`. */
  readonly paths?: PathPolicy;
  /** Absent: `defaultMessageLimits`. */
  readonly limits?: MessageLimits;
}

/** The small, mutable key of a service: written after its snapshot, at most once a second, with a growing generation. */
export interface Pointer {
  readonly generation: number;
  /** SHA-256 of the snapshot's bytes, hexadecimal. */
  readonly digest: string;
  readonly bytes: number;
  readonly schemaVersion: number;
  readonly createdAtMs: number;
}

/** The services of a project, for the mesh entry: same protocol as a snapshot, under the service name `@mesh`. */
export interface Directory {
  readonly schemaVersion: typeof schemaVersion;
  readonly project: string;
  /** Host patterns; each is the name of a service with a snapshot of its own. */
  readonly services: readonly string[];
}

/** The reserved service name under which a project's directory is published. No host can have it. */
export const directoryService = "@mesh";

/** KV keys. Writers: the Project object's outbox. Readers: proxies and the mesh entry. See docs/storage.md. */
export const keys = {
  pointer: (project: string, service: string): string => `ptr/${project}/${service}`,
  snapshot: (project: string, service: string, digest: string): string => `snap/${project}/${service}/${digest}`,
  secret: (project: string, name: string, version: number): string => `sec/${project}/${name}/${version}`,
};
