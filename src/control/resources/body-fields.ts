import { isJsonObject, type JsonObject } from "#base/json.ts";
import type { Call } from "./context.ts";
import { invalid, required } from "./faults.ts";

/** Fields of the bodies of our own API, read one by one. Each throws `UserError` for what it cannot be. */

/** The body; `field` is the one to be asked for when there is none. */
export function objectIn({ command }: Call, field: string): JsonObject {
  if (isJsonObject(command.body)) return command.body;
  throw required(field);
}

/** A whole number, or text that is one; undefined where the field is absent or null. */
export function wholeIn(body: JsonObject, field: string, [least, most]: readonly [number, number]): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= least && number <= most) return number;
  throw invalid(field, value, `It must be a whole number from ${least} to ${most}.`);
}
