import type { JsonObject } from "#base/json.ts";
import type { ReceivedReport } from "./reports.ts";

/** Without word from every source for this long, a proxy may be serving yesterday's configuration. */
const staleAfterMs = 30_000;

export interface Wanted {
  readonly service: string;
  readonly generation: number;
  readonly digest: string;
}

/** NEVER: no report of an applied configuration. REJECTED: the wanted generation was refused. STALE: behind, or unconfirmed for 30 s. */
type ProxyState = "SYNCED" | "STALE" | "REJECTED" | "NEVER";

/**
 * One row of `status`. `ageSeconds` is the time since the proxy last heard from all of its sources that what it serves is current; it is
 * absent, like the applied fields, for a proxy that never applied anything. `waitedRequests` counts requests that waited for a remote call.
 */
export function proxyStatus(wanted: Wanted, report: ReceivedReport | undefined, now: number): JsonObject {
  const row = {
    service: wanted.service,
    wantedGeneration: wanted.generation,
    wantedDigest: wanted.digest,
    state: stateOf(wanted, report, now),
  };
  if (!report) return row;
  const { proxy, rejection, waitedRequests, warnings } = report;
  return {
    ...row,
    ...(proxy !== "" && { proxy }),
    ...(report.generation > 0 && {
      appliedGeneration: report.generation,
      appliedDigest: report.digest,
      ageSeconds: Math.max(0, Math.round((now - report.confirmedAtMs) / 100) / 10),
    }),
    ...(rejection && { lastRejection: { generation: rejection.generation, reason: rejection.reason } }),
    droppedSpans: report.droppedSpans,
    ...(waitedRequests !== undefined && { waitedRequests }),
    ...(warnings && { warnings: [...warnings] }),
  };
}

function stateOf(wanted: Wanted, report: ReceivedReport | undefined, now: number): ProxyState {
  if (report?.rejection && report.rejection.generation >= wanted.generation) return "REJECTED";
  if (!report || report.generation === 0) return "NEVER";
  return report.generation < wanted.generation || now - report.confirmedAtMs > staleAfterMs ? "STALE" : "SYNCED";
}
