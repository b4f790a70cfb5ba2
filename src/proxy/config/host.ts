import type { MeshLimit } from "#ir/route.ts";
import type { Pointer } from "#ir/snapshot.ts";
import type { Observation } from "#proxy/filters/explain-backend.ts";
import type { RefusedRequest } from "#proxy/filters/refused-request.ts";

/** What a proxy says of itself after each refresh. */
export interface ProxyReport {
  readonly service: string;
  /** Tells the proxies of a service apart; of the mesh entry's own reports it is absent. */
  readonly proxy?: string;
  /** 0 and "" before the first snapshot is applied. */
  readonly generation: number;
  readonly digest: string;
  /** When every source last confirmed the configuration, ms since the epoch; it stands still while one of them fails. */
  readonly confirmedAtMs: number;
  /** The last snapshot that was refused, and why; absent once a later one was applied. */
  readonly rejection?: { readonly generation: number; readonly reason: string };
  /** Spans that could not be delivered, since the proxy started. */
  readonly droppedSpans: number;
  /** Requests that waited for a remote call, since the proxy started: those before its first configuration, and never another. */
  readonly waitedRequests?: number;
  /** What it sees of the backend services that it has sent requests to, by their keys in the snapshot. */
  readonly backends?: Readonly<Record<string, Observation>>;
  /** What it cannot do as it is told, for want of a binding. */
  readonly warnings?: readonly string[];
  /** Requests that it answered itself since its last report: the newest of them. */
  readonly refusals?: readonly RefusedRequest[];
}

export interface PointerReading {
  /** The newest pointer that any source gave; null when none has one. */
  readonly pointer: Pointer | null;
  /** Whether every source answered. */
  readonly complete: boolean;
}

/**
 * Everything outside of itself that a proxy can reach, apart from its upstreams: called in the background only, except
 * before the first configuration is there. All calls may fail or hang; the proxy survives each of them.
 */
export interface ProxyHost {
  pointer(): Promise<PointerReading>;
  /** Bytes of an immutable snapshot; null while it is not visible yet. */
  snapshot(digest: string): Promise<ArrayBuffer | null>;
  /** Plaintext of a secret version; null when it was destroyed, is not visible yet or cannot be opened. */
  secret(name: string, version: number): Promise<string | null>;
  report(report: ProxyReport): Promise<void>;
  /** One OTLP/JSON `ExportTraceServiceRequest`. False: not delivered, and lost. */
  exportSpans(body: string): Promise<boolean>;
}

/** What an isolate reaches by its binding `HOST`: the mesh entry, which is in the same process. */
export interface IsolateBinding extends ProxyHost {
  /**
   * Counts a request against a limit of the mesh, and says whether it is within it: for the rules with such limits, the one call that a
   * request waits for. Throws where there are no counters.
   */
  count(limit: MeshLimit, value: string): Promise<boolean>;
}
