import { isJsonObject, type JsonObject } from "#base/json.ts";
import type { Kind } from "#model/kind.ts";
import { omit } from "./merge.ts";

/**
 * One stored form for what Google lets a client say in several ways, so that writing back what was read changes nothing. Only managers
 * have such fields: their template may be `instanceTemplate` or a version, and some parts are computed inside of the user's own.
 */
export function normalize(kind: Kind, resource: JsonObject): JsonObject {
  return kind.collection === "instanceGroupManagers" ? normalizeManager(resource) : resource;
}

/** What a merge patch is applied to: a patch that names the template in one of the two ways replaces the other one, too. */
export function mergeBase(kind: Kind, stored: JsonObject, patch: JsonObject): JsonObject {
  if (kind.collection !== "instanceGroupManagers") return stored;
  const named = (field: string): boolean => patch[field] !== undefined && patch[field] !== null;
  if (named("versions")) return omit(stored, ["instanceTemplate"]);
  return named("instanceTemplate") ? omit(stored, ["versions"]) : stored;
}

function normalizeManager(resource: JsonObject): JsonObject {
  const { versions, updatePolicy } = resource;
  const policy = isJsonObject(updatePolicy) ? { updatePolicy: withoutCalculated(updatePolicy, ["maxSurge", "maxUnavailable"]) } : {};
  if (!Array.isArray(versions)) return { ...resource, ...policy };
  const list = versions.filter(isJsonObject).map((version) => withoutCalculated(version, ["targetSize"]));
  const [only] = list;
  const template = only?.["instanceTemplate"];
  const rest = omit(resource, ["versions", "instanceTemplate"]);
  // A single version without a name or size says what `instanceTemplate` says; versions stand before it where both are given.
  if (list.length === 1 && only && template !== undefined && Object.keys(only).length === 1)
    return { ...rest, ...policy, instanceTemplate: template };
  return list.length === 0 ? { ...omit(resource, ["versions"]), ...policy } : { ...rest, ...policy, versions: list };
}

/** `{targetSize: {calculated: 3}}` says nothing that the user chose: it goes away whole. */
function withoutCalculated(value: JsonObject, fields: readonly string[]): JsonObject {
  const kept = Object.entries(value).flatMap(([name, field]): [string, JsonObject[string]][] => {
    if (!fields.includes(name) || !isJsonObject(field)) return [[name, field]];
    const rest = omit(field, ["calculated"]);
    return Object.keys(rest).length === 0 ? [] : [[name, rest]];
  });
  return Object.fromEntries(kept);
}
