/** How an agent waits: exponential backoff with full jitter, so that a thousand agents that start at once do not come at once. */

/** The first pause is up to this long, which spreads a mass restart. */
const firstMs = 10_000;
const longestMs = 60_000;

/** Before attempt `failures + 1` at the control plane: uniform in a range that doubles from 10 s to 60 s. `random` is uniform in [0, 1). */
export function jitteredMs(failures: number, random: number): number {
  return failures === 0 ? 0 : Math.min(longestMs, firstMs * 2 ** (failures - 1)) * random;
}

/** Before an application is started again: none, then 1 s doubling to 60 s. */
export function backoffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(longestMs, 1000 * 2 ** (failures - 1));
}

/** The next heartbeat after one: the interval, a tenth more or less. */
export function heartbeatMs(intervalSec: number, random: number): number {
  return intervalSec * 1000 * (0.9 + 0.2 * random);
}
