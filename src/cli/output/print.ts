/** Prints an answer in the form that was asked for: a table for people, JSON or YAML for programs. */
import { stringify } from "yaml";
import type { Json } from "#base/json.ts";
import type { OutputForm } from "../options.ts";

/** `forPeople` gives the table; JSON and YAML carry `value` as it is. */
export function print(form: OutputForm, value: Json, forPeople: () => string): void {
  process.stdout.write(form === "json" ? `${JSON.stringify(value, null, 2)}\n` : form === "yaml" ? yamlOf(value) : forPeople());
}

/** YAML without line folding or anchors: what is printed can be applied again. */
export function yamlOf(value: Json): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
