import { UserError } from "#base/errors.ts";
import { isJsonObject, type JsonObject } from "#base/json.ts";
import { messageType } from "#model/catalogue.ts";
import type { Kind, StandardVerb } from "#model/kind.ts";
import type { ResourceKey, StoredResource } from "../store/store.ts";
import type { Call, Result, Verb } from "./context.ts";
import { derived, lookUp } from "./derived.ts";
import { draft, inputOf, nameInBody, save } from "./draft.ts";
import { alreadyExists, invalid, notFound, required } from "./faults.ts";
import { checkFingerprint } from "./fingerprint.ts";
import { applyMask, maskPaths, mergePatch } from "./merge.ts";
import { keyOf, pathOf } from "./names.ts";
import { mergeBase } from "./normalize.ts";
import { present } from "./present.ts";
import { remove } from "./remove.ts";

/** The standard verbs, one implementation for every kind. Lists are in `list.ts`. */
export function standardVerbs(kind: Kind): ReadonlyMap<StandardVerb, Verb> {
  const verbs: Readonly<Record<Exclude<StandardVerb, "list">, Verb>> = {
    insert: { method: "POST", on: "collection", mutates: true, run: (call) => insert(call, kind) },
    get: { method: "GET", on: "resource", mutates: false, run: (call) => ({ answer: present(call, kind, existing(call)) }) },
    patch: { method: "PATCH", on: "resource", mutates: true, run: (call) => patch(call, kind) },
    update: { method: "PUT", on: "resource", mutates: true, run: (call) => update(call, kind) },
    delete: { method: "DELETE", on: "resource", mutates: true, run: (call) => remove(call, kind, changeable(call)) },
  };
  const rows = kind.verbs.filter((verb) => verb !== "list").map((verb) => [verb, verbs[verb]] as const);
  return new Map(kind.changedThroughCollection ? rows.map(([verb, row]) => [verb, throughCollection(kind, verb, row)]) : rows);
}

/** The verb with the name in the query, or else in the body. */
function throughCollection(kind: Kind, verb: StandardVerb, row: Verb): Verb {
  if (verb !== "patch" && verb !== "update") return row;
  const run = (call: Call): Result => {
    const { query, body } = call.command;
    const name = query[kind.singular] ?? (isJsonObject(body) ? body["name"] : undefined);
    if (typeof name !== "string" || name === "") throw required(kind.singular);
    return row.run({ ...call, command: { ...call.command, name } });
  };
  return { ...row, on: "collection", run };
}

/** The key that the path names. */
function targetKey({ command }: Call): ResourceKey {
  return keyOf(command.scope, command.collection, command.name ?? "");
}

/** The resource that the path names, stored or derived; throws Google's 404 when there is none. */
export function existing(call: Call): StoredResource {
  const key = targetKey(call);
  const found = lookUp(call.context.store, call.command.project, key);
  if (!found) throw notFound(call.command.project, key);
  return found;
}

/** The same, for changing it: what is derived is changed through its manager. */
export function changeable(call: Call): StoredResource {
  const found = existing(call);
  const { command, context } = call;
  if (derived(context.store, command.project, found.key) === undefined) return found;
  throw new UserError({
    code: "invalid",
    message: `The resource '${pathOf(command.project, found.key)}' belongs to an instance group manager. Change the instance group manager instead.`,
  });
}

function insert(call: Call, kind: Kind): Result {
  const { command, context } = call;
  const input = inputOf(kind, command.body);
  const key = keyOf(command.scope, kind.collection, newName(call, kind, input));
  if (context.store.get(key)) throw alreadyExists(command.project, key);
  const made = draft(call, kind, { key, input });
  return { target: key, changes: save(call, { kind, key }, made) };
}

/** Network Services' rule for ids. */
const idRule = "(?:[a-z](?:[-_a-z0-9]{0,61}[a-z0-9])?)";

/** A name in the body is held to the kind's own rule with all else; an id such as `httpRouteId` is no part of the resource, so here. */
function newName({ command }: Call, kind: Kind, input: JsonObject): string {
  if (nameInBody(kind)) return typeof input["name"] === "string" ? input["name"] : "";
  const parameter = `${kind.singular}Id`;
  const id = command.query[parameter];
  if (id === undefined || id === "") throw required(parameter);
  if (!new RegExp(`^${idRule}$`).test(id)) throw invalid(parameter, id, `Must be a match of regex '${idRule}'`);
  return id;
}

function patch(call: Call, kind: Kind): Result {
  const before = changeable(call);
  if (kind.fingerprint) checkFingerprint(call.command.body, before);
  const given = inputOf(kind, call.command.body);
  checkName(before, given);
  const input = nameInBody(kind) ? merged(kind, before, given) : masked(call, kind, { before, given });
  return write(call, kind, { before, input });
}

/** Merging two objects gives an object. */
function merged(kind: Kind, before: StoredResource, given: JsonObject): JsonObject {
  return mergePatch(mergeBase(kind, before.resource, given), given) as JsonObject;
}

function update(call: Call, kind: Kind): Result {
  const before = changeable(call);
  if (kind.fingerprint) checkFingerprint(call.command.body, before);
  const input = inputOf(kind, call.command.body);
  checkName(before, input);
  return write(call, kind, { before, input });
}

/** Checks what a resource is to become and keeps it; for verbs that change one field, too. */
export function write(call: Call, kind: Kind, change: { before: StoredResource; input: JsonObject }): Result {
  const { before, input } = change;
  const made = draft(call, kind, { key: before.key, input });
  return { target: before.key, changes: save(call, { kind, key: before.key, before }, made) };
}

/** A name is for ever. Under `/v1` it may be sent along as the whole path. */
function checkName(before: StoredResource, given: JsonObject): void {
  const name = given["name"];
  if (name === undefined || name === null || (typeof name === "string" && name.split("/").at(-1) === before.name)) return;
  throw invalid("resource.name", name, `The name of a resource cannot be changed; it is '${before.name}'.`);
}

/** Network Services: without `updateMask` everything is replaced; `*` says the same. */
function masked({ command }: Call, kind: Kind, { before, given }: { before: StoredResource; given: JsonObject }): JsonObject {
  const paths = maskPaths(command.query["updateMask"]);
  if (paths.length === 0 || paths.includes("*")) return given;
  const known = messageType(kind.message);
  const unknown = paths.find((path) => known?.field(path.split(".")[0] ?? "") === undefined);
  if (unknown !== undefined) throw invalid("updateMask", unknown, `There is no such field in ${kind.message}.`);
  return applyMask(before.resource, given, paths);
}
