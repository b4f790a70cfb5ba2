/** Traffic policies: what they say of a backend service or a route. */
import { trafficPolicies, type TrafficPolicy } from "#model/wayside/traffic-policies.ts";
import type { Context } from "./context.ts";
import { resolve } from "./references.ts";
import { collectionOf, type ResourceView } from "./view.ts";

/** What all policies for the resource `key` say together: of several that have a field, the first by name gives it. */
export function trafficPolicyOf(context: Context, key: string): TrafficPolicy {
  const collection = collectionOf(key);
  context.trafficPolicies ??= lastFirst(context.view);
  const about = context.trafficPolicies.filter(
    ({ target }) => target?.split("/").includes(collection) && resolve(context.view, target, [collection]) === key,
  );
  return Object.assign({}, ...about) as TrafficPolicy;
}

function lastFirst(view: ResourceView): TrafficPolicy[] {
  const sorted = view.list("trafficPolicies").toSorted((a, b) => (a.key < b.key ? 1 : -1));
  return sorted.map(({ resource }) => trafficPolicies.read(resource));
}
