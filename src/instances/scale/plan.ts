import { sameJson } from "#base/json.ts";
import { needsOf, type Needs, type Worker } from "./needs.ts";
import { notePeak, peakEndsMs, peakWithin, type Peaks } from "./peaks.ts";
import { freshSamples, noSamples, type Samples } from "./samples.ts";
import { scheduled, type Scheduled } from "./schedules.ts";
import { isSettled, noteNeed, steadyMs, unsettled, type Settling } from "./settling.ts";
import type { AutoscalingSpec, ScaleInControl, ScalingDetail, ScalingReport } from "./spec.ts";

/** What an autoscaler remembers; in memory alone. Forgetting it makes a group wait with scaling in, and nothing else. */
export interface ScalingState {
  readonly samples: Samples;
  /** Of the sizes that were needed. */
  readonly needed: Peaks;
  /** Of the sizes that the group had. */
  readonly sizes: Peaks;
  readonly settling: Settling;
  readonly scheduled?: Scheduled;
  /** The last answer; the same object while nothing of it changes. */
  readonly report?: ScalingReport;
}

export const noScaling: ScalingState = { samples: noSamples, needed: [], sizes: [], settling: unsettled };

/** The group as it is. */
export interface ScaledGroup {
  readonly spec: AutoscalingSpec;
  /** The target size. */
  readonly size: number;
  /** Of the running instances, whether any takes requests as far as health checks tell. */
  readonly allUnhealthy: boolean;
  readonly workers: readonly Worker[];
  /** When the next cool-down ends; Infinity when none is under way. */
  readonly initializedAtMs: number;
}

export interface ScalingPlan {
  readonly state: ScalingState & { readonly report: ScalingReport };
  /** When to look again if nothing is measured before. */
  readonly wakeAtMs: number;
}

/** While a need has not settled, or figures may become too old. */
const lookAgainMs = 5_000;

/**
 * The size that a group should have: pure. It is never outside of `min` and `max`, grows to what is needed in one step, and shrinks to the
 * greatest need of the stabilization period, as far as the scale-in control lets it.
 */
export function planScaling(state: ScalingState, group: ScaledGroup, now: number): ScalingPlan {
  const { spec, size, workers } = group;
  const samples = freshSamples(state.samples, new Set(workers.map(({ id }) => id)), now);
  const needs = needsOf(spec, samples, workers);
  const inForce = scheduled(state.scheduled, spec.schedules, now);
  const loadNeed = loadNeedOf(needs, size);
  const settling = noteNeed(state.settling, { need: loadNeed, size }, now);
  const isWaiting = loadNeed > size && !isSettled(settling, now);
  const least = Math.min(spec.max, Math.max(spec.min, inForce.required));
  const uncapped = isWaiting ? size : wholeInstances(loadNeed);
  const wanted = Math.min(spec.max, Math.max(least, uncapped));
  // Before the first look the present size was right as far as anybody knows.
  const needed = notePeak(state.needed.length === 0 ? notePeak([], size, now) : state.needed, wanted, now);
  const sizes = notePeak(state.sizes, size, now);
  const recommendedSize = recommended(group, { wanted, needed, sizes }, now);
  const report: ScalingReport = {
    recommendedSize,
    status: needs.details.some((detail) => misconfigured.has(detail)) ? "ERROR" : "ACTIVE",
    details: detailsOf(group, { needs, inForce, isCapped: uncapped > spec.max }),
    schedules: inForce.statuses,
  };
  const next = {
    samples,
    needed,
    sizes,
    settling,
    scheduled: inForce,
    report: sameJson(report, state.report) ? (state.report ?? report) : report,
  };
  const dueAtMs = Math.min(inForce.changesAtMs, group.initializedAtMs, isWaiting ? now + lookAgainMs : Number.POSITIVE_INFINITY);
  return { state: next, wakeAtMs: Math.min(dueAtMs, shrinksAtMs(spec, { wanted, needed, sizes }, now), staleAtMs(spec, now)) };
}

