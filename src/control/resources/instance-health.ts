import type { InstanceLease } from "#control/compiler/membership.ts";
import type { InstanceReport } from "#instances/group/spec.ts";

/** No probe, no verdict: the proxies take such an instance for healthy, unless its own agent says otherwise. */
export function healthOf(report: Pick<InstanceReport, "health"> | undefined, lease: InstanceLease | undefined): string {
  if (lease?.report?.healthy === false) return "UNHEALTHY";
  const states = new Set(Object.values(report?.health ?? {}));
  const worst = (["UNHEALTHY", "TIMEOUT", "DRAINING", "UNKNOWN"] as const).find((state) => states.has(state));
  return worst ?? (report ? "HEALTHY" : "UNKNOWN");
}
