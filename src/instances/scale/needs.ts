import { cpusInUse, ratePerSecond, type Samples, type Series } from "./samples.ts";
import type { AutoscalingSpec, MetricSpec, ScalingDetail } from "./spec.ts";

/** How many instances each signal of a policy asks for: load over what one instance is to carry. */

/** A running instance. */
export interface Worker {
  readonly id: string;
  readonly cpus: number;
  /** Its cool-down is over. */
  readonly initialized: boolean;
}

/** Instances, with fractions. */
interface Need {
  /** By the instances whose cool-down is over: what one does while it starts says nothing of the load. */
  readonly out: number;
  /** By all that run: load on an instance that is still in its cool-down must not look like load that is gone. */
  readonly in: number;
}

export interface Needs {
  readonly need: Need;
  /** Some signal has no figures: nothing is known against keeping the group as it is. */
  readonly incomplete: boolean;
  readonly details: readonly ScalingDetail[];
}

/** Why a signal has no figures, where Google has a word for it. */
interface Missing {
  readonly missing?: ScalingDetail;
}

/** One signal's word: how many instances, or that it cannot tell. */
type Word = Need | Missing;

/** Several signals: the greatest need counts. */
export function needsOf(spec: AutoscalingSpec, samples: Samples, workers: readonly Worker[]): Needs {
  const words = [
    ...(spec.cpu ? [cpuNeed(samples, workers, spec.cpu.target)] : []),
    ...balancingNeeds(spec, samples, workers),
    ...spec.metrics.map((metric) => metricNeed(metric, samples, workers)),
  ];
  const known = words.filter(isNeed);
  const missing = words.filter(isMissing);
  return {
    need: { out: Math.max(0, ...known.map((need) => need.out)), in: Math.max(0, ...known.map((need) => need.in)) },
    incomplete: missing.length > 0,
    details: [...new Set(missing.flatMap((word) => word.missing ?? []))],
  };
}

function isNeed(word: Word): word is Need {
  return "out" in word;
}

function isMissing(word: Word): word is Missing {
  return !isNeed(word);
}

/** A group is not emptied for want of CPU load: an empty one would have none for ever. */
function cpuNeed(samples: Samples, workers: readonly Worker[], target: number): Word {
  const shares = new Map(
    workers.flatMap(({ id, cpus }): [string, number][] => {
      const used = cpusInUse(samples.cpu.get(id) ?? []);
      return used === undefined ? [] : [[id, used / cpus]];
    }),
  );
  const need = perInstanceNeed(shares, workers, target);
  return need ? { out: Math.max(1, need.out), in: Math.max(1, need.in) } : {};
}

/** Instances without a figure ask for no more instances, and count as the mean of the others when some are to go. */
function perInstanceNeed(figures: ReadonlyMap<string, number>, workers: readonly Worker[], target: number): Need | undefined {
  const measured = workers.flatMap(({ id, initialized }) => {
    const figure = figures.get(id);
    return figure === undefined ? [] : [{ figure, initialized }];
  });
  const initialized = measured.filter((one) => one.initialized);
  if (initialized.length === 0) return undefined;
  const total = sum(measured.map(({ figure }) => figure));
  return { out: sum(initialized.map(({ figure }) => figure)) / target, in: ((total / measured.length) * workers.length) / target };
}

/**
 * The share of its balancing capacity that the group uses. Rates of several backend services add up; where a backend goes by utilization, the target is
 * a share of its `maxUtilization`, of the CPU.
 */
function balancingNeeds({ loadBalancing }: AutoscalingSpec, samples: Samples, workers: readonly Worker[]): Word[] {
  if (!loadBalancing) return [];
  const { target, backends } = loadBalancing;
  if (backends.length === 0) return [{ missing: "BACKEND_SERVICE_DOES_NOT_EXIST" }];
  let carried = 0;
  let hasRates = false;
  const words: Word[] = [];
  for (const { backendService, capacity } of backends) {
    if (capacity.kind === "UNSUPPORTED") words.push({ missing: "UNSUPPORTED_MAX_RATE_LOAD_BALANCING_CONFIGURATION" });
    if (capacity.kind === "UTILIZATION") words.push(balancedByCpu(cpuNeed(samples, workers, target * capacity.max)));
    if (capacity.kind !== "RATE") continue;
    const load = samples.loads.get(backendService);
    if (!load) words.push({ missing: "MISSING_LOAD_BALANCING_DATA_POINTS" });
    hasRates ||= load !== undefined;
    carried += (load?.requestsPerSecond ?? 0) / capacity.perInstance;
  }
  return hasRates ? [...words, { out: carried / target, in: carried / target }] : words;
}

function balancedByCpu(word: Word): Word {
  return isNeed(word) ? word : { missing: "MISSING_LOAD_BALANCING_DATA_POINTS" };
}

/** A series per instance is an average to be held; a series of the group is held by all of its instances, or divided among them. */
function metricNeed(spec: MetricSpec, samples: Samples, workers: readonly Worker[]): Word {
  const series = [...samples.series.values()].filter((one) => matches(spec, one));
  if (series.length === 0) return { missing: "MISSING_CUSTOM_METRIC_DATA_POINTS" };
  const figures = series.flatMap((one) => {
    const value = figureOf(spec, one);
    return value === undefined ? [] : [{ id: one.last.instanceId, value }];
  });
  if (figures.length === 0) return { missing: "CUSTOM_METRIC_DATA_POINTS_TOO_SPARSE" };
  const { kind, value: wanted } = spec.goal;
  if (kind === "ASSIGNMENT") return same(sum(figures.map(({ value }) => value)) / wanted);
  const perInstance = new Map<string, number>();
  for (const { id, value } of figures) if (id !== undefined) perInstance.set(id, (perInstance.get(id) ?? 0) + value);
  if (perInstance.size > 0) return perInstanceNeed(perInstance, workers, wanted) ?? { missing: "MISSING_CUSTOM_METRIC_DATA_POINTS" };
  return same((sum(figures.map(({ value }) => value)) * workers.length) / wanted);
}

function figureOf({ type }: MetricSpec, series: Series): number | undefined {
  if (type === "GAUGE") return series.last.value;
  const rate = ratePerSecond(series);
  return rate === undefined ? undefined : rate * (type === "DELTA_PER_MINUTE" ? 60 : 1);
}

function matches(spec: MetricSpec, { last }: Series): boolean {
  return (
    last.metric === spec.metric &&
    (spec.resourceType === undefined || last.resourceType === spec.resourceType) &&
    Object.entries(spec.resourceLabels).every(([label, value]) => last.resourceLabels[label] === value) &&
    Object.entries(spec.metricLabels).every(([label, value]) => last.metricLabels[label] === value)
  );
}

function same(need: number): Need {
  return { out: need, in: need };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
