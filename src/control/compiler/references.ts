/** From a reference as a user wrote it to the key of the resource it names. */
import { parseReference } from "#model/references.ts";
import { collectionOf, type ResourceView } from "./view.ts";

/** Collections that hold what a backend's `group` can name. */
export const groupCollections = ["instanceGroups", "networkEndpointGroups", "instanceGroupManagers"] as const;

/**
 * The key that `text` names within `collections`, whether or not there is such a resource; undefined when it is no reference to them.
 * A bare name is taken for the global resource of that name; else for the only resource of that name in any scope.
 */
export function resolve(view: ResourceView, text: string | undefined, collections: readonly string[]): string | undefined {
  if (text === undefined) return undefined;
  const parsed = parseReference(text, { collections, project: view.project });
  if (parsed === undefined) return undefined;
  if ("bareName" in parsed) return resolveName(view, parsed.bareName, collections);
  return collections.includes(collectionOf(parsed.key)) ? parsed.key : undefined;
}

function resolveName(view: ResourceView, name: string, collections: readonly string[]): string | undefined {
  const scoped = collections.map(
    (collection) => `${collection === "meshes" || collection === "gateways" ? "locations/" : ""}global/${collection}/${name}`,
  );
  const direct = scoped.find((key) => view.get(key) !== undefined);
  if (direct !== undefined) return direct;
  const named = collections.flatMap((collection) => view.list(collection)).filter(({ key }) => shortName(key) === name);
  return named.length === 1 ? named[0]?.key : scoped[0];
}

/** `x` of `global/urlMaps/x`. */
export function shortName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** `zones/z` of `zones/z/instanceGroups/g`. */
export function scopeOf(key: string): string {
  return key.split("/").slice(0, -2).join("/");
}
