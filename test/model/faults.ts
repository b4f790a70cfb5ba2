import type { Json } from "#base/json.ts";
import { conform } from "#model/conform.ts";
import type { Kind } from "#model/kind.ts";

/** What is said of a resource on insert: of names and types, else of what they mean. */
export function faultsOf(kind: Kind, resource: Json): string[] {
  const { value, faults } = conform(kind.message, resource);
  return (faults.length > 0 ? faults : kind.check(kind.defaults(value))).map(({ message }) => message);
}
