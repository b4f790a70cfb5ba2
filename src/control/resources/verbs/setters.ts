import { isJsonObject } from "#base/json.ts";
import type { Call, Result, Verb } from "../context.ts";
import { required } from "../faults.ts";
import { checkFingerprint } from "../fingerprint.ts";
import { requireKind } from "../kinds.ts";
import { changeable, write } from "../standard.ts";

/** Verbs that set one field of a resource. */

/** `{urlMap}` */
export const targetProxyVerbs: ReadonlyMap<string, Verb> = new Map([["setUrlMap", setter("urlMap")]]);

/** `{target}`, and `{labels, labelFingerprint}` */
export const forwardingRuleVerbs: ReadonlyMap<string, Verb> = new Map([
  ["setTarget", setter("target")],
  ["setLabels", { method: "POST", on: "resource", mutates: true, run: setLabels }],
]);

function setter(field: string): Verb {
  return { method: "POST", on: "resource", mutates: true, run: (call) => setField(call, field) };
}

function setField(call: Call, field: string): Result {
  const before = changeable(call);
  const { body, collection } = call.command;
  const value = isJsonObject(body) ? body[field] : undefined;
  if (value === undefined || value === null || value === "") throw required(field);
  return write(call, requireKind(collection), { before, input: { ...before.resource, [field]: value } });
}

/** Labels are replaced whole. */
function setLabels(call: Call): Result {
  const before = changeable(call);
  const { body, collection } = call.command;
  checkFingerprint(body, before, "labelFingerprint");
  const labels = isJsonObject(body) ? (body["labels"] ?? {}) : {};
  return write(call, requireKind(collection), { before, input: { ...before.resource, labels } });
}
