import type { Call } from "./context.ts";
import { groupKeyOfManager } from "./derived.ts";

/** Keys of all groups, in their order. */
export function groupKeys({ context }: Call): readonly string[] {
  const { store } = context;
  const keys = [
    ...store.list("instanceGroupManagers").map(({ key }) => groupKeyOfManager(key)),
    ...store.list("instanceGroups").map(({ key }) => key),
    ...store.list("networkEndpointGroups").map(({ key }) => key),
  ];
  return keys.toSorted();
}
