/** What the API calculates inside of fields that are the user's own, taken out again: what is left is what was given. */
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import type { Kind } from "#model/kind.ts";

/** Takes a resource with Google's field names; only managers have such fields. */
export function asGiven(kind: Kind, resource: JsonObject): JsonObject {
  return kind.collection === "instanceGroupManagers" ? managerAsGiven(resource) : resource;
}

/**
 * The API answers a manager's template in both of its spellings. Several versions stand for themselves; a single one that only names a
 * template is `instanceTemplate`.
 */
function managerAsGiven(manager: JsonObject): JsonObject {
  const { versions, instanceTemplate, ...rest } = withoutCalculated(manager);
  const list = Array.isArray(versions) ? versions.filter(isJsonObject) : [];
  const [first] = list;
  if (list.length === 1 && first !== undefined && Object.keys(first).join() === "instanceTemplate") return { ...rest, ...first };
  if (list.length > 0) return { ...rest, versions: list };
  return instanceTemplate === undefined ? rest : { ...rest, instanceTemplate };
}

function withoutCalculated(object: JsonObject): JsonObject {
  const kept = Object.entries(object).flatMap(([key, value]): [string, Json][] => {
    if (key === "calculated") return [];
    const inner = Array.isArray(value) ? value.map((item) => (isJsonObject(item) ? withoutCalculated(item) : item)) : value;
    const cleaned = isJsonObject(inner) ? withoutCalculated(inner) : inner;
    const isEmptied = isJsonObject(value) && isJsonObject(cleaned) && Object.keys(value).length > 0 && Object.keys(cleaned).length === 0;
    return isEmptied ? [] : [[key, cleaned]];
  });
  return Object.fromEntries(kept);
}
