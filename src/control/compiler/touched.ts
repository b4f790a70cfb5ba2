/** From a changed resource to what was compiled from it. */
import { trafficPolicies } from "#model/wayside/traffic-policies.ts";
import { targetOf } from "./traffic-policies.ts";
import { collectionOf, dependency, read, type ResourceView } from "./view.ts";

/** The dependencies that a change of the resource `key` touches, `view` being after the change: look up who holds one of them. */
export function touchedBy(view: ResourceView, key: string): string[] {
  const collection = collectionOf(key);
  const policy = collection === "trafficPolicies" ? read(view, trafficPolicies, key) : undefined;
  const target = policy && targetOf(view, policy);
  return [key, dependency.collection(collection), ...(target === undefined ? [] : [dependency.policies(target)])];
}
