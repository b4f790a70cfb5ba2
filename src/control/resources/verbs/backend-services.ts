import { isJsonObject } from "#base/json.ts";
import { groupKeyOf, groupSource } from "#control/compiler/group-source.ts";
import { backendGroups, groupHealth } from "../backend-health.ts";
import type { Call, Result, Verb } from "../context.ts";
import { invalid, notFound, required } from "../faults.ts";
import { listVerb } from "../list.ts";
import { requireKind } from "../kinds.ts";
import { existing } from "../standard.ts";
import { viewOf } from "../view.ts";

/** Verbs of backend services beyond the standard ones. */
export const backendServiceVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["getHealth", { method: "POST", on: "resource", mutates: false, run: getHealth }],
  // All that is there may be used by whoever may read it.
  ["listUsable", { method: "GET", on: "collection", mutates: false, run: (call) => listVerb(requireKind("backendServices")).run(call) }],
]);

/** Health of one backend of the service; Google's clients ask once for each. */
function getHealth(call: Call): Result {
  const service = existing(call);
  const { body, project } = call.command;
  const reference = isJsonObject(body) ? body["group"] : undefined;
  if (typeof reference !== "string" || reference === "") throw required("resource.group");
  const view = viewOf(call);
  const key = groupKeyOf(view, reference);
  if (key === undefined) throw invalid("resource.group", reference, "The URL is malformed.");
  const group = groupSource(view, key);
  if (!group) throw notFound(project, key);
  if (!backendGroups(call, service).includes(key)) {
    throw invalid("resource.group", reference, `The group is not a backend of the backend service '${service.name}'.`);
  }
  const healthStatus = groupHealth(call, service, group);
  return { answer: { kind: "compute#backendServiceGroupHealth", ...(healthStatus.length === 0 ? {} : { healthStatus }) } };
}
