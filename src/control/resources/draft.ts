import { UserError, type Fault } from "#base/errors.ts";
import { isJsonObject, sameJson, type Json, type JsonObject } from "#base/json.ts";
import { conform } from "#model/conform.ts";
import type { Kind } from "#model/kind.ts";
import type { Change } from "../command.ts";
import type { ResourceKey, StoredResource } from "../store/store.ts";
import { admit } from "./admission.ts";
import type { Call } from "./context.ts";
import { invalid, required } from "./faults.ts";
import { omit } from "./merge.ts";
import { nameOf } from "./names.ts";
import { normalize } from "./normalize.ts";
import { canonicalNames } from "./patch-names.ts";
import { referencesOf } from "./references.ts";

/** What the server computes on every resource of an API, whatever its kind lists: never taken from input. */
const alwaysComputed = ["kind", "id", "selfLink", "creationTimestamp", "fingerprint", "labelFingerprint"];

/** The body of a write, with Google's field names and without what the server owns. Throws `UserError` when there is none. */
export function inputOf(kind: Kind, body: Json | undefined): JsonObject {
  if (body === undefined || body === null || body === "") throw required("resource");
  if (!isJsonObject(body)) throw invalid("resource", body, "A JSON object is expected.");
  const named = canonicalNames(kind.message, body) as JsonObject;
  const owned = kind.api === "compute" ? [...alwaysComputed, ...kind.outputOnly] : [...kind.outputOnly, "kind", "selfLink"];
  return omit(
    named,
    owned.filter((field) => field !== "name"),
  );
}

/** A resource that passed every check, and the keys it refers to. */
export interface Draft {
  readonly resource: JsonObject;
  readonly references: readonly ResourceKey[];
}

/**
 * Names and types, defaults, semantic checks, references, and the rules that need the rest of the project, in this order; the faults of one
 * step are reported all at once. Throws `UserError`.
 */
export function draft(call: Call, kind: Kind, made: { key: ResourceKey; input: JsonObject }): Draft {
  const conformed = conform(kind.message, made.input);
  refuse(conformed.faults);
  const named = nameInBody(kind) ? { name: nameOf(made.key), ...conformed.value } : omit(conformed.value, ["name"]);
  const resource = normalize(kind, kind.defaults(named));
  refuse(kind.check(resource));
  const references = referencesOf(call, kind, resource);
  refuse(references.faults);
  refuse(admit(call, kind, { key: made.key, resource }));
  return { resource, references: references.keys };
}

/** Compute, and our own API, name a resource in its body; everything else under `/v1` by a parameter. */
export function nameInBody(kind: Kind): boolean {
  return kind.api === "compute" || kind.api === "wayside";
}

/** Throws when there is any fault. */
export function refuse(faults: readonly Fault[]): void {
  if (faults.length > 0) throw new UserError(faults);
}

/** Writes a draft over `before`, or anew. Gives no change when it is what is there already. */
export function save(call: Call, target: { kind: Kind; key: ResourceKey; before?: StoredResource }, made: Draft): readonly Change[] {
  const { kind, key, before } = target;
  if (before && sameJson(before.resource, made.resource)) return [];
  putResource(call, { key, collection: kind.collection, ...(before ? { before } : {}) }, made);
  return [{ key, kind: before ? "updated" : "created" }];
}

/** A row of SQLite in a Durable Object holds 2 MB, and an operation's row holds a resource and more. Patches can add up to any size. */
const largestResource = 1_500_000;

function checkSize(resource: JsonObject): void {
  const text = JSON.stringify(resource);
  // No character takes more than three bytes for each of its units.
  if (text.length * 3 <= largestResource) return;
  const size = new TextEncoder().encode(text).length;
  if (size > largestResource) throw invalid("resource", `${size} bytes`, `A resource must be at most ${largestResource} bytes.`);
}

/** Puts a resource into the store with the next revision; an id is given once and stays. Throws `UserError` for one that is too large. */
export function putResource(
  call: Call,
  target: { key: ResourceKey; collection: string; before?: StoredResource },
  made: Draft,
): StoredResource {
  checkSize(made.resource);
  const { store, clock } = call.context;
  const revision = store.nextRevision();
  const now = clock.now();
  const stored: StoredResource = {
    key: target.key,
    collection: target.collection,
    name: nameOf(target.key),
    resource: made.resource,
    id: target.before?.id ?? newId(call, revision),
    createdAtMs: target.before?.createdAtMs ?? now,
    updatedAtMs: now,
    revision,
  };
  store.put(stored, made.references);
  return stored;
}

/** 19 digits like Google's, unique because the revision is; the last six are random below the top, which leaves room for derived ids. */
export function newId(call: Call, revision: number): string {
  const suffix = BigInt(Math.floor(call.context.random.float() * 999_000));
  return String(10n ** 18n + BigInt(revision) * 1_000_000n + suffix);
}
