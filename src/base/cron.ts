import { Cron } from "croner";

/**
 * Cron expressions as Google's scaling schedules take them: `minute hour day month weekday`, and a year after these where wanted. When both
 * days are given, either counts. A local time that a change of clocks leaves out counts when the clocks have gone forward; one that comes twice
 * counts once.
 */

const field = /^[0-9A-Za-z*,/-]+$/;
/** The library's last days and nearest weekdays, which Google does not know. */
const extension = /(^|[\d,])[LW]($|[^A-Z])/i;

/** Why the text is no such expression, or why it names no time zone; undefined when there is nothing wrong. */
export function cronFault(text: string, timeZone: string): "expression" | "timeZone" | undefined {
  if (!isTimeZone(timeZone)) return "timeZone";
  return parse(text, timeZone) === undefined ? "expression" : undefined;
}

/** The first time of the schedule after `afterMs` (milliseconds since the epoch); undefined when there is none, or the text is no schedule. */
export function nextCronMs(text: string, timeZone: string, afterMs: number): number | undefined {
  return parse(text, timeZone)?.nextRun(new Date(afterMs))?.getTime();
}

/** The last time of the schedule at or before `atMs`; undefined when there is none. */
export function previousCronMs(text: string, timeZone: string, atMs: number): number | undefined {
  return parse(text, timeZone)
    ?.previousRuns(1, new Date(atMs + 1))[0]
    ?.getTime();
}

/** Expressions are few and asked for again and again; the least lately used are forgotten. */
const known = new Map<string, Cron | undefined>();
const mostKnown = 1_000;

function parse(text: string, timeZone: string): Cron | undefined {
  const key = `${timeZone} ${text}`;
  const cron = known.has(key) ? known.get(key) : parseAnew(text, timeZone);
  known.delete(key);
  known.set(key, cron);
  const [oldest] = known.keys();
  if (known.size > mostKnown && oldest !== undefined) known.delete(oldest);
  return cron;
}

function parseAnew(text: string, timeZone: string): Cron | undefined {
  const fields = text.trim().split(/\s+/);
  // The library also knows seconds and nicknames.
  if (fields.length < 5 || fields.length > 6 || !fields.every((one) => field.test(one) && !extension.test(one))) return undefined;
  try {
    return new Cron(`0 ${fields.join(" ")}`, { timezone: timeZone, paused: true });
  } catch {
    return undefined;
  }
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
