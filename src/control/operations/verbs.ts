import type { JsonObject } from "#base/json.ts";
import type { Call, Verb } from "../resources/context.ts";
import { aggregate, bodies, nextToken } from "../resources/list.ts";
import { keyOf, computeLink } from "../resources/names.ts";
import { notFound } from "../resources/faults.ts";
import { pageOf, type Listed } from "../resources/page.ts";
import type { StoredOperation } from "./log.ts";

/** Operations as a collection of their own, in the style of the API that the scope belongs to: `locations/…` is Network Services'. */
export const operationVerbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["get", { method: "GET", on: "resource", mutates: false, run: (call) => ({ answer: existing(call).body }) }],
  // Every operation is done when it is answered, so that there is nothing to wait for.
  ["wait", { method: "POST", on: "resource", mutates: false, run: (call) => ({ answer: existing(call).body }) }],
  ["cancel", { method: "POST", on: "resource", mutates: false, run: (call) => (existing(call), { answer: {} }) }],
  ["delete", { method: "DELETE", on: "resource", mutates: true, run: remove }],
  ["list", { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: list(call) }) }],
  ["aggregatedList", { method: "GET", on: "collection", mutates: false, run: (call) => ({ answer: aggregatedList(call) }) }],
]);

function existing({ command, context }: Call): StoredOperation {
  const name = command.name ?? "";
  const found = context.operations.get(command.scope, name);
  if (!found) throw notFound(command.project, keyOf(command.scope, "operations", name));
  return found;
}

function remove(call: Call): { answer: JsonObject } {
  const { scope, name } = existing(call);
  call.context.operations.delete(scope, name);
  return { answer: {} };
}

function list({ command, context }: Call): JsonObject {
  const listed = context.operations.list(command.scope).map(listedOf);
  if (command.scope.startsWith("locations/")) {
    const page = pageOf(listed, command.query, "pageSize");
    return { operations: bodies(page), ...nextToken(page) };
  }
  const page = pageOf(listed, command.query, "maxResults");
  return {
    kind: "compute#operationList",
    id: `projects/${command.project}/${command.scope}/operations`,
    items: bodies(page),
    selfLink: computeLink(command.project, `${command.scope}/operations`),
    ...nextToken(page),
  };
}

function aggregatedList({ command, context }: Call): JsonObject {
  const compute = context.operations.list().filter(({ scope }) => !scope.startsWith("locations/"));
  const page = pageOf(compute.map(listedOf), command.query, "maxResults");
  const { project } = command;
  return aggregate(
    { project, collection: "operations", kind: "compute#operationAggregatedList", scopes: ["global", "region", "zone"] },
    page,
  );
}

function listedOf({ scope, name, body }: StoredOperation): Listed {
  return { key: keyOf(scope, "operations", name), body };
}
