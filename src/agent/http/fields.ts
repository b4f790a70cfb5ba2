/** Header fields as they stand on the wire: pairs in their order, names in any case. */

import { hopByHop } from "#base/hop-by-hop.ts";

export type Field = readonly [name: string, value: string];

/** Node's `rawHeaders`, names and values by turns, as pairs. */
export function fieldsOf(rawHeaders: readonly string[]): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) fields.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  return fields;
}

/** What Node takes as a list of headers. */
export function flat(fields: readonly Field[]): string[] {
  return fields.flatMap(([name, value]) => [name, value]);
}

/** The values of all fields of a name, which is given in lower case. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

/** The members of comma-separated fields, in lower case. */
export function membersOf(fields: readonly Field[], name: string): string[] {
  return valuesOf(fields, name)
    .flatMap((value) => value.toLowerCase().split(","))
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

/** The fields that another connection may carry: without those of this one, those that `Connection` names, and `without` (lower case). `Expect` is answered by
 * whoever takes the body. */
export function endToEnd(fields: readonly Field[], without: readonly string[] = []): Field[] {
  const dropped = new Set([...hopByHop, "expect", ...without, ...membersOf(fields, "connection")]);
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()));
}
