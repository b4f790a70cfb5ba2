/** Configuration for the proxy's tests: the smallest snapshot that does a thing, and a bus of memory that publishes it. */
import { createHash } from "node:crypto";
import type { Clock } from "#base/clock.ts";
import { writeDirectory, writePointer, writeSnapshot } from "#ir/codec.ts";
import type { Cluster, Endpoint, EndpointGroup } from "#ir/cluster.ts";
import type { Action, HeaderMutation, Rule } from "#ir/route.ts";
import { directoryService, keys, type Pointer, schemaVersion, type Snapshot } from "#ir/snapshot.ts";

export const project = "demo";
export const nothing: HeaderMutation = { remove: [], set: [], add: [] };

export function endpoint(instance: string, address: string, more: Partial<Endpoint> = {}): Endpoint {
  return { instance, address, port: 8080, zone: "us-central1-a", health: "HEALTHY", ...more };
}

export function group(name: string, endpoints: readonly Endpoint[], capacityScaler = 1): EndpointGroup {
  return { group: `zones/us-central1-a/instanceGroups/${name}`, capacityScaler, endpoints };
}

export function cluster(name: string, groups: readonly EndpointGroup[], more: Partial<Cluster> = {}): Cluster {
  return { name, scheme: "http", transport: "vpc-network", groups, requestHeaders: nothing, responseHeaders: nothing, ...more };
}

type RouteAction = Extract<Action, { kind: "route" }>;

export function routeTo(name: string, more: Partial<RouteAction> = {}): RouteAction {
  const destinations = [{ cluster: name, weight: 1, requestHeaders: [], responseHeaders: [] }];
  return { kind: "route", destinations, timeoutMs: 15_000, ...more };
}

/** A rule for a path prefix. */
export function rule(prefix: string, action: Action, more: Partial<Rule> = {}): Rule {
  const matches = [{ path: { kind: "prefix", value: prefix }, headers: [], query: [] } as const];
  return { ref: { resource: "httpRoutes/test", index: 0 }, matches, action, requestHeaders: [], responseHeaders: [], ...more };
}

export function snapshot(
  service: string,
  rules: readonly Rule[],
  more: Partial<Snapshot> & { readonly backends: readonly Cluster[] },
): Snapshot {
  const { backends, ...rest } = more;
  return {
    schemaVersion,
    project,
    service,
    tracing: { samplingRatio: 1 },
    virtualHosts: [{ hosts: [service], rules }],
    clusters: Object.fromEntries(backends.map((each) => [each.name, each])),
    secrets: [],
    ...rest,
  };
}

/** A clock that stands until it is told to go on. */
export class ManualClock implements Clock {
  nowMs = 1_000_000;
  now(): number {
    return this.nowMs;
  }
}

/** What the publisher does, into a map: snapshot first, then pointer. */
export class MemoryBus {
  readonly values = new Map<string, Uint8Array<ArrayBuffer>>();
  /** What the version probe says, which may be ahead of the pointers in `values`. */
  readonly pointers: Record<string, Pointer> = {};
  #generation = 0;

  publish(document: Snapshot): Pointer {
    return this.#publish(document.service, writeSnapshot(document));
  }

  publishDirectory(services: readonly string[]): Pointer {
    return this.#publish(directoryService, writeDirectory({ schemaVersion, project, services }));
  }

  /** Publishes bytes of any kind as they are. */
  publishBytes(service: string, bytes: Uint8Array<ArrayBuffer>): Pointer {
    return this.#publish(service, bytes);
  }

  pointTo(service: string, pointer: Pointer): void {
    this.pointers[service] = pointer;
    this.values.set(keys.pointer(project, service), writePointer(pointer));
  }

  #publish(service: string, bytes: Uint8Array<ArrayBuffer>): Pointer {
    const digest = createHash("sha256").update(bytes).digest("hex");
    this.values.set(keys.snapshot(project, service, digest), bytes);
    const pointer = { generation: ++this.#generation, digest, bytes: bytes.length, schemaVersion, createdAtMs: 1 };
    this.pointTo(service, pointer);
    return pointer;
  }
}
