import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { messageType } from "#model/catalogue.ts";

/**
 * A body with the field names that Google's catalogue knows, snake_case spellings included, put into camelCase, and everything else left
 * alone: a merge patch must meet the stored names, and its nulls, which reading it as a message would drop, must live until the merge.
 */
export function canonicalNames(message: string, value: Json): Json {
  const type = messageType(message);
  if (!type || !isJsonObject(value)) return value;
  const renamed = new Map<string, Json>();
  for (const [key, given] of Object.entries(value)) {
    const name = type.nameOf(key) ?? key;
    const field = type.field(name);
    const inner = field?.type.kind === "message" && field.repeat !== "map" ? nested(field.type.name, given) : given;
    // Two spellings of one field are both kept, for `conform` to refuse.
    renamed.set(Object.hasOwn(value, name) ? key : name, inner);
  }
  return Object.fromEntries(renamed) satisfies JsonObject;
}

function nested(message: string, value: Json): Json {
  return Array.isArray(value) ? value.map((item) => canonicalNames(message, item)) : canonicalNames(message, value);
}
