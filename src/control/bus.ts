import type { Pointer } from "#ir/snapshot.ts";
import type { Observation } from "#proxy/filters/explain-backend.ts";
import type { RefusedRequest } from "#proxy/filters/refused-request.ts";

/** A row of `status`: what one proxy of a project reports. Mirrors the proxy's own report, which this unit may not import. */
export interface ReportedProxy {
  readonly service: string;
  /** Tells the proxies of a service apart; empty or absent for one that does not say. */
  readonly proxy?: string;
  readonly generation: number;
  readonly digest: string;
  readonly confirmedAtMs: number;
  readonly rejection?: { readonly generation: number; readonly reason: string };
  readonly droppedSpans: number;
  readonly waitedRequests?: number;
  readonly warnings?: readonly string[];
  readonly backends?: Readonly<Record<string, Observation>>;
  readonly refusals?: readonly RefusedRequest[];
}

/**
 * The control Worker's entrypoint `Bus` (service binding, RPC): the version probe of proxies and mesh entries.
 * Called in the background, every few seconds, never for a request.
 */
export interface BusEntrypoint {
  /** Current pointers of the named services (`@mesh` for the directory); absent where there is none. */
  pointers(project: string, services: readonly string[]): Promise<Record<string, Pointer>>;
  report(project: string, reports: readonly ReportedProxy[]): Promise<void>;
}
