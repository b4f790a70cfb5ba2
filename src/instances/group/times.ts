import type { GroupSpec } from "./spec.ts";

/** How long a group waits for what. All in milliseconds. */

/** An instance that ran this long has proven itself: its next end is made good at once. */
export const provenAliveMs = 30_000;

/** How often proxies are asked whether they have let go of draining instances. */
export const releasePollMs = 250;

/** A proxy that cannot be reached must not keep an instance for ever: after this it is taken as released. */
export const releaseBoundMs = 10_000;

/** How often the fleet is listed: to find what an event that got lost would have said, and more often where its CPU times size the group. */
export function listIntervalMs({ managed }: GroupSpec): number {
  const { cpu, loadBalancing } = managed?.autoscaling ?? {};
  const byCpu = cpu !== undefined || loadBalancing?.backends.some(({ capacity }) => capacity.kind === "UTILIZATION");
  return byCpu ? 3_000 : 10_000;
}
export const listRetryMs = 1000;

/** A call that has not come back by then was lost with the object that sent it; a later object looks again. */
export const watchdogMs = 30_000;

/** Requests in flight at the moment of release get at least this long, even with no connection draining asked for. */
const shortestGraceMs = 500;

/** No due time of a phase is further away. */
export const longestBackoffMs = 60_000;

/** Pause before attempt `failures + 1`: none, then 1 s doubling to 60 s. */
export function backoffMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(longestBackoffMs, 1000 * 2 ** (failures - 1));
}

/** How long requests in flight have between the release of an instance and its end. */
export function graceMs(spec: GroupSpec): number {
  return Math.max(shortestGraceMs, spec.drainingTimeoutMs);
}
