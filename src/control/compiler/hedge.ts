/** Hedging of a route, which holds for each of its rules that sends requests on. */
import type { Rule } from "#ir/route.ts";
import type { TrafficPolicy } from "#model/wayside/traffic-policies.ts";

/** Without `attempts`: one hedge. */
export function withHedge(rules: readonly Rule[], { hedge }: TrafficPolicy): Rule[] {
  const { afterMs, attempts = 2 } = hedge ?? {};
  if (afterMs === undefined) return [...rules];
  return rules.map((rule) => (rule.action.kind === "route" ? { ...rule, action: { ...rule.action, hedge: { afterMs, attempts } } } : rule));
}
