import type { Observation } from "#proxy/filters/explain-backend.ts";
import type { ReportedProxy } from "../bus.ts";
import { jsonOf, textOf } from "../store/row.ts";
import type { Sql } from "../store/sql.ts";

/** The last report of a proxy. */
export interface ReceivedReport extends ReportedProxy {
  readonly proxy: string;
  readonly receivedAtMs: number;
}

interface Known {
  readonly report: ReceivedReport;
  readonly storedAtMs: number;
}

/** What a row of SQL keeps: what is seen of backends is of the moment. */
type Stored = Omit<ReceivedReport, "backends" | "refusals">;

/** Proxies report every ten seconds at the least. A report that says nothing new is stored only this often, to spare writes. */
const storeIntervalMs = 30_000;
/** A proxy that has not reported for this long is taken to be gone. */
const goneAfterMs = 60_000;
const longest = { reason: 1_000, warning: 1_000, proxy: 64 };
const most = { backends: 1_000, ejected: 1_000, warnings: 100, proxies: 1_000 };

/**
 * What the proxies say of themselves: one row per service and proxy. All of it is in memory; what could matter after a restart of the object
 * (what is applied, and that the proxy was alive within the last half minute) is in SQL too. Proxies that are gone are forgotten when another of
 * their service reports.
 */
export class ProxyReports {
  readonly #sql: Sql;
  /** By service, then by proxy; who reported last stands last. */
  readonly #known = new Map<string, Map<string, Known>>();

  constructor(sql: Sql) {
    this.#sql = sql;
    const stored = [...sql.exec("SELECT proxy, report FROM reported_proxies")];
    const reports = stored.map((row) => ({ ...jsonOf<ReceivedReport>(row, "report"), proxy: textOf(row, "proxy") }));
    for (const report of reports.toSorted((a, b) => a.receivedAtMs - b.receivedAtMs)) {
      this.#of(report.service).set(report.proxy, { report, storedAtMs: report.receivedAtMs });
    }
  }

  accept(reports: readonly ReportedProxy[], now: number): void {
    for (const given of reports) {
      const known = this.#of(given.service);
      const report = { ...trimmed(given), receivedAtMs: now };
      const before = known.get(report.proxy);
      const mustStore = !before || saysMore(before.report, report) || before.storedAtMs + storeIntervalMs <= now;
      if (mustStore) this.#store(report);
      known.delete(report.proxy);
      known.set(report.proxy, { report, storedAtMs: mustStore ? now : before.storedAtMs });
      for (const { report: old } of known.values()) {
        if (isGone(old, now) || known.size > most.proxies) this.#drop(old);
      }
    }
  }

  /** Of each proxy of the service that is not gone, the newest first; when all are gone, that of the last. Empty when none ever reported. */
  of(service: string, now: number): readonly ReceivedReport[] {
    const all = [...(this.#known.get(service)?.values() ?? [])].map(({ report }) => report).toReversed();
    const alive = all.filter((report) => !isGone(report, now));
    return alive.length > 0 ? alive : all.slice(0, 1);
  }

  /** A service was removed: what its proxies said counts no more. Within the transaction of the removal. */
  forget(service: string): void {
    this.#known.delete(service);
    this.#sql.exec("DELETE FROM reported_proxies WHERE service = ?", service);
  }

  #of(service: string): Map<string, Known> {
    const known = this.#known.get(service) ?? new Map<string, Known>();
    this.#known.set(service, known);
    return known;
  }

  #store({ backends: _backends, ...report }: ReceivedReport): void {
    this.#sql.exec(
      "INSERT INTO reported_proxies (service, proxy, report) VALUES (?, ?, ?) ON CONFLICT (service, proxy) DO UPDATE SET report = excluded.report",
      report.service,
      report.proxy,
      JSON.stringify(report satisfies Stored),
    );
  }

  #drop({ service, proxy }: ReceivedReport): void {
    this.#of(service).delete(proxy);
    this.#sql.exec("DELETE FROM reported_proxies WHERE service = ? AND proxy = ?", service, proxy);
  }
}

/** Whether the proxy that reported this may be taken to be there no more. */
export function isGone({ receivedAtMs }: ReceivedReport, now: number): boolean {
  return now - receivedAtMs > goneAfterMs;
}

function saysMore(before: ReceivedReport, after: ReceivedReport): boolean {
  return (
    before.generation !== after.generation ||
    before.digest !== after.digest ||
    before.rejection?.generation !== after.rejection?.generation ||
    before.rejection?.reason !== after.rejection?.reason ||
    before.warnings?.join("\n") !== after.warnings?.join("\n")
  );
}

/** Only the known fields, of bounded length: a proxy is trusted with its own service, not with our storage. Refusals have a place of their own. */
function trimmed(report: ReportedProxy): Omit<ReceivedReport, "receivedAtMs"> {
  const {
    service,
    proxy = "",
    generation,
    digest,
    confirmedAtMs,
    droppedSpans,
    waitedRequests,
    rejection,
    warnings = [],
    backends = {},
  } = report;
  return {
    service,
    proxy: proxy.slice(0, longest.proxy),
    generation,
    digest: digest.slice(0, 64),
    confirmedAtMs,
    droppedSpans,
    ...(waitedRequests !== undefined && { waitedRequests }),
    backends: Object.fromEntries(
      Object.entries(backends)
        .slice(0, most.backends)
        .map(([name, seen]) => [name, trimmedBackend(seen)]),
    ),
    ...(warnings.length > 0 && { warnings: warnings.slice(0, most.warnings).map((text) => text.slice(0, longest.warning)) }),
    ...(rejection && { rejection: { generation: rejection.generation, reason: rejection.reason.slice(0, longest.reason) } }),
  };
}

/** What was sent to groups is read at once (`group-load.ts`) and not kept. */
function trimmedBackend({ ejected, active, limit, overflows }: Observation): Observation {
  return { ejected: ejected.slice(0, most.ejected), active, ...(limit !== undefined && { limit }), overflows };
}
