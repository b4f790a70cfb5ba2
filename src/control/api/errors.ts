import type { Fault, FaultCode, UserError } from "#base/errors.ts";
import type { JsonObject } from "#base/json.ts";
import type { Command, Outcome } from "../command.ts";
import { catalogue } from "../resources/catalogue.ts";

/** Google's two forms of an error body: Compute lists `errors` with reasons; everything under `/v1`, and our own API, has a `status`. */
export type ErrorStyle = "compute" | "v1";

interface Row {
  readonly http: number;
  /** Compute's `reason`. */
  readonly reason: string;
  /** `google.rpc.Code` */
  readonly status: string;
}

const table: Readonly<Record<FaultCode, Row>> = {
  invalid: { http: 400, reason: "invalid", status: "INVALID_ARGUMENT" },
  required: { http: 400, reason: "required", status: "INVALID_ARGUMENT" },
  notFound: { http: 404, reason: "notFound", status: "NOT_FOUND" },
  alreadyExists: { http: 409, reason: "alreadyExists", status: "ALREADY_EXISTS" },
  resourceInUseByAnotherResource: { http: 400, reason: "resourceInUseByAnotherResource", status: "FAILED_PRECONDITION" },
  resourceNotReady: { http: 400, reason: "resourceNotReady", status: "FAILED_PRECONDITION" },
  conditionNotMet: { http: 412, reason: "conditionNotMet", status: "FAILED_PRECONDITION" },
  failedPrecondition: { http: 400, reason: "failedPrecondition", status: "FAILED_PRECONDITION" },
  forbidden: { http: 403, reason: "forbidden", status: "PERMISSION_DENIED" },
  unauthorized: { http: 401, reason: "authError", status: "UNAUTHENTICATED" },
  tooLarge: { http: 413, reason: "uploadTooLarge", status: "INVALID_ARGUMENT" },
  limitExceeded: { http: 429, reason: "rateLimitExceeded", status: "RESOURCE_EXHAUSTED" },
  methodNotAllowed: { http: 405, reason: "httpMethodNotAllowed", status: "UNIMPLEMENTED" },
  unsupported: { http: 400, reason: "unsupported", status: "INVALID_ARGUMENT" },
};

/** In which form the caller of a command expects its errors. */
export function styleOf(command: Pick<Command, "collection" | "scope">): ErrorStyle {
  if (command.scope.startsWith("locations/")) return "v1";
  const api = catalogue.get(command.collection)?.kind?.api;
  const own = command.collection === "wayside" || command.collection === "secrets" || command.collection === "locations";
  const ofAgents = command.collection === "joinTokens";
  const registration = command.collection === "instances" && command.scope === "";
  return own || ofAgents || registration || (api !== undefined && api !== "compute") ? "v1" : "compute";
}

/** Nobody reads more than these, and a body of a megabyte can hold hundreds of thousands of mistakes, each with the value it is about. */
const mostFaults = 100;
const longestText = 2_000;

/** The answer to a mistake of the user: the status of the first fault, and all faults up to a number that can be read. */
export function errorOutcome(style: ErrorStyle, error: UserError): Outcome {
  const { http, status } = table[error.code];
  const faults = readable(error.faults);
  const message = faults[0]?.message ?? clipped(error.message);
  const body = style === "compute" ? computeError(http, message, faults) : v1Error({ code: http, message, status }, faults);
  return { status: http, body };
}

function readable(faults: readonly Fault[]): Fault[] {
  const shown = faults
    .slice(0, mostFaults)
    .map(({ code, field, message }) => ({ code, message: clipped(message), ...(field === undefined ? {} : { field: clipped(field) }) }));
  const more = faults.length - shown.length;
  return more > 0 ? [...shown, { code: "invalid", message: `There are ${more} more errors.` }] : shown;
}

function clipped(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

/** The answer to a mistake of ours: an id to look for in the log, and nothing else. */
export function internalOutcome(style: ErrorStyle, id: string): Outcome {
  const message = `Internal error. Please quote the id ${id}.`;
  return failure({ style, http: 500, status: "INTERNAL", message });
}

/** The project's object cannot take the request now; nothing was done, and it may be sent again. */
export function unavailableOutcome(style: ErrorStyle): Outcome {
  return failure({ style, http: 503, status: "UNAVAILABLE", message: "The service is currently unavailable. Please try again." });
}

function failure({ style, http, status, message }: { style: ErrorStyle; http: number; status: string; message: string }): Outcome {
  const errors = [{ domain: "global", reason: "backendError", message }];
  return { status: http, body: { error: style === "compute" ? { code: http, message, errors } : { code: http, message, status } } };
}

function computeError(code: number, message: string, faults: readonly Fault[]): JsonObject {
  const errors = faults.map((fault) => ({
    domain: "global",
    reason: table[fault.code].reason,
    message: fault.message,
    ...(fault.field === undefined ? {} : { location: fault.field, locationType: "parameter" }),
  }));
  return { error: { code, message, errors } };
}

function v1Error(error: { code: number; message: string; status: string }, faults: readonly Fault[]): JsonObject {
  const violations = faults.flatMap(({ field, message }) => (field === undefined ? [] : [{ field, description: message }]));
  const details = [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: violations }];
  return { error: { ...error, ...(violations.length === 0 ? {} : { details }) } };
}
