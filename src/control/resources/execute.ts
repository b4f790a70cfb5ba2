import { UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import type { Kind } from "#model/kind.ts";
import { operationOf, requestKeyOf } from "../operations/operation.ts";
import type { Command, Outcome } from "../command.ts";
import { catalogue, type Collection } from "./catalogue.ts";
import type { Call, ExecuteContext, Execution, Result, Verb } from "./context.ts";
import { checkScope } from "./places.ts";
import { present } from "./present.ts";

/**
 * Executes one command: all that it changes is changed when this returns, or nothing is when it throws. Synchronous; it opens a
 * transaction of its own, which joins that of a caller who has more to keep together with it (compilation, outbox).
 *
 * Throws `UserError` for the user's faults. Secrets (`secrets`) and the collection `wayside` are not for it.
 */
export function execute(command: Command, context: ExecuteContext): Execution {
  const { collection, verb } = find(command);
  checkScope(command);
  const call: Call = { command, context };
  return context.store.transaction(() => {
    const repeated = verb.mutates ? repeatedOperation(call) : undefined;
    if (repeated) return { outcome: ok(repeated), changes: [] };
    return finish(call, collection.kind, verb.run(call));
  });
}

function find({ collection: name, verb: verbName }: Command): { collection: Collection; verb: Verb } {
  const collection = catalogue.get(name);
  const verb = collection?.verbs.get(verbName);
  if (collection && verb) return { collection, verb };
  throw new UserError({ code: "methodNotAllowed", message: `The collection '${name}' has no method '${verbName}'.` });
}

/** The same request again, told by its `requestId`, gets the operation of the first one and changes nothing. */
function repeatedOperation(call: Call): JsonObject | undefined {
  const requestKey = requestKeyOf(call);
  return requestKey === undefined ? undefined : call.context.operations.byRequest(requestKey)?.body;
}

function finish(call: Call, kind: Kind | undefined, result: Result): Execution {
  if ("answer" in result) return { outcome: ok(result.answer), changes: result.changes ?? [] };
  const { target, changes } = result;
  if (!kind) throw new Error(`a mutation of ${call.command.collection}, which has no kind`);
  if (kind.api === "wayside") {
    const stored = call.context.store.get(target);
    return { outcome: ok(stored ? present(call, kind, stored) : {}), changes };
  }
  const operation = operationOf(call, { kind, target });
  call.context.operations.put(operation);
  return { outcome: ok(operation.body), changes };
}

function ok(body: JsonObject): Outcome {
  return { status: 200, body };
}
