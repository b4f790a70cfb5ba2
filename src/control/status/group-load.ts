import type { GroupKey } from "#instances/group/spec.ts";
import type { ReportedProxy } from "../bus.ts";

/** What one proxy sent to one group by way of one backend service, as of its last two reports. */
interface Counter {
  readonly total: number;
  readonly atMs: number;
  /** Requests per second between the last two reports; absent before the second. */
  readonly rate?: number;
}

/** Reports come every ten seconds at the least; a proxy that was silent for this long sends nothing, as far as anybody knows. */
const silentAfterMs = 45_000;
/** Reports that follow each other faster than this tell no rate. */
const shortestMs = 2_000;
/** Proxies, times the groups that each sends to; what is over is not counted. */
const mostCounters = 20_000;

/** Requests per second from all proxies to each group, by backend service. In memory alone: after a restart the second reports tell. */
export class GroupLoad {
  /** By backend service and group, then by proxy. */
  readonly #counters = new Map<string, Map<string, Counter>>();
  #size = 0;
  #heardAtMs = Number.POSITIVE_INFINITY;

  accept(reports: readonly ReportedProxy[], now: number): void {
    if (reports.length > 0) this.#heardAtMs = Math.min(this.#heardAtMs, now);
    for (const { service, proxy = "", backends = {} } of reports) {
      for (const [cluster, { requests = {} }] of Object.entries(backends)) {
        for (const [group, total] of Object.entries(requests)) {
          if (Number.isFinite(total)) this.#count(feedKey(cluster, group), `${service} ${proxy}`, { total, atMs: now });
        }
      }
    }
  }

  /** Undefined while it is not known: a proxy tells of a group once it has sent it something, and how fast with the report after that. A cluster is called by the name of its backend service, or by its key where the name is taken. */
  rateOf(group: GroupKey, backendService: string, now: number): number | undefined {
    const name = backendService.split("/").at(-1) ?? "";
    const rates = [name, backendService].flatMap((cluster) => {
      const counters = [...(this.#counters.get(feedKey(cluster, group))?.values() ?? [])];
      return counters.flatMap(({ atMs, rate }) => (rate === undefined ? [] : [now - atMs > silentAfterMs ? 0 : rate]));
    });
    const isKnown = rates.length > 0 || (!this.#isCounted(group, [name, backendService]) && now - this.#heardAtMs > silentAfterMs);
    return isKnown ? rates.reduce((sum, rate) => sum + rate, 0) : undefined;
  }

  #isCounted(group: GroupKey, clusters: readonly string[]): boolean {
    return clusters.some((cluster) => this.#counters.has(feedKey(cluster, group)));
  }

  #count(key: string, proxy: string, { total, atMs }: Counter): void {
    const before = this.#counters.get(key)?.get(proxy);
    if (!before) {
      if (this.#size >= mostCounters) this.#forgetSilent(atMs);
      if (this.#size >= mostCounters) return;
      this.#size += 1;
    }
    if (before && atMs >= before.atMs && atMs - before.atMs < shortestMs) return;
    const counters = this.#counters.get(key) ?? new Map<string, Counter>();
    this.#counters.set(key, counters);
    // A count that has become smaller is that of a proxy that was started anew.
    const isOn = before && before.total <= total && atMs > before.atMs;
    counters.set(proxy, { total, atMs, ...(isOn && { rate: (total - before.total) / ((atMs - before.atMs) / 1000) }) });
  }

  #forgetSilent(now: number): void {
    this.#size = 0;
    for (const [key, counters] of this.#counters) {
      for (const [proxy, { atMs }] of counters) if (now - atMs > silentAfterMs) counters.delete(proxy);
      if (counters.size === 0) this.#counters.delete(key);
      this.#size += counters.size;
    }
  }
}

function feedKey(cluster: string, group: GroupKey): string {
  return `${cluster} ${group}`;
}
