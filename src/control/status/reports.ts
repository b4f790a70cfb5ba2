import type { Observation } from "#proxy/filters/explain-backend.ts";
import type { ReportedProxy } from "../bus.ts";
import { jsonOf } from "../store/row.ts";
import type { Sql } from "../store/sql.ts";

/** The last report of a service's proxy. */
export interface ReceivedReport extends ReportedProxy {
  readonly receivedAtMs: number;
}

/** What a row of SQL keeps: what is seen of backends is of the moment. */
type Stored = Omit<ReceivedReport, "backends" | "refusals">;

/** Proxies report every ten seconds at the least. A report that says nothing new is stored only this often, to spare writes. */
const storeIntervalMs = 30_000;
const longestReason = 1_000;
const mostBackends = 1_000;
const mostEjected = 1_000;

/**
 * What the proxies say of themselves: one row per service. All of it is in memory; what could matter after a restart of the object (what is
 * applied, and that the proxy was alive within the last half minute) is in SQL too.
 */
export class ProxyReports {
  readonly #sql: Sql;
  readonly #reports = new Map<string, ReceivedReport>();
  readonly #storedAtMs = new Map<string, number>();

  constructor(sql: Sql) {
    this.#sql = sql;
    for (const row of sql.exec("SELECT report FROM proxy_reports")) {
      const report = jsonOf<ReceivedReport>(row, "report");
      this.#reports.set(report.service, report);
      this.#storedAtMs.set(report.service, report.receivedAtMs);
    }
  }

  accept(reports: readonly ReportedProxy[], now: number): void {
    for (const report of reports) {
      const before = this.get(report.service);
      const received: ReceivedReport = { ...trimmed(report), receivedAtMs: now };
      this.#reports.set(report.service, received);
      const storedAtMs = this.#storedAtMs.get(report.service) ?? 0;
      if (!before || saysMore(before, received) || storedAtMs + storeIntervalMs <= now) this.#store(received);
    }
  }

  get(service: string): ReceivedReport | undefined {
    return this.#reports.get(service);
  }

  /** A service was removed: what its proxy said counts no more. Within the transaction of the removal. */
  forget(service: string): void {
    this.#reports.delete(service);
    this.#storedAtMs.delete(service);
    this.#sql.exec("DELETE FROM proxy_reports WHERE service = ?", service);
  }

  #store({ backends: _backends, ...report }: ReceivedReport): void {
    this.#sql.exec(
      "INSERT INTO proxy_reports (service, report) VALUES (?, ?) ON CONFLICT (service) DO UPDATE SET report = excluded.report",
      report.service,
      JSON.stringify(report satisfies Stored),
    );
    this.#storedAtMs.set(report.service, report.receivedAtMs);
  }
}

function saysMore(before: ReceivedReport, after: ReceivedReport): boolean {
  return (
    before.generation !== after.generation ||
    before.digest !== after.digest ||
    before.rejection?.generation !== after.rejection?.generation ||
    before.rejection?.reason !== after.rejection?.reason
  );
}

/** Only the known fields, of bounded length: a proxy is trusted with its own service, not with our storage. Refusals have a place of their own. */
function trimmed(report: ReportedProxy): ReportedProxy {
  const { service, generation, digest, confirmedAtMs, droppedSpans, rejection, backends = {} } = report;
  return {
    service,
    generation,
    digest: digest.slice(0, 64),
    confirmedAtMs,
    droppedSpans,
    backends: Object.fromEntries(
      Object.entries(backends)
        .slice(0, mostBackends)
        .map(([name, seen]) => [name, trimmedBackend(seen)]),
    ),
    ...(rejection && { rejection: { generation: rejection.generation, reason: rejection.reason.slice(0, longestReason) } }),
  };
}

function trimmedBackend({ ejected, active, limit, overflows }: Observation): Observation {
  return { ejected: ejected.slice(0, mostEjected), active, ...(limit !== undefined && { limit }), overflows };
}
