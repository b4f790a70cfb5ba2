import type { JsonObject } from "#base/json.ts";
import { randomHex } from "#base/random.ts";
import type { Kind } from "#model/kind.ts";
import type { ResourceKey } from "../store/store.ts";
import type { Call } from "../resources/context.ts";
import { computeLink, keyOf, pathOf, scopeOf, upperFirst } from "../resources/names.ts";
import { present, timestamp } from "../resources/present.ts";
import { newId } from "../resources/draft.ts";
import { lookUp } from "../resources/derived.ts";
import type { StoredOperation } from "./log.ts";

/** A mutation that was carried out. */
export interface Done {
  readonly kind: Kind;
  readonly target: ResourceKey;
}

/**
 * The operation that answers a mutation, in the API's own shape. It is done already: all there is to do happens in the call's
 * transaction, and what follows from it (instances, snapshots) is watched on the resources.
 */
export function operationOf(call: Call, done: Done): StoredOperation {
  const { clock, random } = call.context;
  const name = `operation-${clock.now()}-${randomHex(random, 8)}-${randomHex(random, 4)}`;
  const scope = scopeOf(done.target);
  const requestKey = requestKeyOf(call);
  const body = done.kind.api === "compute" ? computeOperation(call, done, name) : longRunningOperation(call, done, name);
  return { name, scope, body, ...(requestKey === undefined ? {} : { requestKey }) };
}

/** What makes two requests the same one: the caller's `requestId`, for the same method on the same path. */
export function requestKeyOf({ command }: Call): string | undefined {
  const requestId = command.query["requestId"];
  if (requestId === undefined || requestId === "") return undefined;
  return [requestId, command.verb, keyOf(command.scope, command.collection, command.name ?? "")].join(" ");
}

function computeOperation(call: Call, { kind, target }: Done, name: string): JsonObject {
  const { command, context } = call;
  const { project } = command;
  const scope = scopeOf(target);
  const time = timestamp(context.clock.now());
  const requestId = command.query["requestId"];
  return {
    kind: "compute#operation",
    id: newId(call, context.store.nextRevision()),
    name,
    ...(requestId ? { clientOperationId: requestId } : {}),
    operationType: operationType(kind, command.verb),
    targetLink: computeLink(project, target),
    ...targetId(call, target),
    status: "DONE",
    user: command.user,
    progress: 100,
    insertTime: time,
    startTime: time,
    endTime: time,
    selfLink: computeLink(project, `${scope}/operations/${name}`),
    ...(scope.startsWith("zones/") ? { zone: computeLink(project, scope) } : {}),
    ...(scope.startsWith("regions/") ? { region: computeLink(project, scope) } : {}),
  };
}

/** Google: the standard verbs by their names, the others as `compute.collection.verb`. */
function operationType(kind: Kind, verb: string): string {
  return ["insert", "patch", "update", "delete"].includes(verb) ? verb : `compute.${kind.collection}.${verb}`;
}

/** Gone with a deleted resource, whose id the caller knew. */
function targetId({ command, context }: Call, target: ResourceKey): JsonObject {
  const id = lookUp(context.store, command.project, target)?.id;
  return id === undefined ? {} : { targetId: id };
}

const emptyType = "type.googleapis.com/google.protobuf.Empty";
const verbNames: Readonly<Record<string, string>> = { insert: "create", patch: "update", update: "update", delete: "delete" };

/** `google.longrunning.Operation` */
function longRunningOperation(call: Call, { kind, target }: Done, name: string): JsonObject {
  const { command, context } = call;
  const { project } = command;
  const types = `type.googleapis.com/google.cloud.${kind.api}.v1`;
  const time = timestamp(context.clock.now());
  const stored = context.store.get(target);
  return {
    name: pathOf(project, `${scopeOf(target)}/operations/${name}`),
    metadata: {
      "@type": `${types}.OperationMetadata`,
      createTime: time,
      endTime: time,
      target: pathOf(project, target),
      verb: verbNames[command.verb] ?? command.verb,
      requestedCancellation: false,
      apiVersion: "v1",
    },
    done: true,
    response: stored ? { "@type": `${types}.${upperFirst(kind.singular)}`, ...present(call, kind, stored) } : { "@type": emptyType },
  };
}
