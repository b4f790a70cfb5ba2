import type { Fault } from "#base/errors.ts";
import { isJsonObject } from "#base/json.ts";
import type { JsonObject } from "#base/json.ts";
import type { z } from "zod";
import { Report } from "./check/report.ts";
import type { Kind, Reference } from "./kind.ts";

/** A kind whose checks read the resource through its schema instead of as raw JSON. */
export interface KindDefinition<Schema extends z.ZodType> extends Omit<Kind, "defaults" | "check" | "references"> {
  readonly schema: Schema;
  /** Values for fields that were not given; objects are filled field by field. */
  readonly defaults?: (resource: JsonObject) => JsonObject;
  /** Semantic checks. `given` is the resource as it was given, for checks of its size. */
  readonly check: (resource: z.output<Schema>, report: Report, given: JsonObject) => void;
  readonly references?: (resource: z.output<Schema>) => MaybeReference[];
}

/** A reference whose field may be absent or empty, which is the same to Google. */
export interface MaybeReference extends Omit<Reference, "value"> {
  readonly value: string | undefined;
}

/**
 * Makes the `Kind` of one collection. A value that its schema cannot read gives faults in `check` and no references: nothing throws,
 * even on JSON that never went through `conform`.
 */
export function defineKind<Schema extends z.ZodType>(definition: KindDefinition<Schema>): Kind {
  const { schema, defaults, check, references, ...rest } = definition;
  const referencesOf = (resource: z.output<Schema>): Reference[] => (references?.(resource) ?? []).filter(isGiven);
  return {
    ...rest,
    defaults: (resource) => (defaults === undefined ? resource : fill(resource, defaults(resource))),
    check: (resource) => {
      const read = schema.safeParse(resource);
      if (!read.success) return read.error.issues.map(faultOfIssue);
      const report = new Report();
      check(read.data, report, resource);
      for (const { field, value } of referencesOf(read.data)) {
        if (malformed.test(value)) report.invalid(field, value, "The URL is malformed.");
      }
      return report.faults;
    },
    references: (resource) => {
      const read = schema.safeParse(resource);
      return read.success ? referencesOf(read.data) : [];
    },
  };
}

/** No URL, path or name has blanks or control characters; other characters are left to whoever looks the name up. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const malformed = /[\s\u0000-\u001F\u007F]/;

function isGiven(reference: MaybeReference): reference is Reference {
  return reference.value !== undefined && reference.value !== "";
}

function fill(given: JsonObject, defaults: JsonObject): JsonObject {
  const filled = new Map(Object.entries(given));
  for (const [key, value] of Object.entries(defaults)) {
    const own = filled.get(key);
    if (own === undefined) filled.set(key, value);
    else if (isJsonObject(own) && isJsonObject(value)) filled.set(key, fill(own, value));
  }
  return Object.fromEntries(filled);
}

function faultOfIssue(issue: z.core.$ZodIssue): Fault {
  const steps = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
  const field = `resource${steps.join("")}`;
  return { code: "invalid", message: `Invalid value at '${field}': ${issue.message}`, field };
}
