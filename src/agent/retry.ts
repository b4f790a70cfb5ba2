/** How an agent waits: exponential backoff with full jitter, so that a thousand agents that start at once do not come at once. */

/** The first pauses are up to this long, which spreads a mass restart and still finds a control plane that was only started anew. */
const firstMs = 10_000;
const shortPauses = 3;
const longestMs = 60_000;

/** Before attempt `failures + 1` at the control plane: uniform in a range of 10 s that doubles to 60 s after the third. `random` is uniform in [0, 1). */
export function jitteredMs(failures: number, random: number): number {
  return failures === 0 ? 0 : Math.min(longestMs, firstMs * 2 ** Math.max(0, failures - shortPauses)) * random;
}

/** Before an application is started again: none, then 1 s doubling to 60 s. */
export function backoffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(longestMs, 1000 * 2 ** (failures - 1));
}

/** The next heartbeat after one: the interval, a tenth more or less. */
export function heartbeatMs(intervalSec: number, random: number): number {
  return intervalSec * 1000 * (0.9 + 0.2 * random);
}

/** What has begun at an agent that is replaced may end there: downloads, and WebSockets above all (Envoy: `--parent-shutdown-time-s`). */
export const finishWithinMs = 900_000;