/** When a size that is kept for the sake of the past may be given up. */
function shrinksAtMs(spec: AutoscalingSpec, { wanted, needed, sizes }: Outlook, now: number): number {
  if (isLeaving(needed, spec, now)) return now + lookAgainMs;
  const isKept = peakWithin(needed, spec.stabilizationMs, now) > wanted;
  return Math.min(
    isKept ? peakEndsMs(needed, spec.stabilizationMs, now) : Number.POSITIVE_INFINITY,
    spec.scaleIn && peakWithin(sizes, spec.scaleIn.windowMs, now) > wanted
      ? peakEndsMs(sizes, spec.scaleIn.windowMs, now)
      : Number.POSITIVE_INFINITY,
  );
}

/** CPU times come with the lists of the fleet; what others measure may fail to come, and that must be noticed. */
function staleAtMs({ loadBalancing, metrics }: AutoscalingSpec, now: number): number {
  return loadBalancing !== undefined || metrics.length > 0 ? now + 3 * lookAgainMs : Number.POSITIVE_INFINITY;
}

/** What the load asks for, with fractions. Growing goes by initialized instances alone; what is not known speaks for the present size. */
function loadNeedOf({ need, incomplete }: Needs, size: number): number {
  if (need.out > size) return need.out;
  return Math.min(size, Math.max(need.out, need.in, incomplete ? size : 0));
}

/** Google: half an instance that is missing is one more; half of one too many stays. Noise of floating point is neither. */
function wholeInstances(need: number): number {
  return Math.ceil(need - 1e-9);
}

interface Outlook {
  readonly wanted: number;
  readonly needed: Peaks;
  readonly sizes: Peaks;
}

function recommended({ spec, size }: ScaledGroup, { wanted, needed, sizes }: Outlook, now: number): number {
  if (wanted >= size) return wanted;
  const peak = peakWithin(needed, spec.stabilizationMs, now);
  const stabilized = isLeaving(needed, spec, now) ? size : Math.min(size, peak);
  const floor = spec.scaleIn ? floorOf(spec.scaleIn, sizes, now) : 0;
  return Math.min(spec.max, Math.max(wanted, stabilized, Math.min(size, floor)));
}

/** The greatest need is about to leave the window, and what follows it may do so in small steps: they are taken in one. */
function isLeaving(needed: Peaks, { stabilizationMs }: AutoscalingSpec, now: number): boolean {
  return peakWithin(needed, Math.max(0, stabilizationMs - steadyMs), now) < peakWithin(needed, stabilizationMs, now);
}

/** A share of instances is rounded up, as in the other policies of a group. */
function floorOf({ most, windowMs }: ScaleInControl, sizes: Peaks, now: number): number {
  const peak = peakWithin(sizes, windowMs, now);
  return peak - ("fixed" in most ? most.fixed : Math.ceil((peak * most.percent) / 100));
}

/** What no figures will ever mend. */
const misconfigured: ReadonlySet<ScalingDetail> = new Set<ScalingDetail>([
  "BACKEND_SERVICE_DOES_NOT_EXIST",
  "UNSUPPORTED_MAX_RATE_LOAD_BALANCING_CONFIGURATION",
]);

const modeDetails: Readonly<Record<AutoscalingSpec["mode"], readonly ScalingDetail[]>> = {
  ON: [],
  OFF: ["MODE_OFF"],
  ONLY_SCALE_OUT: ["MODE_ONLY_SCALE_OUT"],
  ONLY_UP: ["MODE_ONLY_UP"],
};

interface Findings {
  readonly needs: Needs;
  readonly inForce: Scheduled;
  readonly isCapped: boolean;
}

function detailsOf({ spec, allUnhealthy }: ScaledGroup, { needs, inForce, isCapped }: Findings): ScalingDetail[] {
  const { min, max, mode, schedules } = spec;
  const planned = schedules.filter(({ disabled }) => !disabled).map(({ required }) => required);
  return [
    ...modeDetails[mode],
    ...(min === max ? (["MIN_EQUALS_MAX"] as const) : []),
    ...(isCapped || inForce.required > max ? (["CAPPED_AT_MAX_NUM_REPLICAS"] as const) : []),
    ...(planned.some((required) => required > max) ? (["SCHEDULED_INSTANCES_GREATER_THAN_AUTOSCALER_MAX"] as const) : []),
    ...(planned.some((required) => required < min) ? (["SCHEDULED_INSTANCES_LESS_THAN_AUTOSCALER_MIN"] as const) : []),
    ...(allUnhealthy ? (["ALL_INSTANCES_UNHEALTHY"] as const) : []),
    ...needs.details,
  ];
}
