/** Traffic policies: what they say of a backend service or a route. */
import { trafficPolicies, type TrafficPolicy } from "#model/wayside/traffic-policies.ts";
import type { Context, KeyedPolicy } from "./context.ts";
import { resolve } from "./references.ts";
import { collectionOf, dependency, type ResourceView } from "./view.ts";

/** What all policies for the resource `key` say together: of several that have a field, the first by name gives it. */
export function trafficPolicyOf(context: Context, key: string): TrafficPolicy {
  const { view } = context;
  context.trafficPolicies ??= byTarget(view.unrecorded);
  const about = context.trafficPolicies.get(key) ?? [];
  for (const name of [dependency.policies(key), ...about.map((one) => one.key)]) view.note(name);
  return Object.assign({}, ...about.map(({ policy }) => policy)) as TrafficPolicy;
}

/** Key of the resource that a policy is about. */
export function targetOf(view: ResourceView, { target }: TrafficPolicy): string | undefined {
  return target === undefined ? undefined : resolve(view, target, [collectionOf(target)]);
}

/** All policies by what they are about, the last by name first. */
function byTarget(view: ResourceView): ReadonlyMap<string, readonly KeyedPolicy[]> {
  const sorted = view.list("trafficPolicies").toSorted((a, b) => (a.key < b.key ? 1 : -1));
  const keyed = sorted.map(({ key, resource }) => ({ key, policy: trafficPolicies.read(resource) }));
  return Map.groupBy(keyed, ({ policy }) => targetOf(view, policy) ?? "");
}
