import type { GroupKey } from "#instances/group/spec.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import { isGone, type ReceivedReport } from "./reports.ts";

/** A service that may send requests to a group, and what its proxies said last. */
export interface User {
  readonly generation: number;
  /** Newest configuration; only read when its proxies have applied it. */
  readonly snapshot: () => Snapshot | undefined;
  readonly reports: readonly ReceivedReport[];
}

/**
 * Whether no proxy that is alive can still send requests to these instances of a group: each has applied the newest configuration of its
 * service, and that has none of them. A proxy that never reported serves nobody.
 */
export function isReleased(
  users: readonly User[],
  group: { readonly key: GroupKey; readonly instances: readonly string[] },
  now: number,
): boolean {
  const gone = new Set(group.instances);
  return users.every(({ generation, snapshot, reports }) => {
    const alive = reports.filter((report) => !isGone(report, now));
    if (alive.length === 0) return true;
    if (alive.some((report) => report.generation < generation)) return false;
    return Object.values(snapshot()?.clusters ?? {}).every((cluster) =>
      cluster.groups.every((one) => one.group !== group.key || one.endpoints.every((endpoint) => !gone.has(endpoint.instance))),
    );
  });
}
