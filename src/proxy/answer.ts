import type { HeaderMutation } from "#ir/route.ts";
import { grpcMessageOf, grpcStatusOf, grpcTypeOf } from "./grpc.ts";

/** Answers that the mesh gives itself, when no upstream's answer can be passed on. */

/** Names in a response why the mesh itself answered. Never on an upstream's own answer. */
const reasonHeader = "x-wayside-reason";

/** The id, for those who do not read the body. `wayside explain --id` explains it. */
const idHeader = "x-wayside-id";

/** Why the mesh answered: a closed list, part of the contract with callers. */
const reasons = {
  /** No service of the project has this host. */
  no_service: 404,
  /** The service has no rule for the request. */
  no_route: 404,
  /** The path has no form that rules and applications could agree on. */
  path_refused: 400,
  /** The URL is longer than the service takes. */
  uri_too_long: 414,
  /** More headers, or more bytes of them, than the service takes. */
  headers_too_large: 431,
  /** A body that is larger than the service takes. */
  body_too_large: 413,
  /** The request came back through the mesh again and again. */
  loop_detected: 508,
  /** A TRACE or OPTIONS request was to go no further. */
  max_forwards: 405,
  /** The rule's fault injection aborted the request; its policy says with which status. */
  fault_injected: 503,
  /** The proxy has no configuration yet. */
  no_config: 503,
  /** The rule sends requests nowhere: no destination has a weight. */
  no_destination: 503,
  /** No instance of the backend service is healthy. */
  no_healthy_endpoints: 503,
  /** A header needs a secret that is missing, destroyed or cannot be opened. */
  secret_unavailable: 503,
  /** The backend service is reached by a transport that this proxy was not given. */
  no_transport: 503,
  /** No connection to an instance, or it was lost before an answer began. */
  upstream_connect_failure: 503,
  /** The backend service's circuit breakers allow no more requests at a time. */
  overflow: 503,
  /** The rule's rate limit has no token left. */
  rate_limited: 429,
  /** The route's or the attempt's timeout was over before an answer began. */
  upstream_timeout: 504,
  /** The connection was lost after the request had reached the instance. */
  upstream_reset: 502,
  /** The instance answered with what is no HTTP response that can be passed on. */
  upstream_protocol_error: 502,
  /** The instance answered with more headers, or more bytes of them, than the service takes. */
  upstream_headers_too_large: 502,
  /** A limit of the route was over while the caller had not sent all of its request. */
  request_timeout: 408,
  /** The caller went away before an answer began; only logs and spans see it. */
  client_closed: 499,
  /** Our fault; the body has an id. */
  internal_error: 500,
} as const satisfies Record<string, number>;

/** Statuses whose responses have no body (Fetch standard: null body status). */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

export type Reason = keyof typeof reasons;

export interface Explanation {
  readonly reason: Reason;
  /** One sentence without line breaks: what was looked for, where, and what was missing. Never a header's value. */
  readonly text: string;
  /** Finds the request in traces, and its explanation. */
  readonly id: string;
  /** In place of the reason's. */
  readonly status?: number;
  /** In place of the line of text. */
  readonly body?: string;
  /** Of that body, where it is no plain text. */
  readonly contentType?: string;
  /** When to ask again, in whole seconds. */
  readonly retryAfterSec?: number;
  /** Lets a page of another origin read it. */
  readonly cors?: HeaderMutation;
}

/** The status of the reason, the reason header, and one line of text; the same in gRPC's form for a request whose `headers` ask for it. */
export function answer(explanation: Explanation, request: { readonly headers: { get(name: string): string | null } }): Response {
  const { reason, text, id, cors, status = reasons[reason] } = explanation;
  // A missing configuration is a matter of moments.
  const { body = `wayside: ${reason}: ${text} (${id})\n`, retryAfterSec = reason === "no_config" ? 1 : undefined } = explanation;
  const { contentType = "text/plain; charset=utf-8" } = explanation;
  const headers = new Headers({ "content-type": contentType, [reasonHeader]: reason, [idHeader]: id });
  if (retryAfterSec !== undefined) headers.set("retry-after", String(retryAfterSec));
  for (const [name, value] of [...(cors?.set ?? []), ...(cors?.add ?? [])]) if (typeof value === "string") headers.set(name, value);
  const grpcType = grpcTypeOf(request.headers);
  if (grpcType !== undefined) {
    headers.set("content-type", grpcType);
    headers.set("grpc-status", String(grpcStatusOf(status)));
    headers.set("grpc-message", grpcMessageOf(body.trimEnd()));
    return new Response(null, { status: 200, headers });
  }
  return new Response(bodiless.has(status) ? null : body, { status, headers });
}
