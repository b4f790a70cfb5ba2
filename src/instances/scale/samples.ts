import type { BackendLoad, CpuSample, MetricPoint, Signals } from "./spec.ts";

/** What was measured lately, as it came in. In memory alone: after a restart the group waits for new figures and meanwhile takes none away. */
export interface Samples {
  /** By instance id, oldest first: the last ones, and one before them to count from. */
  readonly cpu: ReadonlyMap<string, readonly CpuSample[]>;
  /** By backend service. */
  readonly loads: ReadonlyMap<string, BackendLoad & { readonly atMs: number }>;
  /** By series: its last two points. */
  readonly series: ReadonlyMap<string, Series>;
}

export interface Series {
  readonly last: MetricPoint;
  readonly before?: MetricPoint;
  /** By our clock. */
  readonly atMs: number;
}

export const noSamples: Samples = { cpu: new Map(), loads: new Map(), series: new Map() };

/** CPU is averaged over this time. */
const cpuWindowMs = 10_000;
/** What is older says nothing of the present. Proxies report every ten seconds; Cloud Monitoring takes points of a minute and more. */
const oldest = { loadMs: 60_000, seriesMs: 300_000 };
/** Series of one group; those that were silent for longest go first. */
const mostSeries = 5_000;

/** Takes a sample in. One that is not newer than the last is dropped; one that has less CPU time than the last begins anew. */
export function addCpuSample(samples: Samples, sample: CpuSample): Samples {
  const known = samples.cpu.get(sample.id) ?? [];
  const last = known.at(-1);
  if (last && sample.atMs <= last.atMs) return samples;
  const kept = last && sample.cpuSeconds < last.cpuSeconds ? [] : known;
  // The one that the window begins with is needed to count from.
  const first = kept.findLastIndex(({ atMs }) => atMs <= sample.atMs - cpuWindowMs);
  return { ...samples, cpu: new Map(samples.cpu).set(sample.id, [...kept.slice(Math.max(0, first)), sample]) };
}

/** Takes in what the Project object knows of the load. */
export function addSignals(samples: Samples, { loads = [], points = [] }: Signals, now: number): Samples {
  const byService = new Map(samples.loads);
  for (const load of loads) byService.set(load.backendService, { ...load, atMs: now });
  const series = new Map(samples.series);
  for (const point of points) addPoint(series, point, now);
  return { cpu: samples.cpu, loads: byService, series };
}

function addPoint(series: Map<string, Series>, point: MetricPoint, now: number): void {
  const key = seriesKey(point);
  const known = series.get(key);
  if (known && point.endMs <= known.last.endMs) return;
  series.delete(key);
  series.set(key, { last: point, atMs: now, ...(known && { before: known.last }) });
  const [silent] = series.keys();
  if (series.size > mostSeries && silent !== undefined) series.delete(silent);
}

function seriesKey({ metric, metricLabels, resourceType, resourceLabels, instanceId = "" }: MetricPoint): string {
  const labels = (of: Readonly<Record<string, string>>): [string, string][] => Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([metric, resourceType, instanceId, labels(resourceLabels), labels(metricLabels)]);
}

/** Without what is too old, or of instances that are gone. The same object when there is none of it. */
export function freshSamples(samples: Samples, ids: ReadonlySet<string>, now: number): Samples {
  const cpu = filtered(samples.cpu, (_, id) => ids.has(id));
  const loads = filtered(samples.loads, ({ atMs }) => now - atMs <= oldest.loadMs);
  const series = filtered(samples.series, ({ atMs, last }) => {
    return now - atMs <= oldest.seriesMs && (last.instanceId === undefined || ids.has(last.instanceId));
  });
  const isSame = cpu === samples.cpu && loads === samples.loads && series === samples.series;
  return isSame ? samples : { cpu, loads, series };
}

function filtered<Value>(map: ReadonlyMap<string, Value>, keep: (value: Value, key: string) => boolean): ReadonlyMap<string, Value> {
  const kept = [...map].filter(([key, value]) => keep(value, key));
  return kept.length === map.size ? map : new Map(kept);
}

/** Mean number of CPUs in use over the window; undefined before the second sample. */
export function cpusInUse(samples: readonly CpuSample[]): number | undefined {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last || last.atMs <= first.atMs) return undefined;
  return (last.cpuSeconds - first.cpuSeconds) / ((last.atMs - first.atMs) / 1000);
}

/** How fast a series grows, per second; undefined where one point does not tell. */
export function ratePerSecond({ last, before }: Series): number | undefined {
  switch (last.kind) {
    case "DELTA":
      return per(last.value, last.startMs ?? before?.endMs, last.endMs);
    case "CUMULATIVE":
      // A count that has become smaller has begun anew.
      return before && before.value <= last.value
        ? per(last.value - before.value, before.endMs, last.endMs)
        : per(last.value, last.startMs, last.endMs);
    case "GAUGE":
      return before && per(last.value - before.value, before.endMs, last.endMs);
  }
}

function per(amount: number, fromMs: number | undefined, toMs: number): number | undefined {
  return fromMs === undefined || fromMs >= toMs ? undefined : amount / ((toMs - fromMs) / 1000);
}
