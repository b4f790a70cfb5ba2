/** Answers that the mesh gives itself, when no upstream's answer can be passed on. */

/** Names in a response why the mesh itself answered. Never on an upstream's own answer. */
const reasonHeader = "x-wayside-reason";

/** Why the mesh answered: a closed list, part of the contract with callers. */
const reasons = {
  /** No service of the project has this host. */
  no_service: 404,
  /** The service has no rule for the request. */
  no_route: 404,
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
  /** The route's or the attempt's timeout was over before an answer began. */
  upstream_timeout: 504,
  /** The connection was lost after the request had reached the instance. */
  upstream_reset: 502,
  /** The instance answered with what is no HTTP response that can be passed on. */
  upstream_protocol_error: 502,
  /** The caller went away before an answer began; only logs and spans see it. */
  client_closed: 499,
  /** Our fault; the body has an id. */
  internal_error: 500,
} as const satisfies Record<string, number>;

export type Reason = keyof typeof reasons;

export interface Explanation {
  readonly reason: Reason;
  /** One sentence without line breaks: what was looked for, where, and what was missing. Never a header's value. */
  readonly text: string;
  /** Finds the request in traces. */
  readonly id: string;
}

/** The status of the reason, the reason header, and one line of text. A missing configuration is a matter of moments, and says so. */
export function answer(explanation: Explanation): Response {
  const { reason, text, id } = explanation;
  const headers = new Headers({ "content-type": "text/plain; charset=utf-8", [reasonHeader]: reason });
  if (reason === "no_config") headers.set("retry-after", "1");
  return new Response(`wayside: ${reason}: ${text} (${id})\n`, { status: reasons[reason], headers });
}
