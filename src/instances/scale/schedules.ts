import { nextCronMs, previousCronMs } from "#base/cron.ts";
import type { ScheduleSpec, ScheduleStatus } from "./spec.ts";

export interface Scheduled {
  readonly schedules: readonly ScheduleSpec[];
  readonly atMs: number;
  /** The greatest size that a schedule in force asks for; 0 when none is. */
  readonly required: number;
  readonly statuses: readonly ScheduleStatus[];
  /** When a schedule begins or ends next; Infinity when none does. */
  readonly changesAtMs: number;
}

/** The same until a schedule begins or ends: reading cron expressions is dear, and a group looks at each of its steps. */
export function scheduled(before: Scheduled | undefined, schedules: readonly ScheduleSpec[], now: number): Scheduled {
  const holds = before?.schedules === schedules && now >= before.atMs && now < before.changesAtMs;
  return holds ? before : scheduledAt(schedules, now);
}

/** What the schedules ask for now. One is in force from each of its starts for its duration; starts that follow within it prolong it. */
function scheduledAt(schedules: readonly ScheduleSpec[], now: number): Scheduled {
  let required = 0;
  let changesAtMs = Number.POSITIVE_INFINITY;
  const statuses = schedules.map((schedule): ScheduleStatus => {
    const status = statusOf(schedule, now);
    if (status.state === "ACTIVE") {
      required = Math.max(required, schedule.required);
      changesAtMs = Math.min(changesAtMs, (status.lastStartMs ?? now) + schedule.durationMs);
    }
    if (!schedule.disabled) changesAtMs = Math.min(changesAtMs, status.nextStartMs ?? Number.POSITIVE_INFINITY);
    return status;
  });
  return { schedules, atMs: now, required, statuses, changesAtMs };
}

/** READY waits for its next start; OBSOLETE has none any more. */
function statusOf({ name, cron, timeZone, durationMs, disabled }: ScheduleSpec, now: number): ScheduleStatus {
  const last = previousCronMs(cron, timeZone, now);
  const next = nextCronMs(cron, timeZone, now);
  const isActive = last !== undefined && now < last + durationMs;
  const state = disabled ? "DISABLED" : isActive ? "ACTIVE" : next === undefined ? "OBSOLETE" : "READY";
  return { name, state, ...(last !== undefined && { lastStartMs: last }), ...(next !== undefined && { nextStartMs: next }) };
}
