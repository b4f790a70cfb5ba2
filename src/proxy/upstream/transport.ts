import type { Cluster, Transport } from "#ir/cluster.ts";
import type { Target } from "../balance/balancer.ts";

/** How requests leave the proxy. */

/** What `fetch` is given; `encodeResponseBody: "manual"` keeps compressed bodies as they are (workerd). */
export interface FetchInit {
  /** Like `body` absent where a `Request` is fetched, which has both. */
  readonly method?: string;
  readonly headers: Headers;
  readonly body?: ReadableStream | ArrayBuffer | null;
  readonly redirect: "manual";
  readonly signal: AbortSignal;
  readonly encodeResponseBody: "manual";
}

export type FetchLike = (target: string | Request, init: FetchInit) => Promise<Response>;

/** The Fetcher of each transport that this proxy was given; undefined for the others. */
export type FetchFor = (transport: Transport) => FetchLike | undefined;

/** Why an attempt got no answer. `lost`: refused or reset, which workerd does not tell apart. */
export type Failure = "connect-failure" | "reset" | "refused-stream" | "overflow" | "timeout" | "lost";

/** The URL that reaches `target`: the authority is the instance's address, since `fetch` makes the Host header from it. */
export function urlOf(cluster: Cluster, target: Target, pathAndQuery: string): string {
  // Whatever a rewrite made, it stays behind the authority.
  const path = pathAndQuery.startsWith("/") ? pathAndQuery : `/${pathAndQuery}`;
  return `${cluster.scheme}://${target.authority}${path}`;
}

/**
 * What an error of `fetch` means. Workers VPC names `connection_refused`, `dns_error` and `connection_terminated`; workerd says
 * "Network connection lost." for a refused and for a reset connection alike.
 */
export function failureOfError(message: string): Failure {
  if (/connection_refused|dns_error/.test(message)) return "connect-failure";
  if (message.includes("connection_terminated")) return "reset";
  return "lost";
}

const edgeFailures = new Map<number, Failure>([
  [520, "lost"],
  [521, "connect-failure"],
  [522, "connect-failure"],
  [523, "connect-failure"],
  [524, "timeout"],
  [525, "connect-failure"],
  [526, "connect-failure"],
  [530, "connect-failure"],
]);

/** Over the public internet Cloudflare's edge answers for an origin that it cannot reach, instead of throwing. */
export function failureOfStatus(transport: Transport, status: number): Failure | undefined {
  return transport === "public" ? edgeFailures.get(status) : undefined;
}
