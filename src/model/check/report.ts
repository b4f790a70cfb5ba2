import type { Fault } from "#base/errors.ts";

/** A value that a message can show. */
type Shown = string | number | boolean | object | undefined;

/** Collects what is wrong with a resource, in the words of Google's Compute API. Fields are paths from `resource`. */
export class Report {
  readonly faults: Fault[] = [];

  /** `Invalid value for field 'resource.timeoutSec': '0'. Must be at least 1.` `why` is a sentence: what is allowed, or the mend. */
  invalid(field: string, value: Shown, why: string): void {
    this.faults.push({ code: "invalid", message: `Invalid value for field '${field}': '${shown(value)}'. ${why}`, field });
  }

  /** `Required field 'resource.urlMap' not specified` */
  required(field: string): void {
    this.faults.push({ code: "required", message: `Required field '${field}' not specified`, field });
  }

  /** A number outside `range` (both ends included) is a fault; an absent one is not. */
  range(field: string, value: number | undefined, range: readonly [least: number, most: number]): void {
    if (value === undefined) return;
    const [least, most] = range;
    if (value < least) this.invalid(field, value, `Must be greater than or equal to ${least}`);
    else if (value > most) this.invalid(field, value, `Must be less than or equal to ${most}`);
  }

  /** More items than Google allows are a fault. */
  atMost(field: string, items: readonly unknown[] | undefined, limit: number): void {
    if (items !== undefined && items.length > limit) {
      this.invalid(field, `${items.length} items`, `Must have at most ${limit} items.`);
    }
  }

  /** Which of `names` are fields of `message`: more than one is a fault, and none is when `needed`. */
  oneOf(field: string, message: object, names: { readonly of: readonly string[]; readonly needed: boolean }): void {
    const given = names.of.filter((name) => Object.hasOwn(message, name));
    const list = names.of.join(", ");
    if (given.length > 1) this.invalid(field, given.join(", "), `Only one of ${list} may be specified.`);
    if (given.length === 0 && names.needed) {
      this.faults.push({ code: "required", message: `Required field '${field}' not specified: exactly one of ${list} is needed`, field });
    }
  }
}

const longest = 200;

/** As Google shows a value: text bare, a message as JSON on one line. */
function shown(value: Shown): string {
  if (value === undefined) return "";
  const text = typeof value === "object" ? JSON.stringify(value, null, 2).replaceAll("\n", "") : String(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
