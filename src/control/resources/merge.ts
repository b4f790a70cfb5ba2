import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { invalid } from "./faults.ts";

/**
 * JSON merge patch (RFC 7396): objects are merged, null removes, anything else replaces. Only own keys are looked at, and results are made
 * with `Object.fromEntries`, which creates own properties even for `__proto__`, so that no prototype is ever read or written.
 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const base = isJsonObject(target) ? target : {};
  const merged = new Map<string, Json>(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

/** No message is deeper than the deepest body that is read. */
const deepestPath = 64;

/** The paths of an `updateMask`, in camelCase. Throws `UserError` for one that is deeper than any message. */
export function maskPaths(mask = ""): readonly string[] {
  const paths = mask
    .split(",")
    .map((path) => camelCase(path.trim()))
    .filter((path) => path !== "");
  const deep = paths.find((path) => path.split(".").length > deepestPath);
  if (deep !== undefined) throw invalid("updateMask", deep, `A path has at most ${deepestPath} parts.`);
  return paths;
}

/** `source` with the fields that `paths` name taken from `from`; a field that `from` lacks is removed. Paths are camelCase, `a.b` goes into `a`. */
export function applyMask(source: JsonObject, from: JsonObject, paths: readonly string[]): JsonObject {
  let result = source;
  for (const path of paths) result = maskOne(result, from, path.split("."));
  return result;
}

function maskOne(source: JsonObject, from: JsonObject, path: readonly string[]): JsonObject {
  const [head, ...rest] = path;
  if (head === undefined) return source;
  const fields = new Map(Object.entries(source));
  const given = Object.hasOwn(from, head) ? from[head] : undefined;
  if (rest.length === 0) {
    if (given === undefined) fields.delete(head);
    else fields.set(head, given);
    return Object.fromEntries(fields);
  }
  const inner = fields.get(head);
  fields.set(head, maskOne(isJsonObject(inner) ? inner : {}, isJsonObject(given) ? given : {}, rest));
  return Object.fromEntries(fields);
}

/** `update_mask` paths come in either spelling. */
export function camelCase(text: string): string {
  return text.replaceAll(/_([a-z0-9])/g, (_whole, letter: string) => letter.toUpperCase());
}

/** `object` without the named fields. */
export function omit(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !names.includes(key)));
}
