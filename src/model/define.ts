import type { Fault } from "#base/errors.ts";
import { isJsonObject } from "#base/json.ts";
import type { JsonObject } from "#base/json.ts";
import { Report } from "./check/report.ts";
import type { Kind, Reference } from "./kind.ts";
import type { Message, Reading, Unread } from "./schema.ts";

/** A kind whose checks read the resource through its schema instead of as raw JSON. */
export interface KindDefinition<Schema extends Message> extends Omit<Kind, "defaults" | "read" | "check" | "references"> {
  readonly schema: Schema;
  /** Values for fields that were not given; objects are filled field by field. */
  readonly defaults?: (resource: JsonObject) => JsonObject;
  /** Semantic checks. `given` is the resource as it was given, for checks of its size. */
  readonly check: (resource: Reading<Schema>, report: Report, given: JsonObject) => void;
  readonly references?: (resource: Reading<Schema>) => MaybeReference[];
}

/** A reference whose field may be absent or empty, which is the same to Google. */
export interface MaybeReference extends Omit<Reference, "value"> {
  readonly value: string | undefined;
}

/**
 * Makes the `Kind` of one collection. A value that its schema cannot read gives faults in `check` and reads as a resource without fields:
 * nothing throws, even on JSON that never went through `conform`.
 */
export function defineKind<Schema extends Message>(definition: KindDefinition<Schema>): Kind<Reading<Schema>> {
  const { schema, defaults, check, references, ...rest } = definition;
  // By the object: a store hands out the same one until the resource changes, and a large URL map is read once for all its hosts.
  const known = new WeakMap<JsonObject, Parsed<Reading<Schema>>>();
  const parsed = (given: JsonObject): Parsed<Reading<Schema>> => {
    const made = known.get(given) ?? parse(schema, given);
    known.set(given, made);
    return made;
  };
  const referencesOf = (resource: Reading<Schema>): Reference[] => (references?.(resource) ?? []).filter(isGiven);
  return {
    ...rest,
    schema,
    defaults: (resource) => (defaults === undefined ? resource : fill(resource, defaults(resource))),
    read: (resource) => parsed(resource).resource,
    check: (given) => {
      const { resource, faults } = parsed(given);
      if (faults.length > 0) return [...faults];
      const report = new Report();
      check(resource, report, given);
      for (const { field, value } of referencesOf(resource)) {
        if (malformed.test(value)) report.invalid(field, value, "The URL is malformed.");
      }
      return report.faults;
    },
    references: (resource) => referencesOf(parsed(resource).resource),
  };
}

interface Parsed<Resource> {
  readonly resource: Resource;
  readonly faults: readonly Fault[];
}

function parse<Schema extends Message>(schema: Schema, given: JsonObject): Parsed<Reading<Schema>> {
  const { data, error } = schema.safeParse(given);
  // All fields of a message may be absent, so that one without any is right too.
  return { resource: (data ?? {}) as Reading<Schema>, faults: (error?.issues ?? []).map(faultOfIssue) };
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

function faultOfIssue(issue: Unread): Fault {
  const steps = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
  const field = `resource${steps.join("")}`;
  return { code: "invalid", message: `Invalid value at '${field}': ${issue.message}`, field };
}
