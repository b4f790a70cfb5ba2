/** Whether a resource is already what a file asks for. */
import { isJsonObject, sameJson, type Json, type JsonObject } from "#base/json.ts";
import type { Kind, Reference } from "#model/kind.ts";
import { parseReference } from "#model/references.ts";
import { conformed } from "../files/manifest.ts";

/** A resource in the one form that is compared: nothing of the server's, with defaults, every field under Google's name, its name short. */
export function comparable(kind: Kind, name: string, resource: JsonObject): JsonObject {
  return kind.defaults({ name, ...conformed(kind, resource).value });
}

/**
 * Whether two resources in comparable form say the same: references count by what they name, in whichever spelling, and numbers and
 * booleans like the text of them, as they do to the API.
 */
export function isSame(kind: Kind, project: string, { wanted, current }: { wanted: JsonObject; current: JsonObject }): boolean {
  const others = new Map(kind.references(current).map((reference) => [reference.field, reference]));
  const respelled = kind.references(wanted).reduce((resource, reference) => {
    const other = others.get(reference.field);
    return other && isSameTarget(project, reference, other) ? replaced(resource, stepsOf(reference.field), other.value) : resource;
  }, wanted);
  return sameJson(asText(respelled), asText(current));
}

function isSameTarget(project: string, a: Reference, b: Reference): boolean {
  const [one, other] = [a, b].map(({ value, collections }) => parseReference(value, { collections, project }));
  if (one === undefined || other === undefined) return a.value === b.value;
  if ("key" in one && "key" in other) return one.key === other.key;
  const [name, otherName] = [one, other].map((parsed) =>
    "key" in parsed ? parsed.key.slice(parsed.key.lastIndexOf("/") + 1) : parsed.bareName,
  );
  return name === otherName;
}

/** `resource.backends[0].group` → `backends`, `0`, `group` */
function stepsOf(field: string): string[] {
  return field
    .split(/[.[\]]+/)
    .filter((step) => step !== "")
    .slice(1);
}

function replaced(resource: JsonObject, steps: readonly string[], value: string): JsonObject {
  const result = replacedIn(resource, steps, value);
  return isJsonObject(result) ? result : resource;
}

function replacedIn(json: Json | undefined, steps: readonly string[], value: string): Json {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (Array.isArray(json)) return json.map((item, index) => (String(index) === step ? replacedIn(item, rest, value) : item));
  if (!isJsonObject(json)) return json ?? null;
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, key === step ? replacedIn(item, rest, value) : item]));
}

function asText(json: Json): Json {
  if (typeof json === "number" || typeof json === "boolean") return String(json);
  if (Array.isArray(json)) return json.map(asText);
  return isJsonObject(json) ? Object.fromEntries(Object.entries(json).map(([key, item]) => [key, asText(item)])) : json;
}

/** A merge patch (RFC 7396) that turns `current` into `wanted`: what is too much becomes null. */
export function patchBetween(current: JsonObject, wanted: JsonObject): JsonObject {
  const gone = Object.keys(current).filter((key) => wanted[key] === undefined);
  const kept = Object.entries(wanted).map(([key, value]): [string, Json] => {
    const before = current[key];
    return [key, isJsonObject(value) && isJsonObject(before) ? patchBetween(before, value) : value];
  });
  return Object.fromEntries([...kept, ...gone.map((key): [string, Json] => [key, null])]);
}
