/** Durations in both of Google's spellings. */
import { durationTextToMs } from "#base/duration.ts";
import type { SecondsNanos } from "#base/duration.ts";
import type { Report } from "./report.ts";

const longestSeconds = 315_576_000_000;

/** Compute's `{seconds, nanos}`: 0 to 10,000 years; absent is fine. */
export function checkSecondsNanos(report: Report, field: string, duration: SecondsNanos | undefined): void {
  if (duration === undefined) return;
  report.range(`${field}.seconds`, Number(duration.seconds ?? 0), [0, longestSeconds]);
  report.range(`${field}.nanos`, Number(duration.nanos ?? 0), [0, 999_999_999]);
}

/** Network Services' `"1.5s"`: not negative, at most 10,000 years; absent is fine. */
export function checkDurationText(report: Report, field: string, duration: string | undefined): void {
  if (duration === undefined) return;
  const ms = durationTextToMs(duration);
  if (ms === undefined) report.invalid(field, duration, "Must be a duration such as '1.5s'.");
  else if (ms < 0) report.invalid(field, duration, "Must not be negative.");
  else if (ms > longestSeconds * 1000) report.invalid(field, duration, `Must not be longer than ${longestSeconds}s.`);
}

/** Google: a session cookie lives for one day at most. */
const longestCookieSeconds = 86_400;

/** `cookieTtl` of a stateful session affinity. */
export function checkCookieTtl(report: Report, field: string, ttl: string | undefined): void {
  checkDurationText(report, field, ttl);
  if ((durationTextToMs(ttl ?? "") ?? 0) > longestCookieSeconds * 1000) {
    report.invalid(field, ttl, `Must not be longer than ${longestCookieSeconds}s.`);
  }
}
