/** The policies of a rule in words. */
import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import type { TreeNode } from "../output/tree.ts";

/** One line a policy; nothing where the rule has none. */
export function policyNodes(policies: JsonObject): TreeNode[] {
  const children = Object.entries(policies).map(([name, value]) => ({ label: `${name}: ${wordsOf(value)}` }));
  return children.length === 0 ? [] : [{ label: "policies", children }];
}

/** A value without the signs of JSON: fields as `name value`, a field `kind` by its value alone. */
export function wordsOf(value: Json | undefined): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(wordsOf).join(", ");
  if (!isJsonObject(value)) return String(value);
  const { kind, ...fields } = value;
  const rest = Object.entries(fields).map(([name, field]) => `${name} ${nested(field)}`);
  return [...(kind === undefined ? [] : [wordsOf(kind)]), ...rest].join(", ");
}

function nested(value: Json): string {
  return isJsonObject(value) || Array.isArray(value) ? `(${wordsOf(value)})` : wordsOf(value);
}
