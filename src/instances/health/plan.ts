import type { Random } from "#base/random.ts";
import type { HealthState, ProbeSpec } from "../group/spec.ts";

/** Pure: what the result of a probe does to an instance's health, and when the next probe is due. */

/** `reached`: something answered, though not as the health check asks; else no connection, or no answer in time. */
export type ProbeOutcome = { readonly ok: true } | { readonly ok: false; readonly reached: boolean; readonly why: string };

/** Counters of one instance under one probe. Kept in memory: after a restart they begin anew, from the health that was stored. */
export interface ProbeRecord {
  readonly nextAtMs: number;
  readonly firstAtMs: number;
  /** Results in a row that speak against the present health. */
  readonly against: number;
}

export interface ProbeResult {
  readonly startedAtMs: number;
  readonly outcome: ProbeOutcome;
}

/** Probes of an instance that has never answered well follow one another at least this fast, so that a new one takes traffic soon. */
const startupIntervalMs = 1000;

/** Each interval is stretched or shortened by up to this share, so that the probes of a group do not march in step. */
const jitter = 0.05;

/** A new instance under a probe: due at once. */
export function firstProbe(now: number): ProbeRecord {
  return { nextAtMs: now, firstAtMs: now, against: 0 };
}

/**
 * Google's detailed health state after a result. An UNKNOWN instance becomes HEALTHY with its first success, as with Envoy's first check,
 * and unhealthy only after as many whole intervals as the unhealthy threshold, however often it was asked in between.
 */
export function healthAfter(input: {
  readonly health: HealthState;
  readonly record: ProbeRecord;
  readonly spec: ProbeSpec;
  readonly result: ProbeResult;
}): { readonly health: HealthState; readonly against: number } {
  const { health, record, spec, result } = input;
  const failed = result.outcome.ok ? undefined : failureState(result.outcome.reached);
  const against = record.against + 1;
  if (health === "HEALTHY") {
    if (!failed) return { health, against: 0 };
    return against >= spec.unhealthyThreshold ? { health: failed, against: 0 } : { health, against };
  }
  if (health === "UNKNOWN") {
    if (!failed) return { health: "HEALTHY", against: 0 };
    const waited = result.startedAtMs - record.firstAtMs >= spec.unhealthyThreshold * spec.intervalMs;
    return waited && against >= spec.unhealthyThreshold ? { health: failed, against: 0 } : { health, against };
  }
  if (failed) return { health: failed, against: 0 };
  return against >= spec.healthyThreshold ? { health: "HEALTHY", against: 0 } : { health, against };
}

/** When to probe next: an interval after the start of the last probe, never in the past. */
export function nextProbeAt(input: {
  readonly health: HealthState;
  readonly spec: ProbeSpec;
  readonly startedAtMs: number;
  readonly now: number;
  readonly random: Random;
}): number {
  const { health, spec, startedAtMs, now, random } = input;
  const interval = health === "UNKNOWN" ? Math.min(spec.intervalMs, startupIntervalMs) : spec.intervalMs;
  const stretched = interval * (1 - jitter + 2 * jitter * random.float());
  return Math.max(now, Math.round(startedAtMs + stretched));
}

/** The due time of a record, brought back into reach when the clock was set back. */
export function dueAt(record: ProbeRecord, spec: ProbeSpec, now: number): number {
  return record.nextAtMs > now + 2 * spec.intervalMs ? now : record.nextAtMs;
}

function failureState(reached: boolean): "UNHEALTHY" | "TIMEOUT" {
  return reached ? "UNHEALTHY" : "TIMEOUT";
}
