import { isJsonObject, type Json, type JsonObject } from "#base/json.ts";
import { runUrlMapTests } from "#control/validate/url-map-tests.ts";
import { conform } from "#model/conform.ts";
import type { Call, Result, Verb } from "../context.ts";
import { inputOf, refuse } from "../draft.ts";
import { required } from "../faults.ts";
import { requireKind } from "../kinds.ts";
import { existing } from "../standard.ts";

/** Verbs of URL maps beyond the standard ones. */
export const urlMapVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["validate", { method: "POST", on: "resource", mutates: false, run: validate }],
  // There is no cache; Google's tools call it after changes and want an operation.
  ["invalidateCache", { method: "POST", on: "resource", mutates: true, run: (call) => ({ target: existing(call).key, changes: [] }) }],
]);

/**
 * Whether a map is right in itself, and what its tests say (Google: static validation): neither the map nor what it refers to need exist.
 * Only what is no URL map at all is an error of the call; everything else is part of the answer.
 */
function validate(call: Call): Result {
  const { body, name } = call.command;
  const given = isJsonObject(body) ? body["resource"] : undefined;
  if (given === undefined || given === null) throw required("resource");
  const kind = requireKind("urlMaps");
  const { value, faults } = conform(kind.message, inputOf(kind, given));
  refuse(faults);
  const resource = kind.defaults({ name: name ?? "", ...value });
  const semantic = kind.check(resource).map(({ message }) => message);
  return { answer: { result: semantic.length > 0 ? unloadable(semantic) : tested(resource) } };
}

function unloadable(loadErrors: readonly string[]): JsonObject {
  return { loadSucceeded: false, loadErrors: [...loadErrors], testPassed: false };
}

function tested(resource: JsonObject): JsonObject {
  const { loadErrors, testFailures } = runUrlMapTests(resource);
  if (loadErrors.length > 0) return unloadable(loadErrors);
  const passed = testFailures.length === 0;
  // A failure is plain data of optional fields, which is JSON.
  return { loadSucceeded: true, testPassed: passed, ...(passed ? {} : { testFailures: testFailures as unknown as Json }) };
}
