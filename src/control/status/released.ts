import type { GroupKey } from "#instances/group/spec.ts";
import type { Snapshot } from "#ir/snapshot.ts";
import type { ReceivedReport } from "./reports.ts";

/** A proxy that has not reported for this long is taken to be gone. Proxies report every ten seconds at the least. */
const goneAfterMs = 60_000;

/** A service that may send requests to a group, and what its proxy said last. */
export interface User {
  readonly generation: number;
  /** Newest configuration; only read when its proxy has applied it. */
  readonly snapshot: () => Snapshot | undefined;
  readonly report: ReceivedReport | undefined;
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
  return users.every(({ generation, snapshot, report }) => {
    if (!report || now - report.receivedAtMs > goneAfterMs) return true;
    if (report.generation < generation) return false;
    return Object.values(snapshot()?.clusters ?? {}).every((cluster) =>
      cluster.groups.every((one) => one.group !== group.key || one.endpoints.every((endpoint) => !gone.has(endpoint.instance))),
    );
  });
}
