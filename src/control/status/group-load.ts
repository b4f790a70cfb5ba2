import type { GroupKey } from "#instances/group/spec.ts";
import type { ReportedProxy } from "../bus.ts";

/** What one proxy sent to one group by way of one backend service, as of its last two reports. */
interface Counter extends Totals {
  readonly atMs: number;
  /** Per second between the last two reports; absent before the second. */
  readonly rates?: Totals;
}

interface Totals {
  readonly requests: number;
  /** Those of them that got no answer, or a status of 500 and above. */
  readonly failures: number;
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
      for (const [cluster, { requests = {}, failures = {} }] of Object.entries(backends)) {
        for (const [group, total] of Object.entries(requests)) {
          const failed = Object.hasOwn(failures, group) ? failures[group] : 0;
          const counter = { requests: total, failures: typeof failed === "number" && Number.isFinite(failed) ? failed : 0, atMs: now };
          if (Number.isFinite(total)) this.#count(feedKey(cluster, group), `${service} ${proxy}`, counter);
        }
      }
    }
  }

  /** Undefined while it is not known: a proxy tells of a group once it has sent it something, and how fast with the report after that. A cluster is called by the name of its backend service, or by its key where the name is taken. */
  rateOf(group: GroupKey, backendService: string, now: number): number | undefined {
    const name = backendService.split("/").at(-1) ?? "";
    const rates = [name, backendService].flatMap((cluster) => {
      const counters = [...(this.#counters.get(feedKey(cluster, group))?.values() ?? [])];
      return counters.flatMap(({ atMs, rates }) => (rates === undefined ? [] : [now - atMs > silentAfterMs ? 0 : rates.requests]));
    });
    const isKnown = rates.length > 0 || (!this.#isCounted(group, [name, backendService]) && now - this.#heardAtMs > silentAfterMs);
    return isKnown ? rates.reduce((sum, rate) => sum + rate, 0) : undefined;
  }

  /** Attempts per second that these groups got lately, by way of any backend service, and those of them that failed. */
  attempts(groups: readonly GroupKey[], now: number): { readonly perSecond: number; readonly failedPerSecond: number } {
    const wanted = new Set(groups);
    const lately = [...this.#counters]
      .filter(([key]) => wanted.has(key.slice(key.indexOf(" ") + 1)))
      .flatMap(([, counters]) =>
        [...counters.values()].flatMap(({ atMs, rates }) => (rates && now - atMs <= silentAfterMs ? [rates] : [])),
      );
    return {
      perSecond: lately.reduce((sum, { requests }) => sum + requests, 0),
      failedPerSecond: lately.reduce((sum, { failures }) => sum + failures, 0),
    };
  }

  #isCounted(group: GroupKey, clusters: readonly string[]): boolean {
    return clusters.some((cluster) => this.#counters.has(feedKey(cluster, group)));
  }

  #count(key: string, proxy: string, counted: Counter): void {
    const { requests, failures, atMs } = counted;
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
    const isOn = before && before.requests <= requests && before.failures <= failures && atMs > before.atMs;
    const perSecond = (more: number): number => more / ((atMs - (before?.atMs ?? 0)) / 1000);
    const rates = isOn && { requests: perSecond(requests - before.requests), failures: perSecond(failures - before.failures) };
    counters.set(proxy, { ...counted, ...(rates && { rates }) });
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
