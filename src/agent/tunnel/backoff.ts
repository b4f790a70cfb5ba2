import type { Random } from "#base/random.ts";

/** When an agent whose tunnel was lost comes back: exponential with full jitter, so that 500 of them do not come at once. */

const baseMs = 500;
const capMs = 30_000;

/** Milliseconds to wait before the next connection, after so many in a row (at least 1) that failed or were lost at once. */
export function reconnectDelayMs(failures: number, random: Random): number {
  return random.float() * Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 16));
}
